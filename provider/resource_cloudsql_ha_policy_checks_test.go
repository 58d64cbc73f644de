package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

func TestCloudSQLHAPolicy_validatesParts(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	deny := func(start, end, clock string) map[string]any {
		period := map[string]any{"start_date": start, "end_date": end}
		if clock != "" {
			period["time"] = clock
		}
		return map[string]any{"deny_maintenance_period": period}
	}
	for name, c := range map[string]struct {
		config map[string]any
		at     string
		words  []string
	}{
		"deny date":         {deny("20.11.2026", "2026-12-01", ""), "deny_maintenance_period.start_date", []string{`"2026-11-20"`}},
		"deny no such day":  {deny("2026-11-31", "2026-12-01", ""), "deny_maintenance_period.start_date", []string{"no date"}},
		"deny mixed":        {deny("2026-11-20", "12-01", ""), "deny_maintenance_period.end_date", []string{"give both one, or neither"}},
		"deny backwards":    {deny("2026-11-20", "2026-11-19", ""), "deny_maintenance_period.end_date", []string{"ends before it starts"}},
		"deny too long":     {deny("2026-01-01", "2026-04-02", ""), "deny_maintenance_period.end_date", []string{"91 days", "90 at most"}},
		"deny all the year": {deny("06-01", "05-01", ""), "deny_maintenance_period.end_date", []string{"334 days"}},
		"deny time":         {deny("2026-11-20", "2026-12-01", "06:30"), "deny_maintenance_period.time", []string{`"00:00:00"`}},
		"plans":             {map[string]any{"insights": map[string]any{"query_plans_per_minute": 201}}, "insights.query_plans_per_minute", []string{"between 0 and 200"}},
		"length":            {map[string]any{"insights": map[string]any{"query_string_length": 255}}, "insights.query_string_length", []string{"between 256 and 100000"}},
		"pooler setting":    {map[string]any{"connection_pooling": map[string]any{"flags": map[string]any{"Max Size": "1"}}}, `connection_pooling.flags["Max Size"]`, []string{"max_pool_size"}},
		"replica name":      {map[string]any{"cross_region_replica": map[string]any{"name": "p:us-east1:dr", "region": "us-east1"}}, "cross_region_replica.name", []string{"use the last part"}},
		"replica region":    {map[string]any{"cross_region_replica": map[string]any{"name": "dr", "region": "us-east1-b"}}, "cross_region_replica.region", []string{"zone"}},
		"quiet from":        {map[string]any{"low_traffic_hours": map[string]any{"from": "1am", "to": "05:00"}}, "low_traffic_hours.from", []string{`"07:30"`}},
		"quiet zone":        {map[string]any{"low_traffic_hours": map[string]any{"from": "01:00", "to": "05:00", "time_zone": "Chicago"}}, "low_traffic_hours.time_zone", []string{`"America/Chicago"`}},
		"the machine's own": {map[string]any{"low_traffic_hours": map[string]any{"from": "01:00", "to": "05:00", "time_zone": "Local"}}, "low_traffic_hours.time_zone", []string{`"UTC"`}},
		"on destroy":        {map[string]any{"on_destroy": "delete"}, "on_destroy", []string{"keep", "relax"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config["instance"] = "platform"
			wantDiagnostic(t, p.validate(haPolicy, c.config), c.at, c.words...)
		})
	}
	noErrors(t, p.validate(haPolicy, map[string]any{
		"instance": "platform", "on_destroy": unknown{}, "insights": unknown{}, "connection_pooling": map[string]any{"flags": unknown{}},
		"deny_maintenance_period": map[string]any{"start_date": unknown{}, "end_date": "2026-12-01", "time": unknown{}},
		"cross_region_replica":    map[string]any{"name": unknown{}, "region": unknown{}},
		"low_traffic_hours":       map[string]any{"from": unknown{}, "to": unknown{}, "time_zone": unknown{}},
	}))
}

