package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// planUpdate plans a change of a resource, and of a state that is the configuration of before.
func (p *protocol) planUpdate(resource string, state tftypes.Value, config map[string]any) (tftypes.Value, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	prior, err := tfprotov6.NewDynamicValue(p.typeOf(resource), state)
	if err != nil {
		p.t.Fatal(err)
	}
	value := p.value(p.typeOf(resource), config)
	resp, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: resource, Config: value, ProposedNewState: value, PriorState: &prior,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.open(resource, resp.PlannedState), resp.Diagnostics
}

// settled makes a state of a plan: what is unknown becomes some text.
func settled(t *testing.T, planned tftypes.Value) tftypes.Value {
	t.Helper()
	got, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if !v.IsKnown() && v.Type().Is(tftypes.String) {
			return tftypes.NewValue(tftypes.String, "settled"), nil
		}
		return v, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// budgetRig is a provider before an instance of Cloud SQL; no other API answers.
func budgetRig(t *testing.T, settings map[string]any) (*protocol, *fakeCloudSQL) {
	t.Helper()
	fake, url := newFakeCloudSQL(t)
	fake.add("platform", map[string]any{"settings": settings})
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": accProject, "region": "us-central1", "access_token": "local",
		"endpoints": map[string]any{"cloud_sql": url, "cloud_run": "http://127.0.0.1:9/", "secret_manager": url},
	}))
	return p, fake
}

func flagsOf(maxConnections string) []any {
	return []any{map[string]any{"name": "log_lock_waits", "value": "on"}, map[string]any{"name": "max_connections", "value": maxConnections}}
}

// sized is a runtime of some size; what a configuration leaves out has its default, as Terraform proposes it.
func sized(pool, least, most int, database map[string]any) map[string]any {
	return someRuntime(func(config map[string]any) {
		inside("database", map[string]any{"pool_max": pool, "port": 5432})(config)
		inside("database", database)(config)
		inside("scaling", map[string]any{"min_instances": least, "max_instances": most})(config)
	})
}

