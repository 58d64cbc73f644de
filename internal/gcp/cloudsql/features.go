package cloudsql

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

// Insights is Query Insights: which queries take the time.
type Insights struct {
	Enabled         bool
	PlansPerMinute  *int64 // nil: as it is
	QueryLength     *int64 // in bytes; nil: as it is
	ApplicationTags bool
	ClientAddress   bool
}

// InsightsLimits is the most that Query Insights keep in an edition: plans a minute, and bytes of a query.
func InsightsLimits(edition string) (plansPerMinute, queryLength int64) {
	if edition == EnterprisePlus {
		return 200, 100000
	}
	return 20, 4500
}

func (p Policy) insights(live *sqladmin.InsightsConfig) *sqladmin.InsightsConfig {
	want := p.Insights
	if want == nil {
		return nil
	}
	if live == nil {
		live = &sqladmin.InsightsConfig{}
	}
	if !want.Enabled {
		if !live.QueryInsightsEnabled {
			return nil
		}
		return &sqladmin.InsightsConfig{ForceSendFields: []string{"QueryInsightsEnabled"}}
	}
	if live.QueryInsightsEnabled && live.RecordApplicationTags == want.ApplicationTags && live.RecordClientAddress == want.ClientAddress &&
		(want.PlansPerMinute == nil || *want.PlansPerMinute == live.QueryPlansPerMinute) &&
		(want.QueryLength == nil || *want.QueryLength == live.QueryStringLength) {
		return nil
	}
	change := &sqladmin.InsightsConfig{
		QueryInsightsEnabled: true, RecordApplicationTags: want.ApplicationTags, RecordClientAddress: want.ClientAddress,
		ForceSendFields: []string{"RecordApplicationTags", "RecordClientAddress"},
	}
	if want.PlansPerMinute != nil {
		change.QueryPlansPerMinute = *want.PlansPerMinute
		change.ForceSendFields = append(change.ForceSendFields, "QueryPlansPerMinute")
	}
	if want.QueryLength != nil {
		change.QueryStringLength = *want.QueryLength
	}
	return change
}

// Pooling is managed connection pooling: poolers on the instance, on a port of their own.
type Pooling struct {
	Enabled bool
	Flags   map[string]string // all of them; nil: as they are
}

// PoolingOn tells whether managed connection pooling is on.
func PoolingOn(s *sqladmin.Settings) bool {
	return s.ConnectionPoolConfig != nil && s.ConnectionPoolConfig.ConnectionPoolingEnabled
}

// PoolFlags is the pooler's flags by name.
func PoolFlags(s *sqladmin.Settings) map[string]string {
	if s.ConnectionPoolConfig == nil {
		return nil
	}
	flags := map[string]string{}
	for _, flag := range s.ConnectionPoolConfig.Flags {
		flags[flag.Name] = flag.Value
	}
	return flags
}

func (p Policy) pooling(live *sqladmin.Settings) *sqladmin.ConnectionPoolConfig {
	want := p.Pooling
	switch {
	case want == nil, !want.Enabled && !PoolingOn(live):
		return nil
	case !want.Enabled:
		return &sqladmin.ConnectionPoolConfig{ForceSendFields: []string{"ConnectionPoolingEnabled"}}
	case PoolingOn(live) && (want.Flags == nil || maps.Equal(want.Flags, PoolFlags(live))):
		return nil
	}
	change := &sqladmin.ConnectionPoolConfig{ConnectionPoolingEnabled: true}
	if want.Flags != nil {
		change.ForceSendFields = []string{"Flags"}
		for _, name := range slices.Sorted(maps.Keys(want.Flags)) {
			change.Flags = append(change.Flags, &sqladmin.ConnectionPoolFlags{
				Name: name, Value: want.Flags[name], ForceSendFields: []string{"Value"},
			})
		}
		if change.Flags == nil {
			change.Flags = []*sqladmin.ConnectionPoolFlags{}
		}
	}
	return change
}

// Denied is the instance's deny period, nil when it has none.
func Denied(s *sqladmin.Settings) *DenyPeriod {
	if len(s.DenyMaintenancePeriods) == 0 {
		return nil
	}
	p := s.DenyMaintenancePeriods[0] // there is one at most
	clock := p.Time
	if clock == "" {
		clock = "00:00:00"
	}
	return &DenyPeriod{Start: padded(p.StartDate), End: padded(p.EndDate), Time: clock}
}

// padded writes a date with all its digits, however whoever set it has written it.
func padded(date string) string {
	for lax, full := range map[string]string{"2006-1-2": "2006-01-02", "1-2": "01-02"} {
		if t, err := time.Parse(lax, date); err == nil {
			return t.Format(full)
		}
	}
	return date
}

// denyPeriods returns the list that is to be set, and whether that changes anything.
func (p Policy) denyPeriods(live *sqladmin.Settings) (list []*sqladmin.DenyMaintenancePeriod, differ bool) {
	now := Denied(live)
	switch {
	case p.DenyPeriod == nil:
		return []*sqladmin.DenyMaintenancePeriod{}, p.DropDenyPeriod && now != nil
	case now != nil && *now == *p.DenyPeriod:
		return nil, false
	}
	return []*sqladmin.DenyMaintenancePeriod{{StartDate: p.DenyPeriod.Start, EndDate: p.DenyPeriod.End, Time: p.DenyPeriod.Time}}, true
}

var (
	customTier = regexp.MustCompile(`^db-custom-[0-9]+-([0-9]+)$`)
	plusTier   = regexp.MustCompile(`^db-(?:perf-optimized-N|c4a-highmem)-([0-9]+)$`)
)

// TierMemory is a machine type's memory in MB, which is what Cloud SQL derives max_connections from; 0 when the name does
// not say.
func TierMemory(tier string) int64 {
	switch tier {
	case "db-f1-micro":
		return 614
	case "db-g1-small":
		return 1740
	}
	for pattern, unit := range map[*regexp.Regexp]int64{customTier: 1, plusTier: 8 << 10} {
		if m := pattern.FindStringSubmatch(tier); m != nil {
			if n, err := strconv.ParseInt(m[1], 10, 32); err == nil {
				return n * unit
			}
		}
	}
	return 0
}
