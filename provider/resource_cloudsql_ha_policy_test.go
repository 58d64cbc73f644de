package provider

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const haPolicy = "august_cloudsql_ha_policy"

func TestCloudSQLHAPolicy_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	for name, c := range map[string]struct {
		config map[string]any
		at     string
		words  []string
	}{
		"connection name": {map[string]any{"instance": "p:us-central1:platform"}, "instance", []string{"use the last part"}},
		"availability":    {map[string]any{"availability_type": "MULTI"}, "availability_type", []string{"REGIONAL", "ZONAL"}},
		"retention 0":     {map[string]any{"point_in_time_recovery": map[string]any{"retention_days": 0}}, "point_in_time_recovery.retention_days", []string{"between 1 and 35"}},
		"retention 36":    {map[string]any{"point_in_time_recovery": map[string]any{"retention_days": 36}}, "point_in_time_recovery.retention_days", []string{"between 1 and 35"}},
		"backup time":     {map[string]any{"backup": map[string]any{"start_time": "7:30"}}, "backup.start_time", []string{`"7:30"`, `"07:30"`}},
		"backup at 24":    {map[string]any{"backup": map[string]any{"start_time": "24:00"}}, "backup.start_time", []string{"24:00"}},
		"no backups":      {map[string]any{"backup": map[string]any{"retained_backups": 0}}, "backup.retained_backups", []string{"between 1 and 365"}},
		"backup location": {map[string]any{"backup": map[string]any{"location": "US Central"}}, "backup.location", []string{"us-central1"}},
		"bad day":         {map[string]any{"maintenance_window": map[string]any{"day": "funday", "hour": 8}}, "maintenance_window.day", []string{"sunday"}},
		"hour 24":         {map[string]any{"maintenance_window": map[string]any{"day": "sunday", "hour": 24}}, "maintenance_window.hour", []string{"between 0 and 23"}},
		"track":           {map[string]any{"maintenance_window": map[string]any{"day": "sunday", "hour": 8, "update_track": "week9"}}, "maintenance_window.update_track", []string{"week5"}},
		"flag name":       {map[string]any{"database_flags": map[string]any{"Log-Waits": "on"}}, `database_flags["Log-Waits"]`, []string{"log_lock_waits"}},
		"flag null":       {map[string]any{"database_flags": map[string]any{"log_lock_waits": nil}}, "database_flags", []string{"null"}},
		"timeout":         {map[string]any{"timeouts": map[string]any{"create": "soon"}}, "timeouts.create", []string{"unit suffix"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.config["instance"] == nil {
				c.config["instance"] = "platform"
			}
			wantDiagnostic(t, p.validate(haPolicy, c.config), c.at, c.words...)
		})
	}
}

func TestCloudSQLHAPolicy_validatesNothingUnknown(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.validate(haPolicy, map[string]any{
		"instance": unknown{}, "project": unknown{}, "availability_type": unknown{}, "deletion_protection": unknown{},
		"point_in_time_recovery": unknown{}, "database_flags": unknown{},
		"backup":             map[string]any{"start_time": unknown{}, "retained_backups": unknown{}, "location": unknown{}},
		"maintenance_window": map[string]any{"day": unknown{}, "hour": unknown{}, "update_track": unknown{}},
	}))
}

// configuredProtocol is the provider on a fake of Cloud SQL, which holds one instance, feel-august-platform/platform.
func configuredProtocol(t *testing.T) (*protocol, *fakeCloudSQL) {
	t.Helper()
	fake, endpoint := newFakeCloudSQL(t)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": "feel-august-platform", "access_token": "test", "endpoints": map[string]any{"cloud_sql": endpoint, "monitoring": endpoint},
	}))
	return p, fake
}

func TestCloudSQLHAPolicy_planIsExact(t *testing.T) {
	t.Parallel()
	p, _ := configuredProtocol(t)
	planned, diags := p.planCreate(haPolicy, map[string]any{"instance": "platform"})
	if len(diags) > 0 {
		noErrors(t, diags)
	}
	var open []string
	for name, v := range object(t, planned) {
		if !v.IsFullyKnown() {
			open = append(open, name)
		}
	}
	slices.Sort(open)
	// There is no standby yet; which zone it goes to is for Cloud SQL to choose. Nor is there a time to go back to.
	if got := strings.Join(open, " "); got != "earliest_recovery_time latest_recovery_time secondary_zone" {
		t.Errorf("known after apply: %s", got)
	}
}

