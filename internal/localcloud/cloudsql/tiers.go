package cloudsql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

var (
	customTier = regexp.MustCompile(`^db-custom-([0-9]+)-([0-9]+)$`)
	plusTier   = regexp.MustCompile(`^db-(perf-optimized-N|c4a-highmem)-([0-9]+)$`)
)

// regions are those that tiers are listed for.
var regions = []string{"us-central1", "us-east1", "us-east4", "us-west1", "europe-west1", "europe-west3"}

// memory answers a tier's RAM in MB, 0 when there is no such tier in the edition.
func memory(tier, edition string) int {
	if edition == plus {
		m := plusTier.FindStringSubmatch(tier)
		if m == nil {
			return 0
		}
		n, err := strconv.Atoi(m[2])
		if err != nil || !slices.Contains([]int{1, 2, 4, 8, 16, 32, 48, 64, 72, 80, 96, 128}, n) {
			return 0
		}
		return n * 8 << 10
	}
	switch tier {
	case "db-f1-micro":
		return 614
	case "db-g1-small":
		return 1740
	}
	m := customTier.FindStringSubmatch(tier)
	if m == nil {
		return 0
	}
	cpu, err := strconv.Atoi(m[1])
	if err != nil || cpu < 1 || cpu > 96 || cpu > 1 && cpu%2 == 1 {
		return 0
	}
	mb, err := strconv.Atoi(m[2])
	if err != nil || mb%256 != 0 || mb < 3840 || mb > cpu*6656 {
		return 0
	}
	return mb
}

func checkTier(s *sqladmin.Settings) error {
	if memory(s.Tier, s.Edition) > 0 {
		return nil
	}
	hint := "Use a custom machine type like db-custom-2-7680 instead."
	if s.Edition == plus {
		hint = "Use a predefined Tier like db-perf-optimized-N-* instead."
	}
	return gapi.Invalid("Invalid request: Invalid Tier (%s) for (%s) Edition. %s Learn more at "+
		"https://cloud.google.com/sql/docs/postgres/create-instance#machine-types", s.Tier, s.Edition, hint)
}

// defaultConnections is Cloud SQL's max_connections for a tier, which follows its memory.
func defaultConnections(tier string) int {
	mb := max(memory(tier, enterprise), memory(tier, plus))
	for _, step := range []struct{ below, connections int }{
		{1024, 25}, {3840, 50}, {6144, 100}, {7680, 200}, {15360, 400}, {30720, 500}, {61440, 600}, {122880, 800},
	} {
		if mb < step.below {
			return step.connections
		}
	}
	return 1000
}

// poolers is how many poolers managed connection pooling runs on a tier: one for every four virtual CPUs.
func poolers(tier string) int64 {
	if m := plusTier.FindStringSubmatch(tier); m != nil {
		cpu, _ := strconv.ParseInt(m[2], 10, 64) // digits: too many of them are no tier
		return max(1, cpu/4)
	}
	return 1
}

func (f *Face) listTiers(*call) (any, error) {
	names := []string{"db-f1-micro", "db-g1-small"}
	for _, cpu := range []int{1, 2, 4, 8, 16, 32, 64, 96} {
		names = append(names, fmt.Sprintf("db-custom-%d-%d", cpu, cpu*3840))
	}
	for _, cpu := range []int{2, 4, 8, 16, 32, 48, 64, 80, 96, 128} {
		names = append(names, fmt.Sprintf("db-perf-optimized-N-%d", cpu))
	}
	list := &sqladmin.TiersListResponse{Kind: "sql#tiersList"}
	for _, name := range names {
		mb := max(memory(name, enterprise), memory(name, plus))
		list.Items = append(list.Items, &sqladmin.Tier{
			Kind: "sql#tier", Tier: name, RAM: int64(mb) << 20, DiskQuota: 65536 << 30, Region: regions,
		})
	}
	return list, nil
}

var sharedTier = regexp.MustCompile(`^db-(f1-micro|g1-small)$`)

// processors answers how many a tier's machine has, 0 when there is no such tier.
func processors(tier string) int {
	text := "1"
	if m := customTier.FindStringSubmatch(tier); m != nil {
		text = m[1]
	} else if m := plusTier.FindStringSubmatch(tier); m != nil {
		text = m[2]
	} else if !sharedTier.MatchString(tier) {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
