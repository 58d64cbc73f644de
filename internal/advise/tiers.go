package advise

import (
	"fmt"
	"regexp"
	"strconv"
)

// Editions of Cloud SQL. Managed connection pooling is there in the second one only.
const (
	Enterprise     = "ENTERPRISE"
	EnterprisePlus = "ENTERPRISE_PLUS"
)

// Tier is the machine of a Cloud SQL instance.
type Tier struct {
	Name     string
	VCPU     int64
	MemoryMB int64
	Edition  string
}

// families are the tiers whose name says how large they are: with memory of their own, or so much for each processor.
var families = []struct {
	form    *regexp.Regexp
	perVCPU int64
	edition string
}{
	{regexp.MustCompile(`^db-custom-([1-9][0-9]{0,2})-([1-9][0-9]{0,6})$`), 0, Enterprise},
	{regexp.MustCompile(`^db-perf-optimized-N-([1-9][0-9]{0,2})$`), 8192, EnterprisePlus},
	{regexp.MustCompile(`^db-c4a-highmem-([1-9][0-9]{0,2})$`), 8192, EnterprisePlus},
	{regexp.MustCompile(`^db-n1-standard-([1-9][0-9]{0,2})$`), 3840, Enterprise},
	{regexp.MustCompile(`^db-n1-highmem-([1-9][0-9]{0,2})$`), 6656, Enterprise},
}

// ParseTier reads a tier's name. It asks how large the machine is, and leaves it to Cloud SQL whether there is one.
func ParseTier(name string) (Tier, error) {
	switch name {
	case "db-f1-micro":
		return Tier{name, 1, 614, Enterprise}, nil
	case "db-g1-small":
		return Tier{name, 1, 1740, Enterprise}, nil
	}
	for _, family := range families {
		m := family.form.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		cpu, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return Tier{}, err
		}
		memory := cpu * family.perVCPU
		if len(m) > 2 {
			if memory, err = strconv.ParseInt(m[2], 10, 64); err != nil {
				return Tier{}, err
			}
		}
		return Tier{name, cpu, memory, family.edition}, nil
	}
	return Tier{}, fmt.Errorf("the tier %q is not known here, nor how large its machine is", name)
}

// connectionsByMemory is Cloud SQL's default of max_connections: so many from so much memory on.
var connectionsByMemory = []struct{ fromMB, connections int64 }{
	{122880, 1000}, {61440, 800}, {30720, 600}, {15360, 500}, {7680, 400}, {6144, 200}, {3840, 100}, {1024, 50}, {0, 25},
}

// DefaultConnections is max_connections of an instance that does not set it.
func (t Tier) DefaultConnections() int64 {
	for _, step := range connectionsByMemory {
		if t.MemoryMB >= step.fromMB {
			return step.connections
		}
	}
	return 0
}

// Poolers is how many poolers managed connection pooling runs on the machine.
func (t Tier) Poolers() int64 { return max(1, t.VCPU/4) }

// memoryFor is the least memory whose default of max_connections is enough, 0 when none is.
func memoryFor(connections int64) int64 {
	var least int64
	for _, step := range connectionsByMemory {
		if step.connections >= connections {
			least = max(step.fromMB, 1)
		}
	}
	return least
}