func TestCloudSQLHAPolicy_planRefuses(t *testing.T) {
	t.Parallel()
	p, fake := configuredProtocol(t)
	fake.add("mysql", map[string]any{"databaseVersion": "MYSQL_8_0"})
	fake.add("replica", map[string]any{
		"instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "feel-august-platform:platform",
	})
	fake.add("plus", map[string]any{"settings": map[string]any{"edition": "ENTERPRISE_PLUS"}})
	retention := func(days int) map[string]any { return map[string]any{"retention_days": days} }

	for name, c := range map[string]struct {
		config map[string]any
		at     string
		words  []string
	}{
		"absent":               {map[string]any{"instance": "typo"}, "instance", []string{"feel-august-platform/typo", "check its name", "basename("}},
		"not PostgreSQL":       {map[string]any{"instance": "mysql"}, "instance", []string{"MYSQL_8_0"}},
		"a replica":            {map[string]any{"instance": "replica"}, "instance", []string{"put the policy on the primary"}},
		"edition":              {map[string]any{"instance": "platform", "point_in_time_recovery": retention(14)}, "point_in_time_recovery.retention_days", []string{"ENTERPRISE", "at most 7", "ENTERPRISE_PLUS"}},
		"too few backups":      {map[string]any{"instance": "plus", "point_in_time_recovery": retention(35)}, "backup.retained_backups", []string{"at least 35"}},
		"flag misspelt":        {map[string]any{"instance": "platform", "database_flags": map[string]any{"log_lock_wait": "on"}}, `database_flags["log_lock_wait"]`, []string{`Did you mean "log_lock_waits"`}},
		"flag not on or off":   {map[string]any{"instance": "platform", "database_flags": map[string]any{"log_lock_waits": "yes"}}, `database_flags["log_lock_waits"]`, []string{"on or off"}},
		"flag out of range":    {map[string]any{"instance": "platform", "database_flags": map[string]any{"max_connections": "1"}}, `database_flags["max_connections"]`, []string{"14 to 262143"}},
		"flag not a number":    {map[string]any{"instance": "platform", "database_flags": map[string]any{"max_connections": "lots"}}, `database_flags["max_connections"]`, []string{"whole number"}},
		"flag not one of them": {map[string]any{"instance": "platform", "database_flags": map[string]any{"log_statement": "some"}}, `database_flags["log_statement"]`, []string{"none, ddl, mod, all"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := p.planCreate(haPolicy, c.config)
			wantDiagnostic(t, diags, c.at, c.words...)
		})
	}
}

func TestCloudSQLHAPolicy_planWarnsOfRestart(t *testing.T) {
	t.Parallel()
	p, _ := configuredProtocol(t)
	_, diags := p.planCreate(haPolicy, map[string]any{"instance": "platform", "database_flags": map[string]any{"max_connections": "200"}})
	noErrors(t, diags)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "restarts the instance feel-august-platform/platform") {
		t.Errorf("got %v, want one warning", diags)
	}
}

func TestCloudSQLHAPolicy_planGoesOnWhenTheAPICannotBeAsked(t *testing.T) {
	t.Parallel()
	p, fake := configuredProtocol(t)
	fake.refuse = http.StatusForbidden
	_, diags := p.planCreate(haPolicy, map[string]any{"instance": "platform"})
	noErrors(t, diags)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "could not be read while planning") {
		t.Errorf("got %v, want one warning", diags)
	}
}

func TestCloudSQLHAPolicy_importByIdentity(t *testing.T) {
	t.Parallel()
	p, _ := configuredProtocol(t)
	for name, identity := range map[string]map[string]any{
		"whole":                  {"project": "feel-august-platform", "instance": "platform"},
		"the provider's project": {"instance": "platform"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, after, diags := p.importByIdentity(haPolicy, identity)
			noErrors(t, diags)
			if after["project"] != "feel-august-platform" || after["instance"] != "platform" {
				t.Errorf("identity %v", after)
			}
			var id string
			if err := object(t, state)["id"].As(&id); err != nil || id != "projects/feel-august-platform/instances/platform" {
				t.Errorf("id %q, %v", id, err)
			}
		})
	}
}

func TestCloudSQLHAPolicy_keptWhenTheAPICannotBeReached(t *testing.T) {
	t.Parallel()
	p, fake := configuredProtocol(t)
	fake.refuse = http.StatusForbidden
	_, _, diags := p.importByIdentity(haPolicy, map[string]any{"instance": "platform"})
	wantDiagnostic(t, diags, "", "HA policy not read", "feel-august-platform/platform", "stays in the state", "hold a role")

	fake.stop()
	_, _, diags = p.importByIdentity(haPolicy, map[string]any{"instance": "platform"})
	wantDiagnostic(t, diags, "", "HA policy not read", "No server answered")
}

// Refreshing goes on, with one question asked, when Cloud Monitoring is silent or broken.
func TestCloudSQLHAPolicy_readWithoutMonitoring(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(2 * time.Minute):
				t.Error("the refresh still waits")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, endpoint := newFakeCloudSQL(t)
			fake.add("platform", map[string]any{"replicaNames": []any{"far"}})
			fake.add("far", map[string]any{"region": "us-east1", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "feel-august-platform:platform"})
			var asked atomic.Int64
			monitoring := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				answer(w, r)
			}))
			t.Cleanup(monitoring.Close)
			p := newProtocol(t)
			noErrors(t, p.configure(map[string]any{
				"project": "feel-august-platform", "access_token": "test", "endpoints": map[string]any{"cloud_sql": endpoint, "monitoring": monitoring.URL},
			}))
			state, _, diags := p.importByIdentity(haPolicy, map[string]any{"instance": "platform"})
			noErrors(t, diags)
			read := object(t, state)
			if read["cross_region_replica"].IsNull() || !read["replica_lag_seconds"].IsNull() || asked.Load() != 1 {
				t.Errorf("replica %s with lag %s, asked for %d times", read["cross_region_replica"], read["replica_lag_seconds"], asked.Load())
			}
		})
	}
}

func TestParseHAPolicyID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"platform":                      " platform",
		"p/platform":                    "p platform",
		"projects/p/instances/platform": "p platform",
		"p:us-central1:platform":        "",
		"projects/p/databases/platform": "",
		"p/":                            "",
		"":                              "",
	} {
		parts, ok := parseHAPolicyID(id)
		if got := strings.Join(parts, " "); ok != (want != "") || (ok && got != want) {
			t.Errorf("%q: %q, %t; want %q", id, got, ok, want)
		}
	}
}
