package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What holds for every resource is held for every resource: one that is new and in none of these tables fails the test.

// goneStates are states of things that no longer exist.
var goneStates = map[string]map[string]any{
	"august_cloudsql_ha_policy": {
		"id": "x", "project": "feel-august-platform", "instance": "platform", "on_destroy": onDestroyRelax,
		"cross_region_replica": map[string]any{"name": "platform-dr", "region": "us-east1"},
	},
	"august_recovery_drill":        {"id": "x", "project": "feel-august-platform", "instance": "platform", "kind": "point_in_time_restore"},
	"august_runtime_image":         {"id": "x", "repository": "127.0.0.1:1/august-sync", "digest": "sha256:" + strings.Repeat("0", 64)},
	"august_sync_runtime":          {"id": "x", "project": "feel-august-platform", "location": "us-central1", "name": "august-sync"},
	"august_secret":                {"id": "x", "project": "feel-august-platform", "name": "coda-token"},
	"august_staging_anonymization": {"id": "x", "project": "feel-august-platform", "location": "us-central1", "name": "staging-export", "export": "20261126t080000z-0a1b2c3d"},
	"august_staging_dataset":       {"id": "x", "project": "feel-august-platform", "location": "us-central1", "name": "staging-import", "export": "20261126t080000z-0a1b2c3d"},
	"august_sync_pipeline":         {"id": "x", "audience": "august-sync", "name": "billing", "generation": 1},
	"august_index":                 {"id": "x", "audience": "august-sync", "schema": "drchrono", "name": "appointments_status", "definition": "CREATE INDEX"},
}

// Terraform deletes what it believes to be there. When somebody was faster, what it wanted is already so.
func TestResources_destroyWhatIsGone(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	nothing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch {
		case strings.HasSuffix(r.URL.Path, ":generateIdToken"):
			_ = json.NewEncoder(w).Encode(map[string]string{"token": fakeIDToken})
		case strings.HasSuffix(r.URL.Path, ":generateAccessToken"):
			_ = json.NewEncoder(w).Encode(map[string]any{"accessToken": "token", "expireTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
		case strings.HasPrefix(r.URL.Path, runtimeapi.PathPipelines), strings.HasPrefix(r.URL.Path, runtimeapi.PathIndexes):
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "there is no such thing"}})
		case strings.HasSuffix(r.URL.Path, "/instances"):
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "sql#instancesList"})
		default:
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": 404, "status": "NOT_FOUND", "message": "it does not exist"}})
		}
	}))
	t.Cleanup(nothing.Close)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": "feel-august-platform", "region": "us-central1", "access_token": "token",
		"impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints":                   map[string]any{"cloud_sql": nothing.URL, "cloud_run": nothing.URL, "iam_credentials": nothing.URL, "secret_manager": nothing.URL},
	}))
	// Nothing remote belongs to a pushed image: it stays, see its documentation.
	silent := []string{"august_runtime_image"}
	for name := range p.schemas.ResourceSchemas {
		state := goneStates[name]
		if state == nil {
			t.Errorf("%s: no state of one that is gone in this test", name)
			continue
		}
		if name == "august_sync_pipeline" || name == "august_index" {
			state["endpoint"] = nothing.URL
		}
		before := calls.Load()
		p.noDiagnostics(name, p.destroy(name, state))
		if asked := calls.Load() > before; asked == slices.Contains(silent, name) {
			t.Errorf("%s: asked the server: %t", name, asked)
		}
	}
}

// The plan of a destruction is where protection speaks: an apply would come to it when half is gone.
func TestSyncRuntime_protectedAtPlan(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": "feel-august-platform", "region": "us-central1", "access_token": "token"}))
	const runtime = "august_sync_runtime"
	state := map[string]any{"id": "x", "project": "feel-august-platform", "location": "us-central1", "name": "august-sync", "deletion_protection": true}
	wantDiagnostic(t, p.planDestroy(runtime, state), "deletion_protection", "deletion_protection to false", "apply that first")
	state["deletion_protection"] = false
	noErrors(t, p.planDestroy(runtime, state))
}