func TestCloudSQLHAPolicy_planRefusesParts(t *testing.T) {
	t.Parallel()
	p, fake := configuredProtocol(t)
	const project = "feel-august-platform"
	plus := func(more map[string]any) map[string]any {
		instance := map[string]any{"settings": map[string]any{"edition": "ENTERPRISE_PLUS", "tier": "db-perf-optimized-N-4"}}
		for name, value := range more {
			instance[name] = value
		}
		return instance
	}
	fake.add("plus", plus(nil))
	fake.add("old-network", plus(map[string]any{"sqlNetworkArchitecture": "OLD_NETWORK_ARCHITECTURE"}))
	fake.add("old-version", plus(map[string]any{"maintenanceVersion": "POSTGRES_15_9.R20250101.00_02"}))
	fake.add("own-key", map[string]any{"diskEncryptionConfiguration": map[string]any{"kmsKeyName": "projects/k"}})
	fake.add("alone", map[string]any{"region": "us-east1"})
	fake.add("others", map[string]any{"region": "us-east1", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": project + ":plus"})
	fake.add("elsewhere", map[string]any{"region": "us-west1", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": project + ":platform"})
	fake.add("failed", map[string]any{"region": "us-east1", "state": "FAILED", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": project + ":platform"})

	pooling := func(flags map[string]any) map[string]any {
		return map[string]any{"connection_pooling": map[string]any{"flags": flags}}
	}
	replica := func(pairs ...any) map[string]any {
		r := map[string]any{"name": "platform-dr", "region": "us-east1"}
		for n := 0; n < len(pairs); n += 2 {
			r[pairs[n].(string)] = pairs[n+1]
		}
		return map[string]any{"cross_region_replica": r}
	}
	quiet := func(day string, hour int, from, to, zone string) map[string]any {
		return map[string]any{
			"maintenance_window": map[string]any{"day": day, "hour": hour},
			"low_traffic_hours":  map[string]any{"from": from, "to": to, "time_zone": zone},
		}
	}
	for name, c := range map[string]struct {
		instance string
		config   map[string]any
		at       string
		words    []string
	}{
		"pooling, edition":     {"platform", pooling(nil), "connection_pooling.enabled", []string{"edition ENTERPRISE", "Move the instance to ENTERPRISE_PLUS"}},
		"pooling, network":     {"old-network", pooling(nil), "connection_pooling.enabled", []string{"old network architecture", "--enforce-new-sql-network-architecture"}},
		"pooling, version":     {"old-version", pooling(nil), "connection_pooling.enabled", []string{"R20250101", "--maintenance-version"}},
		"pooler setting":       {"plus", pooling(map[string]any{"max_pool_sice": "5"}), `connection_pooling.flags["max_pool_sice"]`, []string{`Did you mean "max_pool_size"`}},
		"pooler setting wrong": {"plus", pooling(map[string]any{"pool_mode": "statement"}), `connection_pooling.flags["pool_mode"]`, []string{"session, transaction"}},
		"plans, edition":       {"platform", map[string]any{"insights": map[string]any{"query_plans_per_minute": 50}}, "insights.query_plans_per_minute", []string{"20 at most, not 50", "ENTERPRISE_PLUS first"}},
		"length, edition":      {"platform", map[string]any{"insights": map[string]any{"query_string_length": 5000}}, "insights.query_string_length", []string{"4500 at most"}},

		"quiet hours missed":    {"platform", quiet("sunday", 18, "00:00", "05:00", "America/Chicago"), "maintenance_window.hour", []string{"Sunday 18:00 UTC is ", "America/Chicago", "not between 00:00 and 05:00", "6 to 9"}},
		"quiet in winter only":  {"platform", quiet("sunday", 8, "00:00", "03:00", "America/Chicago"), "maintenance_window.hour", []string{"03:00 to 04:00", "6 to 7"}},
		"no window fits":        {"platform", quiet("sunday", 8, "00:30", "01:30", "Europe/Paris"), "maintenance_window.hour", []string{"all the year round: none"}},
		"quiet for a moment":    {"platform", quiet("sunday", 8, "08:00", "08:30", "UTC"), "low_traffic_hours.to", []string{"there is not an hour"}},
		"quiet and no window":   {"platform", map[string]any{"low_traffic_hours": map[string]any{"from": "07:00", "to": "10:00"}}, "maintenance_window", []string{"any hour", "7 to 9"}},
		"replica, same name":    {"platform", replica("name", "platform"), "cross_region_replica.name", []string{"the instance itself"}},
		"replica, same region":  {"platform", replica("region", "us-central1"), "cross_region_replica.region", []string{"another region"}},
		"replica, edition":      {"platform", replica("failover_target", true), "cross_region_replica.failover_target", []string{"only ENTERPRISE_PLUS", "promoted by hand"}},
		"replica, stands alone": {"platform", replica("name", "alone"), "cross_region_replica.name", []string{"no replica of platform", "leaves it alone", `instance = "alone"`}},
		"replica of another":    {"platform", replica("name", "others"), "cross_region_replica.name", []string{"a replica of plus"}},
		"replica elsewhere":     {"platform", replica("name", "elsewhere"), "cross_region_replica.region", []string{"in us-west1, not in us-east1", "another name"}},
		"replica failed":        {"platform", replica("name", "failed"), "cross_region_replica.name", []string{"has failed", "Delete it"}},
		"replica too small":     {"platform", replica("tier", "db-custom-1-3840"), "cross_region_replica.tier", []string{"less memory", "max_connections"}},
		"replica without key":   {"own-key", replica(), "cross_region_replica.kms_key_name", []string{"projects/k", "Name a key in us-east1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config["instance"] = c.instance
			_, diags := p.planCreate(haPolicy, c.config)
			wantDiagnostic(t, diags, c.at, c.words...)
		})
	}
	for name, config := range map[string]map[string]any{
		"quiet":                       quiet("sunday", 8, "00:00", "05:00", "America/Chicago"),
		"quiet over midnight":         quiet("monday", 23, "22:00", "02:00", "UTC"),
		"a small one, its flag named": {"cross_region_replica": replica("tier", "db-custom-1-3840")["cross_region_replica"], "database_flags": map[string]any{"max_connections": "200"}},
		"nothing known":               {"cross_region_replica": unknown{}, "low_traffic_hours": unknown{}, "insights": unknown{}, "connection_pooling": unknown{}, "deny_maintenance_period": unknown{}},
		"hardly anything known": {
			"cross_region_replica": map[string]any{"name": unknown{}, "region": unknown{}, "tier": unknown{}, "failover_target": unknown{}},
			"low_traffic_hours":    map[string]any{"from": unknown{}, "to": "05:00"}, "insights": map[string]any{"enabled": unknown{}},
			"maintenance_window": map[string]any{"day": unknown{}, "hour": 8},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config["instance"] = "platform"
			_, diags := p.planCreate(haPolicy, config)
			noErrors(t, diags)
		})
	}
}

func TestCloudSQLHAPolicy_planWarns(t *testing.T) {
	t.Parallel()
	p, fake := configuredProtocol(t)
	fake.add("plus", map[string]any{
		"settings":           map[string]any{"edition": "ENTERPRISE_PLUS", "insightsConfig": map[string]any{"queryInsightsEnabled": true, "queryStringLength": 1024}},
		"replicationCluster": map[string]any{"failoverDrReplicaName": "feel-august-platform:other"},
	})
	for name, c := range map[string]struct {
		config map[string]any
		want   string // in the only warning; empty: none
	}{
		"poolers":               {map[string]any{"connection_pooling": map[string]any{}}, "port 6432"},
		"poolers off":           {map[string]any{"connection_pooling": map[string]any{"enabled": false}}, ""},
		"query length":          {map[string]any{"insights": map[string]any{"query_string_length": 2048}}, "restarts the instance feel-august-platform/plus"},
		"insights as they are":  {map[string]any{"insights": map[string]any{}}, ""},
		"a deny period in 2020": {map[string]any{"deny_maintenance_period": map[string]any{"start_date": "2020-01-01", "end_date": "2020-02-01"}}, "keeps no maintenance away"},
		"the replica designated is another": {map[string]any{"cross_region_replica": map[string]any{
			"name": "dr", "region": "us-east1", "failover_target": true,
		}}, "So far other is"},
		"by default it stays the one": {map[string]any{"cross_region_replica": map[string]any{"name": "dr", "region": "us-east1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config["instance"] = "plus"
			_, diags := p.planCreate(haPolicy, c.config)
			noErrors(t, diags)
			if c.want == "" && len(diags) == 0 {
				return
			}
			if len(diags) != 1 || c.want == "" || !strings.Contains(diags[0].Detail, c.want) {
				t.Errorf("got %v, want one warning with %q", diags, c.want)
			}
		})
	}
}

// Destroying says beforehand what it takes off.
func TestCloudSQLHAPolicy_planWarnsOfRelaxing(t *testing.T) {
	t.Parallel()
	p, _ := configuredProtocol(t)
	plan := func(onDestroy string) []*tfprotov6.Diagnostic {
		prior := p.value(p.typeOf(haPolicy), map[string]any{
			"id": "x", "project": "feel-august-platform", "instance": "platform", "on_destroy": onDestroy,
			"cross_region_replica": map[string]any{"name": "platform-dr", "region": "us-east1"},
		})
		nothing := p.value(p.typeOf(haPolicy), nil)
		resp, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
			TypeName: haPolicy, Config: nothing, ProposedNewState: nothing, PriorState: prior,
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Diagnostics
	}
	if diags := plan("keep"); len(diags) != 0 {
		t.Errorf("keep: %v", diags)
	}
	if diags := plan("relax"); len(diags) != 1 || !strings.Contains(diags[0].Detail, "feel-august-platform/platform and feel-august-platform/platform-dr") {
		t.Errorf("relax: %v", diags)
	}
}

func TestSinceMidnight(t *testing.T) {
	t.Parallel()
	if got := sinceMidnight(stringOrNull("22:30")); got != 22*time.Hour+30*time.Minute {
		t.Error(got)
	}
}