func TestSyncRuntime_budget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings map[string]any
		config   map[string]any
		words    []string // of an error at database.pool_max; none, when it fits
	}{
		{"default of the tier", nil, sized(4, 1, 3, nil), nil},
		{"exactly enough", map[string]any{"databaseFlags": flagsOf("35")}, sized(4, 1, 3, nil), nil},
		{"one too many", map[string]any{"databaseFlags": flagsOf("34")}, sized(4, 1, 3, nil), []string{
			"database.pool_max: The instance feel-august-platform:us-central1:platform has too few connections for this service.",
			"max_connections: 34, set on the instance\n" +
				"rt-plan: 3 instances × 4 = 12\n" +
				"rt-plan, while a new revision is rolled out: 1 instance × 4 = 4\n" +
				"rt-plan, the write probe of a recovery drill: 2\n" +
				"rt-plan, the making of an index: 1\n" +
				"rt-plan, the job that migrates: 1\n" +
				"reserved: 3 for superusers + about 12 for Cloud SQL itself = 15\n" +
				"need 35 of 34: 1 too many; lower pool_max to 3, or lower max_instances to 2, or raise max_connections to at least 35 (restarts the database)\n",
			"database.reserved_connections", "connection_budget", "set database.max_connections",
		}},
		{"smallest machine", map[string]any{"tier": "db-f1-micro"}, sized(4, 1, 3, nil), []string{
			"max_connections: 25, the default of db-f1-micro", "need 35 of 25: 10 too many; raise max_connections to at least 35", "or take a tier with at least 1024 MB",
		}},
		{"what others hold", nil, sized(4, 1, 3, map[string]any{"reserved_connections": 381}), []string{"reserved: 381", "need 401 of 400: 1 too many"}},
		{"nothing reserved", map[string]any{"tier": "db-f1-micro"}, sized(4, 1, 3, map[string]any{"reserved_connections": 0}), nil},
		{"it will have more", map[string]any{"databaseFlags": flagsOf("31")}, sized(4, 1, 3, map[string]any{"max_connections": 35}), nil},
		{"it will have fewer", nil, sized(4, 1, 3, map[string]any{"max_connections": 31}), []string{"max_connections: 31, as database.max_connections says it will be", "need 35 of 31"}},
		{"a large candidate", map[string]any{"databaseFlags": flagsOf("103")}, sized(4, 10, 11, nil), nil},
		{"tier that is not known", map[string]any{"tier": "db-huge"}, sized(100, 1, 1000, nil), nil},
		{"tier that is not known, and a flag", map[string]any{"tier": "db-huge", "databaseFlags": flagsOf("31")}, sized(4, 1, 3, nil), []string{"need 35 of 31"}},
		{"unknown pool", map[string]any{"databaseFlags": flagsOf("31")}, func() map[string]any {
			c := sized(4, 1, 3, nil)
			inside("database", map[string]any{"pool_max": unknown{}})(c)
			return c
		}(), nil},
		{"unknown max_connections", map[string]any{"databaseFlags": flagsOf("31")}, sized(4, 1, 3, map[string]any{"max_connections": unknown{}}), nil},
		{"unknown reserve", map[string]any{"databaseFlags": flagsOf("31")}, sized(4, 1, 3, map[string]any{"reserved_connections": unknown{}}), nil},
		{"unknown scaling", map[string]any{"databaseFlags": flagsOf("31")}, func() map[string]any {
			c := sized(4, 1, 3, nil)
			inside("scaling", map[string]any{"max_instances": unknown{}})(c)
			return c
		}(), nil},
		{"past the poolers", map[string]any{
			"tier": "db-perf-optimized-N-2", "edition": "ENTERPRISE_PLUS", "databaseFlags": flagsOf("31"),
			"connectionPoolConfig": map[string]any{"connectionPoolingEnabled": true, "poolerCount": 1},
		}, sized(4, 1, 3, nil), []string{"need 35 of 31", "which this service goes past"}},
		{"through the poolers", map[string]any{
			"tier": "db-perf-optimized-N-2", "edition": "ENTERPRISE_PLUS", "databaseFlags": flagsOf("69"),
			"connectionPoolConfig": map[string]any{"connectionPoolingEnabled": true, "poolerCount": 1},
		}, sized(4, 1, 3, map[string]any{"port": 6432}), []string{
			"rt-plan: 3 instances × 4 = 12 clients of the poolers", "from the poolers: 1 pooler × 1 user of a database × 50 = 50",
			"need 70 of 69: 1 too many; lower max_pool_size to 49, or raise max_connections to at least 70",
		}},
		{"too many clients of the poolers", map[string]any{
			"tier": "db-perf-optimized-N-2", "edition": "ENTERPRISE_PLUS",
			"connectionPoolConfig": map[string]any{"connectionPoolingEnabled": true, "flags": []any{
				map[string]any{"name": "max_client_connections", "value": "15"}, map[string]any{"name": "max_pool_size", "value": "20"},
			}},
		}, sized(4, 1, 3, map[string]any{"port": 6432}), []string{
			"from the poolers: 1 pooler × 1 user of a database × 20 = 20", "clients of the poolers: need 16 of 15: 1 too many; lower pool_max to 3, or lower max_instances to 2, or raise max_client_connections to at least 16",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _ := budgetRig(t, tt.settings)
			_, diags := p.planCreate("august_sync_runtime", tt.config)
			if errors := budgetErrors(diags); len(tt.words) == 0 && len(errors) > 0 {
				t.Errorf("refused: %s", errors)
			}
			if len(tt.words) > 0 {
				wantDiagnostic(t, diags, "database.pool_max", tt.words...)
			}
		})
	}
}

// budgetErrors leaves out that the secrets, which this has none of, are missing.
func budgetErrors(diags []*tfprotov6.Diagnostic) (errors []string) {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError && !strings.HasPrefix(d.Summary, "Secret") {
			errors = append(errors, attributePath(d.Attribute)+": "+d.Detail)
		}
	}
	return errors
}

func warningsAt(diags []*tfprotov6.Diagnostic, at string) (warnings []string) {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning && attributePath(d.Attribute) == at {
			warnings = append(warnings, d.Summary+"\n"+d.Detail)
		}
	}
	return warnings
}