func (p *protocol) planDestroy(resource string, state map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	none := p.value(p.typeOf(resource), nil)
	resp, err := p.server.PlanResourceChange(p.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: resource, PriorState: p.value(p.typeOf(resource), state), ProposedNewState: none, Config: none,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (p *protocol) destroy(resource string, state map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	none := p.value(p.typeOf(resource), nil)
	resp, err := p.server.ApplyResourceChange(p.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: resource, PriorState: p.value(p.typeOf(resource), state), PlannedState: none, Config: none,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Diagnostics
}

func (p *protocol) noDiagnostics(of string, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	for _, d := range diags {
		p.t.Errorf("%s: %s: %s: %s", of, d.Severity, d.Summary, d.Detail)
	}
}

// emptied names the test that applies a collection that is empty, and then plans nothing: an API gives back nothing for it,
// and nothing is null. Every other collection refuses to be empty; leaving it out says the same.
var emptied = map[string]string{
	"cloudsql_ha_policy.connection_pooling.flags": "TestAccCloudSQLHAPolicy_parts",
	"cloudsql_ha_policy.database_flags":           "TestAccCloudSQLHAPolicy_full",
}

func TestResources_emptyCollections(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	tests := testNames(t)
	seen := map[string]bool{}
	var walk func(resource, at string, attributes []*tfprotov6.SchemaAttribute, wrap func(name string, v any) map[string]any)
	walk = func(resource, at string, attributes []*tfprotov6.SchemaAttribute, wrap func(name string, v any) map[string]any) {
		for _, a := range attributes {
			here := strings.TrimPrefix(at+"."+a.Name, ".")
			if a.NestedType != nil && (a.Optional || a.Required) {
				walk(resource, here, a.NestedType.Attributes, func(name string, v any) map[string]any {
					inner := map[string]any{name: v}
					switch a.NestedType.Nesting {
					case tfprotov6.SchemaObjectNestingModeMap:
						key := "some"
						if a.Name == "tables" { // of a policy: a key that is no table hides what is within
							key = "some.table"
						}
						return wrap(a.Name, map[string]any{key: inner})
					case tfprotov6.SchemaObjectNestingModeList:
						return wrap(a.Name, []any{inner})
					}
					return wrap(a.Name, inner)
				})
			}
			var empty any
			switch typeOf := a.ValueType().(type) {
			case tftypes.Map:
				empty = map[string]any{}
			case tftypes.List, tftypes.Set:
				empty = []any{}
			default:
				_ = typeOf
				continue
			}
			if !a.Optional && !a.Required {
				continue
			}
			refused := slices.ContainsFunc(p.validate(resource, wrap(a.Name, empty)), func(d *tfprotov6.Diagnostic) bool {
				return strings.HasSuffix(attributePath(d.Attribute), a.Name) && strings.Contains(d.Detail, "at least")
			})
			name := strings.TrimPrefix(resource, "august_") + "." + here
			seen[name] = true
			if test := emptied[name]; refused == (test != "") || test != "" && !tests[test] {
				t.Errorf("%s: an empty one is refused: %t; the test that applies one: %q, which exists: %t", name, refused, test, tests[test])
			}
		}
	}
	for name, schema := range p.schemas.ResourceSchemas {
		walk(name, "", schema.Block.Attributes, func(name string, v any) map[string]any { return map[string]any{name: v} })
	}
	for name := range emptied {
		if !seen[name] {
			t.Errorf("no collection %s", name)
		}
	}
}

// Nothing that Terraform starts is on the clinic's network: the runtime talks to the database, and the provider to the runtime.
func TestProvider_knowsNoDatabase(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	if drivers := regexp.MustCompile(`(?m)^(database/sql|github.com/(jackc|lib/pq|go-pg).*)$`).FindAllString(string(out), -1); len(drivers) > 0 {
		t.Errorf("the provider links %q", drivers)
	}
}

// A provider that is configured from what the same apply makes cannot be dialled while it is configured.
func TestProvider_configureDialsNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(server.Close)
	p := newProtocol(t)
	endpoints := map[string]any{}
	for _, name := range []string{"cloud_sql", "cloud_run", "secret_manager", "pubsub", "iam_credentials", "monitoring", "logging", "storage"} {
		endpoints[name] = server.URL
	}
	p.noDiagnostics("provider", p.configure(map[string]any{
		"project": "feel-august-platform", "region": "us-central1", "access_token": "token",
		"impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com", "endpoints": endpoints,
	}))
	if n := calls.Load(); n > 0 {
		t.Errorf("%d calls while it was configured", n)
	}
	if _, diags := p.planCreate("august_cloudsql_ha_policy", map[string]any{"instance": "platform"}); calls.Load() == 0 {
		t.Errorf("a plan did not reach the server either, so this test proves nothing: %v", diags)
	}
}
