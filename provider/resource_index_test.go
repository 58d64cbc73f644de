package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func TestIndex_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	column := func(change map[string]any) []any {
		c := map[string]any{"column": "status"}
		for name, value := range change {
			c[name] = value
		}
		return []any{c}
	}
	with := func(change map[string]any) map[string]any {
		config := map[string]any{"endpoint": "https://august-sync.example.test", "schema": "drchrono", "table": "appointments", "columns": column(nil)}
		for name, value := range change {
			config[name] = value
		}
		return config
	}
	noErrors(t, p.validate("august_index", with(map[string]any{
		"name": "appointments_status", "include": []any{"doctor"}, "where": "deleted_at is null", "fillfactor": 90, "unique": true,
		"columns": append(column(map[string]any{"order": "desc", "nulls": "last"}), map[string]any{"expression": "lower(name)", "operator_class": "text_pattern_ops", "collation": "C"}),
	})))
	noErrors(t, p.validate("august_index", map[string]any{"endpoint": unknown{}, "schema": unknown{}, "table": unknown{}, "name": unknown{}, "columns": unknown{}, "method": unknown{}, "where": unknown{}, "include": unknown{}, "unique": true}))
	noErrors(t, p.validate("august_index", with(map[string]any{"columns": []any{map[string]any{"column": unknown{}}}})))
	for _, tt := range []struct {
		name   string
		change map[string]any
		at     string
		word   string
	}{
		{"schema", map[string]any{"schema": "august"}, "schema", "own"},
		{"table", map[string]any{"table": "drchrono.appointments"}, "table", "letters"},
		{"name", map[string]any{"name": strings.Repeat("a", 64)}, "name", "63"},
		{"method", map[string]any{"method": "bitmap"}, "method", "btree"},
		{"neither", map[string]any{"columns": column(map[string]any{"column": nil})}, "columns[0].column", "is empty"},
		{"both", map[string]any{"columns": column(map[string]any{"expression": "a"})}, "columns[0].expression", "exclude"},
		{"order", map[string]any{"columns": column(map[string]any{"order": "down"})}, "columns[0].order", "desc"},
		{"statement", map[string]any{"where": "true; drop table drchrono.appointments"}, "where", "semicolon"},
		{"out", map[string]any{"columns": column(map[string]any{"column": nil, "expression": "a) where (b"})}, "columns[0].expression", "parentheses"},
		{"fillfactor", map[string]any{"fillfactor": 5}, "fillfactor", "10"},
		{"endpoint", map[string]any{"endpoint": "http://august-sync.example.test"}, "endpoint", "https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostic(t, p.validate("august_index", with(tt.change)), tt.at, tt.word)
		})
	}
}

// fakeIndexes is a control API that can be made to fail, for what a real runtime does only in bad times.
type fakeIndexes struct {
	url    string
	mu     sync.Mutex
	live   *runtimeapi.Index // nil: there is none
	made   runtimeapi.Index  // what a PUT makes
	check  runtimeapi.IndexCheck
	advice *index.Advice
	down   bool
	drops  *runtimeapi.Error // answered to a DELETE
	puts   []string
}

func newFakeIndexes(t *testing.T) *fakeIndexes {
	t.Helper()
	f := &fakeIndexes{check: runtimeapi.IndexCheck{Findings: []runtimeapi.Error{}, Definition: "CREATE INDEX a"}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeIndexes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(status int, body any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	problem := func(status int, e *runtimeapi.Error) { answer(status, map[string]any{"error": e}) }
	switch {
	case strings.HasSuffix(r.URL.Path, ":generateIdToken"):
		answer(http.StatusOK, map[string]string{"token": fakeIDToken})
	case f.down:
		problem(http.StatusServiceUnavailable, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "not today"})
	case r.URL.Path == runtimeapi.PathIndexAdvice && f.advice != nil:
		answer(http.StatusOK, f.advice)
	case strings.HasSuffix(r.URL.Path, runtimeapi.VerbCheck):
		answer(http.StatusOK, f.check)
	case r.Method == http.MethodPut:
		f.puts = append(f.puts, r.Header.Get(runtimeapi.HeaderIfNoneMatch))
		made := f.made
		f.live = &made
		answer(http.StatusAccepted, made)
	case f.live == nil:
		problem(http.StatusNotFound, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "there is no index"})
	case r.Method == http.MethodDelete && f.drops != nil:
		problem(http.StatusConflict, f.drops)
	case r.Method == http.MethodDelete:
		gone := *f.live
		gone.State, f.live = runtimeapi.IndexDropping, nil
		answer(http.StatusAccepted, gone)
	default:
		answer(http.StatusOK, f.live)
	}
}