// What is deployed already does not stop a plan when the instance has become smaller: that plan may be the remedy. A
// plan that makes the runtime larger, or not small enough, is refused.
func TestSyncRuntime_budgetOfWhatIsDeployed(t *testing.T) {
	t.Parallel()
	const runtime = "august_sync_runtime"
	p, fake := budgetRig(t, nil)
	planned, diags := p.planCreate(runtime, sized(4, 1, 3, nil))
	if errors := budgetErrors(diags); len(errors) > 0 {
		t.Fatal(errors)
	}
	state := settled(t, planned)
	fake.add("platform", map[string]any{"settings": map[string]any{"databaseFlags": flagsOf("25")}})

	_, diags = p.planUpdate(runtime, state, sized(4, 1, 3, nil))
	if errors := budgetErrors(diags); len(errors) > 0 {
		t.Errorf("an unchanged runtime is refused: %s", errors)
	}
	if warnings := warningsAt(diags, "database.pool_max"); len(warnings) != 1 || !strings.Contains(warnings[0], "need 35 of 25: 10 too many") {
		t.Errorf("warnings: %q", warnings)
	}
	target := sized(4, 1, 3, nil) // when another instance starts is no matter of how many there may be
	target["scaling"].(map[string]any)["cpu_utilization"] = 50
	_, diags = p.planUpdate(runtime, state, target)
	if errors := budgetErrors(diags); len(errors) > 0 {
		t.Errorf("another target of scaling is refused: %s", errors)
	}
	for _, refused := range []map[string]any{sized(5, 1, 3, nil), sized(4, 1, 4, nil), sized(3, 1, 3, nil), sized(4, 1, 3, map[string]any{"reserved_connections": 16})} {
		_, diags = p.planUpdate(runtime, state, refused)
		wantDiagnostic(t, diags, "database.pool_max", "of 25:")
	}
	for _, fits := range []map[string]any{sized(3, 1, 2, map[string]any{"reserved_connections": 12}), sized(3, 1, 1, nil)} {
		_, diags = p.planUpdate(runtime, state, fits)
		if errors := budgetErrors(diags); len(errors) > 0 {
			t.Errorf("what fits is refused: %s", errors)
		}
	}

	// The budget's own figures are no reason for another revision.
	fake.add("platform", nil)
	after, diags := p.planUpdate(runtime, state, sized(4, 1, 3, map[string]any{"reserved_connections": 60, "max_connections": 400}))
	if errors := budgetErrors(diags); len(errors) > 0 {
		t.Error(errors)
	}
	if revision := object(t, after)["revision"]; !revision.IsKnown() {
		t.Error("another reserve makes another revision")
	}
	after, _ = p.planUpdate(runtime, state, sized(5, 1, 3, nil))
	if revision := object(t, after)["revision"]; revision.IsKnown() {
		t.Error("another pool makes no other revision")
	}
}

// Where the instance cannot be read, what it will have is still held against.
func TestSyncRuntime_budgetWithoutTheInstance(t *testing.T) {
	t.Parallel()
	p, fake := budgetRig(t, nil)
	fake.refuse = 403
	_, diags := p.planCreate("august_sync_runtime", sized(100, 1, 1000, nil))
	if errors := budgetErrors(diags); len(errors) > 0 || len(warningsAt(diags, "database.pool_max")) > 0 {
		t.Errorf("refused: %s", errors)
	}
	_, diags = p.planCreate("august_sync_runtime", sized(4, 1, 3, map[string]any{"max_connections": 31}))
	wantDiagnostic(t, diags, "database.pool_max", "need 35 of 31")
}

// A state of before has no figures of the budget.
func TestSyncRuntime_stateWithoutBudget(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	resp, err := p.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{
		TypeName: "august_sync_runtime", Version: 0,
		RawState: &tfprotov6.RawState{JSON: []byte(`{"id":"x","name":"august-sync","database":{"instance":"platform","name":"august","user":"u",
			"password_secret":null,"direct":false,"port":5432,"pool_max":4,"connection_name":"p:r:platform","address":null}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, resp.Diagnostics)
	database := object(t, object(t, p.open("august_sync_runtime", resp.UpgradedState))["database"])
	if !database["max_connections"].IsNull() || !database["reserved_connections"].IsNull() || database["pool_max"].IsNull() {
		t.Errorf("the state has become %v", database)
	}
}