func (f *fakeIndexes) set(change func()) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		change()
	}
}

func (f *fakeIndexes) provider() string {
	return `
provider "august" {
  access_token                = "local"
  impersonate_service_account = "terraform@feel-august-platform.iam.gserviceaccount.com"
  endpoints = { iam_credentials = "` + f.url + `" }
}
`
}

func (f *fakeIndexes) config(more string) string {
	return f.provider() + `
resource "august_index" "test" {
  endpoint = "` + f.url + `"
  schema   = "drchrono"
  table    = "appointments"
  name     = "a"
  columns  = [{ column = "status" }]
  ` + more + `
}
`
}

func TestAccIndex_badTimes(t *testing.T) {
	t.Parallel()
	f := newFakeIndexes(t)
	valid := runtimeapi.Index{Schema: "drchrono", Name: "a", Definition: "CREATE INDEX a", State: runtimeapi.IndexValid,
		Spec: runtimeapi.IndexSpec{Table: "appointments", Method: "btree", Columns: []runtimeapi.IndexColumn{{Column: "status"}}}}
	building := valid
	building.State, building.Progress = runtimeapi.IndexBuilding, &runtimeapi.IndexProgress{
		Phase: "waiting for old snapshots", Done: 30, Total: 120, Unit: "pages",
		WaitFor: &runtimeapi.IndexWait{PID: 4711, Application: "psql", User: "someone", State: "idle in transaction", Seconds: 5400},
	}
	failed := valid
	failed.State, failed.Problem = runtimeapi.IndexFailed, "rows that are there already have the same key"
	f.made = building
	settled := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{ // it takes longer than was allowed: for what, is said
				Config: f.config(`timeouts = { create = "3s" }`),
				ExpectError: regexp.MustCompile(`(?s)Index not created.*being\s+made.*Waiting\s+for\s+old\s+snapshots,\s+25\s+%\s+of\s+120\s+pages,\s+for\s+the\s+session\s+with\s+process\s+id\s+4711.*` +
					`"someone".*"psql".*idle\s+in\s+transaction.*1h30m0s.*apply\s+again`),
			},
			{ // the next apply takes up the wait, and does not drop what is half made
				PreConfig: f.set(func() { f.made = failed }), Config: f.config(""),
				ExpectError: regexp.MustCompile(`(?s)Index not created.*given\s+up.*same\s+key`),
			},
			{
				PreConfig: f.set(func() { f.made = valid }), Config: f.config(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(indexAddress, plancheck.ResourceActionCreate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // a runtime that does not answer leaves the index in the state
				PreConfig: f.set(func() { f.down = true }), Config: f.config(""), PlanOnly: true,
			},
			{ // and so does one that makes it anew, which an apply waits for
				PreConfig: f.set(func() { f.down, f.live, f.made = false, &building, valid }), Config: f.config(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(indexAddress, plancheck.ResourceActionUpdate), expectChanged(indexAddress, "valid")},
					PostApplyPostRefresh: settled.PostApplyPostRefresh,
				},
			},
			{ // a table that the same apply may make is no reason to stop a plan; what the database does not take is
				PreConfig: f.set(func() {
					f.check = runtimeapi.IndexCheck{Findings: []runtimeapi.Error{{Code: runtimeapi.CodeNotFound, Field: "table", Message: "it does not exist"}}}
				}),
				Config: f.config(`fillfactor = 90`), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
			{
				PreConfig: f.set(func() {
					f.check = runtimeapi.IndexCheck{Findings: []runtimeapi.Error{{Code: runtimeapi.CodeInvalid, Field: "columns[0].column", Message: "it does not fit"}}}
				}),
				Config: f.config(`fillfactor = 90`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)Index not valid.*columns\[0\]\.column.*does\s+not\s+fit`),
			},
			{ // what has the name by now is not what is to be dropped
				PreConfig: f.set(func() {
					f.drops = &runtimeapi.Error{Code: runtimeapi.CodeConflict, Field: "name", Message: "is another index by now, which is not dropped"}
				}),
				Config: f.provider(), ExpectError: regexp.MustCompile(`(?s)Index not dropped.*another\s+index`),
			},
			{PreConfig: f.set(func() { f.drops = nil }), Config: f.provider()},
		},
	})
	want := []string{"*", "*", "*", ""}
	if strings.Join(f.puts, ",") != strings.Join(want, ",") || f.live != nil {
		t.Errorf("put %q, want %q; %+v is left", f.puts, want, f.live)
	}
}

func TestAccIndexAdvice(t *testing.T) {
	t.Parallel()
	f := newFakeIndexes(t)
	f.advice = &index.Advice{
		Proof: index.ProofHypoPG, Read: 12, Seconds: 1234.5678, Unread: []index.Unread{{Reason: "no privilege", Statements: 2, Seconds: 3}}, Notes: []string{"A replica was not asked."},
		Proposals: []index.Proposal{{
			Definition: index.Definition{Name: "august_visits_status_idx", Schema: "clinic", Table: "visits", Method: "btree", Keys: []workload.Key{{Column: "status"}}},
			Statement:  "CREATE INDEX CONCURRENTLY …", HCL: "resource \"august_index\" \"one\" {}\n", Reason: "It finds visits by status.", Proof: index.ProofHypoPG, Saved: 98.765, SavedPercent: 12.345, Bytes: 8192,
			Evidence: []index.Evidence{{Statement: "SELECT id FROM visits WHERE status = $1", Calls: 100000, GenericBefore: 1000, GenericAfter: 4.5}},
		}},
		Useless: []index.Useless{{Kind: index.Unused, Schema: "clinic", Table: "visits", Index: "visits_old", Reason: "Nobody used it."}},
	}
	config := f.provider() + `
data "august_index_advice" "test" {
  endpoint    = "` + f.url + `"
  schemas     = ["clinic"]
  window_days = 30
}`
	is := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.august_index_advice.test", tfjsonpath.New(attribute), value)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					is("healthy", knownvalue.Bool(false)), is("problems", knownvalue.ListSizeExact(0)), is("proof", knownvalue.StringExact("hypopg")), is("seconds", knownvalue.Float64Exact(1230)),
					is("statements", knownvalue.Int64Exact(12)), is("hcl", knownvalue.StringExact("resource \"august_index\" \"one\" {}\n")), is("notes", knownvalue.ListSizeExact(1)),
					is("proposals", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"name": knownvalue.StringExact("august_visits_status_idx"), "saved_percent": knownvalue.Float64Exact(12.3), "warnings": knownvalue.ListSizeExact(0),
						"evidence": knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"generic_after": knownvalue.Float64Exact(4.5)})}),
					})})),
					is("useless", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"index": knownvalue.StringExact("visits_old"), "kind": knownvalue.StringExact("unused")})})),
				},
			},
			{
				Config: strings.Replace(config, "window_days = 30", "window_days = 400", 1), ExpectError: regexp.MustCompile(`window_days`),
			},
			{
				PreConfig: f.set(func() { f.down = true }), Config: config,
				ConfigStateChecks: []statecheck.StateCheck{is("healthy", knownvalue.Bool(false)), is("problems", knownvalue.ListSizeExact(1)), is("proposals", knownvalue.Null())},
			},
		},
	})
}
