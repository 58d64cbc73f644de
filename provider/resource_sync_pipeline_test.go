package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// fakeRuntime is a control API that can be made to fail, for what a real runtime does only in bad times. It also
// stands in for the service that signs ID tokens.
type fakeRuntime struct {
	url string

	mu        sync.Mutex
	pipelines map[string]*runtimeapi.Pipeline
	states    map[string]runtimeapi.Status
	status    int // answered instead, when set
	code      string
	audiences []string
	findings  []runtimeapi.Error   // of a check
	rival     *runtimeapi.Pipeline // declared by somebody else a moment before this provider creates
}

func newFakeRuntime(t *testing.T) *fakeRuntime {
	t.Helper()
	f := &fakeRuntime{pipelines: map[string]*runtimeapi.Pipeline{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeRuntime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	problem := func(status int, code, field, message string) {
		answer(status, map[string]any{"error": runtimeapi.Error{Code: code, Field: field, Message: message}})
	}
	if strings.HasSuffix(r.URL.Path, ":generateIdToken") {
		var req struct{ Audience string }
		_ = json.NewDecoder(r.Body).Decode(&req)
		f.audiences = append(f.audiences, req.Audience)
		answer(http.StatusOK, map[string]string{"token": fakeIDToken})
		return
	}
	if f.status != 0 {
		if f.code == "" {
			w.WriteHeader(f.status)
			return
		}
		problem(f.status, f.code, "schedule", "not today")
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+fakeIDToken {
		problem(http.StatusUnauthorized, runtimeapi.CodeUnauthenticated, "", "no token")
		return
	}
	if r.URL.Path == runtimeapi.PathPipelines {
		var all runtimeapi.PipelineList
		for _, name := range slices.Sorted(maps.Keys(f.pipelines)) {
			all.Pipelines = append(all.Pipelines, *f.pipelines[name])
		}
		answer(http.StatusOK, all)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, runtimeapi.PathPipelines+"/")
	if of, ok := strings.CutSuffix(name, runtimeapi.PathStatus); ok {
		if state, ok := f.states[of]; ok {
			answer(http.StatusOK, state)
			return
		}
	}
	if r.Method == http.MethodGet && r.URL.Path == runtimeapi.PathPipelines {
		list := runtimeapi.PipelineList{}
		for _, p := range f.pipelines {
			list.Pipelines = append(list.Pipelines, *p)
		}
		answer(http.StatusOK, list)
		return
	}
	if strings.HasSuffix(name, runtimeapi.VerbCheck) {
		answer(http.StatusOK, runtimeapi.Check{Findings: f.findings})
		return
	}
	held := f.pipelines[name]
	if held == nil && r.Method != http.MethodPut {
		problem(http.StatusNotFound, runtimeapi.CodeNotFound, "", "there is no pipeline "+name)
		return
	}
	switch r.Method {
	case http.MethodPut:
		if f.rival != nil && r.Header.Get(runtimeapi.HeaderIfNoneMatch) == "*" {
			f.pipelines[name], f.rival = f.rival, nil
			problem(http.StatusConflict, runtimeapi.CodeConflict, "name", "somebody else has declared it otherwise")
			return
		}
		raw, _ := io.ReadAll(r.Body)
		next := runtimeapi.Pipeline{Name: name, Generation: 1}
		_ = json.Unmarshal(raw, &next.Spec)
		if held != nil {
			next.Generation = held.Generation + 1
		}
		f.pipelines[name] = &next
		answer(http.StatusOK, next)
	case http.MethodDelete:
		delete(f.pipelines, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(http.StatusOK, held)
	}
}

func (f *fakeRuntime) fails(status int, code string) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.status, f.code = status, code
	}
}

func (f *fakeRuntime) config(more string) string {
	return `
provider "august" {
  access_token                = "local"
  impersonate_service_account = "terraform@feel-august-platform.iam.gserviceaccount.com"
  endpoints = { iam_credentials = "` + f.url + `" }
}

resource "august_sync_pipeline" "test" {
  endpoint = "` + f.url + `"
  name     = "billing"
  dataset  = "billing"
  ` + more + `
}
`
}

func TestSyncPipeline_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	view := func(change map[string]any) map[string]any {
		v := map[string]any{
			"doc_id": "dAugust", "table_id": "grid-a", "key_column": "c-key", "columns": map[string]any{"month": "c-month"},
		}
		for name, value := range change {
			v[name] = value
		}
		return map[string]any{"billing_summary": v}
	}
	some := func(change map[string]any) map[string]any {
		config := map[string]any{"endpoint": "https://august-sync.example.test", "name": "billing", "dataset": "billing", "schedule": "*/15 * * * *"}
		for name, value := range change {
			config[name] = value
		}
		return config
	}
	noErrors(t, p.validate("august_sync_pipeline", some(map[string]any{
		"webhook_events": []any{"APPOINTMENT_MODIFY"}, "status_overrides": map[string]any{"Sent to lawyer": "denied"}, "coda_views": view(nil),
	})))
	for _, tt := range []struct {
		name   string
		change map[string]any
		at     string
		word   string
	}{
		{"dataset", map[string]any{"dataset": "bills"}, "dataset", `"billing"`},
		{"cron", map[string]any{"schedule": "*/15 * * *"}, "schedule", "five"},
		{"cron's field", map[string]any{"schedule": "61 * * * *"}, "schedule", "Minute \"61\""},
		{"reconcile's cron", map[string]any{"reconcile": map[string]any{"schedule": "0 4 * *"}}, "reconcile.schedule", "five"},
		{"reconcile without one", map[string]any{"reconcile": map[string]any{"schedule": ""}}, "reconcile.schedule", "The schedule is empty"},
		{"name", map[string]any{"name": "Billing"}, "name", "lower-case"},
		{"endpoint", map[string]any{"endpoint": "http://august-sync.example.test"}, "endpoint", "https"},
		{"event", map[string]any{"webhook_events": []any{"APPOINTMENT_MODIFY", "NO_SUCH_EVENT"}}, `webhook_events[{{String []} NO_SUCH_EVENT}]`, "no event"},
		{"override", map[string]any{"status_overrides": map[string]any{"Sent to lawyer": "lost"}}, `status_overrides["Sent to lawyer"]`, "no claim state"},
		{"view", map[string]any{"coda_views": map[string]any{"no_view": view(nil)["billing_summary"]}}, `coda_views["no_view"]`, "billing_summary"},
		{"table", map[string]any{"coda_views": view(map[string]any{"table_id": "table-a"})}, `coda_views["billing_summary"].table_id`, "grid-"},
		{"doc", map[string]any{"coda_views": view(map[string]any{"doc_id": ""})}, `coda_views["billing_summary"].doc_id`, "The doc_id is empty"},
		{"key", map[string]any{"coda_views": view(map[string]any{"key_column": "Key"})}, `coda_views["billing_summary"].key_column`, "c-"},
		{"field", map[string]any{"coda_views": view(map[string]any{"columns": map[string]any{"patient": "c-a"}})}, `coda_views["billing_summary"].columns["patient"]`, "no field"},
		{"no column", map[string]any{"coda_views": view(map[string]any{"columns": map[string]any{}})}, `coda_views["billing_summary"].columns`, "at least one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostic(t, newProtocol(t).validate("august_sync_pipeline", some(tt.change)), tt.at, tt.word)
		})
	}
	for _, change := range []map[string]any{
		{"endpoint": unknown{}, "name": unknown{}, "dataset": unknown{}, "schedule": unknown{}, "webhook_events": unknown{}, "status_overrides": unknown{}, "coda_views": unknown{}},
		{"reconcile": unknown{}},
		{"reconcile": map[string]any{"schedule": unknown{}, "repair": unknown{}}},
		{"reconcile": map[string]any{"schedule": "0 4 * * 0", "repair": true}},
		{"webhook_events": []any{unknown{}}, "status_overrides": map[string]any{"x": unknown{}}},
		{"dataset": unknown{}, "coda_views": view(nil)},
		{"coda_views": view(map[string]any{"doc_id": unknown{}, "table_id": unknown{}, "key_column": unknown{}, "columns": unknown{}})},
		{"coda_views": view(map[string]any{"columns": map[string]any{"month": unknown{}, "status": unknown{}}})},
	} {
		noErrors(t, p.validate("august_sync_pipeline", some(change)))
	}
}

// A runtime in bad times: the plan goes on with what it knows, and an apply says what to do.
func TestAccSyncPipeline_badTimes(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{PreConfig: f.fails(http.StatusForbidden, runtimeapi.CodeDenied), Config: f.config(""), ExpectError: regexp.MustCompile("allowed_callers")},
			{PreConfig: f.fails(http.StatusForbidden, ""), Config: f.config("timeouts = { create = \"5s\" }"), ExpectError: regexp.MustCompile("run.invoker")},
			{PreConfig: f.fails(http.StatusUnauthorized, runtimeapi.CodeUnauthenticated), Config: f.config(""), ExpectError: regexp.MustCompile("(?s)audience.*control.issuer")},
			{PreConfig: f.fails(http.StatusBadRequest, runtimeapi.CodeInvalid), Config: f.config(""), ExpectError: regexp.MustCompile("(?s)Pipeline not created.*Not today")},
			{
				PreConfig: f.fails(0, ""), Config: f.config("timeouts = { delete = \"1s\" }"),
				Check: func(*terraform.State) error {
					f.mu.Lock()
					defer f.mu.Unlock()
					for _, audience := range f.audiences {
						if audience != f.url {
							return errors.New("a token was asked for " + audience)
						}
					}
					return nil
				},
			},
			{PreConfig: f.fails(http.StatusInternalServerError, ""), Config: f.config("timeouts = { delete = \"1s\" }"), PlanOnly: true},
			{PreConfig: f.fails(http.StatusNotFound, ""), Config: f.config("timeouts = { delete = \"1s\" }"), PlanOnly: true}, // somebody else's 404
			{Config: f.config("timeouts = { delete = \"1s\" }"), Destroy: true, ExpectError: regexp.MustCompile(`(?s)Pipeline not deleted.*terraform\s+state\s+rm`)},
			{PreConfig: f.fails(0, ""), Config: f.config(""), PlanOnly: true, ExpectNonEmptyPlan: true},
		},
	})
}

// A schedule of comparisons: declared, changed, changed by somebody else, imported and taken away.
func TestAccSyncPipeline_reconcile(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	held := func() *runtimeapi.ReconcileSpec {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.pipelines["billing"].Spec.Reconcile
	}
	step := func(config string, want *runtimeapi.ReconcileSpec, attributes ...string) resource.TestStep {
		s := resource.TestStep{
			Config:           f.config(config),
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			Check: func(*terraform.State) error {
				if got := held(); !reflect.DeepEqual(got, want) {
					return fmt.Errorf("the runtime was told %+v, want %+v", got, want)
				}
				return nil
			},
		}
		if len(attributes) > 0 {
			s.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionUpdate), expectChanged(pipelineAddress, attributes...),
			}
		}
		return s
	}
	weekly := &runtimeapi.ReconcileSpec{Schedule: "0 4 * * 0"}
	elsewhere := step(`reconcile = { schedule = "0 4 * * 0" }`, weekly, "generation", "reconcile")
	elsewhere.PreConfig = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pipelines["billing"].Spec.Reconcile = &runtimeapi.ReconcileSpec{Schedule: "0 3 * * *", Repair: true}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: f.config(`reconcile = { repair = true }`), ExpectError: regexp.MustCompile(`attribute\s+"schedule"\s+is\s+required`)},
			{Config: f.config(`reconcile = { schedule = "0 25 * * *" }`), ExpectError: regexp.MustCompile(`(?s)reconcile.*Hour\s+"25"`)},
			step(``, nil),
			step(`reconcile = { schedule = "0 4 * * 0" }`, weekly, "generation", "reconcile"),
			step(`reconcile = { schedule = "0 4 * * 0", repair = true }`, &runtimeapi.ReconcileSpec{Schedule: "0 4 * * 0", Repair: true}, "generation", "reconcile"),
			{
				ResourceName: pipelineAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID, ImportStateId: f.url + "/v1/pipelines/billing",
				ImportStateVerify: true,
			},
			elsewhere,
			step(``, nil, "generation", "reconcile"),
		},
	})
}

// What a view's field that tells something of a patient does to a plan: the billing summary has none, so this
// one is made up. Nobody has entered it, which is the same as its being one.
func init() { runtimeapi.ViewFields["billing"]["made_up"] = []string{"patient_name"} }

func TestAccSyncPipeline_phi(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	view := func(more string) string {
		return f.config(`coda_views = {
    made_up = {
      doc_id     = "dAugust"
      table_id   = "grid-a"
      key_column = "c-key"
      columns    = { patient_name = "c-name" }
      ` + more + `
    }
  }`)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: view(""), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)columns\["patient_name"\].*"patient_name"\s+holds\s+protected\s+health.*phi_columns.*business\s+associate`),
			},
			{Config: view(`phi_columns = []`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)phi_columns`)},
			{
				Config:           view(`phi_columns = ["patient_name"]`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check: func(*terraform.State) error {
					f.mu.Lock()
					defer f.mu.Unlock()
					if got := f.pipelines["billing"].Spec.CodaViews[0].PHIColumns; len(got) != 1 || got[0] != "patient_name" {
						return fmt.Errorf("the runtime was told that %v are allowed", got)
					}
					return nil
				},
			},
		},
	})
}

// A check that cannot be made is a warning, and one that finds something is an error at the attribute.
func TestSyncPipeline_checksWithThePlan(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	config := func() map[string]any {
		return map[string]any{"endpoint": f.url, "audience": f.url, "name": "billing", "dataset": "billing", "paused": false, "coda_views": map[string]any{
			"billing_summary": map[string]any{"doc_id": "dAugust", "table_id": "grid-a", "key_column": "c-key", "columns": map[string]any{"month": "c-month"}}}}
	}
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"access_token": "local", "impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints": map[string]any{"iam_credentials": f.url},
	}))
	plan := func() []*tfprotov6.Diagnostic {
		_, diags := p.planCreate("august_sync_pipeline", config())
		return diags
	}
	if diags := plan(); len(diags) != 0 {
		t.Errorf("all is well, and the plan says %v", diags[0])
	}
	f.findings = []runtimeapi.Error{{Code: runtimeapi.CodeInvalid, Field: "coda_views[0].columns.month", Message: "column c-month does not exist"}}
	wantDiagnostic(t, plan(), `coda_views["billing_summary"].columns["month"]`, "c-month")
	f.findings = []runtimeapi.Error{{Code: runtimeapi.CodeUnavailable, Field: "coda_views[0].doc_id", Message: "the runtime has no Coda token"}}
	warned := func(why string, diags []*tfprotov6.Diagnostic) {
		t.Helper()
		if len(diags) != 1 || diags[0].Severity != tfprotov6.DiagnosticSeverityWarning || diags[0].Summary != "Coda views not checked" {
			t.Errorf("%s: the plan says %v", why, diags)
		}
	}
	warned("no token", plan())
	f.fails(http.StatusServiceUnavailable, "")()
	warned("no runtime", plan())
	f.fails(http.StatusNotFound, runtimeapi.CodeNotFound)()
	warned("an older runtime", plan())
}

// A pipeline of that name that somebody else declared is not overwritten; one that is just so is taken over.
func TestAccSyncPipeline_taken(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	holds := func(spec runtimeapi.PipelineSpec) func() {
		return func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.pipelines["billing"] = &runtimeapi.Pipeline{Name: "billing", Generation: 7, Spec: spec}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				PreConfig: holds(runtimeapi.PipelineSpec{Dataset: "billing", Paused: true}), Config: f.config(""),
				ExpectError: regexp.MustCompile(`(?s)Pipeline not created.*\(paused\).*import.*/v1/pipelines/billing\?audience=`),
			},
			{
				PreConfig: func() {
					f.mu.Lock()
					defer f.mu.Unlock()
					delete(f.pipelines, "billing")
					f.rival = &runtimeapi.Pipeline{Name: "billing", Generation: 1, Spec: runtimeapi.PipelineSpec{Dataset: "billing", Paused: true}}
				},
				Config: f.config(""), ExpectError: regexp.MustCompile(`(?s)Pipeline not created.*Somebody\s+else\s+has\s+declared\s+it`),
			},
			{PreConfig: holds(runtimeapi.PipelineSpec{Dataset: "billing"}), Config: f.config("")},
		},
	})
}

// The pipeline is in the runtime's database: a new address of the runtime is no reason to make it anew.
func TestAccSyncPipeline_movedEndpoint(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	alias := httptest.NewServer(f)
	t.Cleanup(alias.Close)
	moved := strings.Replace(f.config(""), `endpoint = "`+f.url, `endpoint = "`+alias.URL, 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: f.config("")},
			{
				Config: moved,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		},
	})
}

func TestSyncPipeline_importByIdentity(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	f.pipelines["billing"] = &runtimeapi.Pipeline{Name: "billing", Generation: 3, Spec: runtimeapi.PipelineSpec{Dataset: "billing", Paused: true}}
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"access_token": "local", "impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints": map[string]any{"iam_credentials": f.url},
	}))
	for _, audience := range []any{nil, "august-sync:p:l:n"} {
		state, identity, diags := p.importByIdentity("august_sync_pipeline", map[string]any{"endpoint": f.url, "audience": audience, "name": "billing"})
		noErrors(t, diags)
		want, _ := audience.(string)
		if want == "" {
			want = f.url
		}
		if identity["audience"] != want {
			t.Errorf("identity %v", identity)
		}
		if paused := object(t, state)["paused"]; !paused.IsKnown() || paused.IsNull() {
			t.Errorf("imported %v", state)
		}
	}
}

func TestParsePipelineID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"https://r.example.test/v1/pipelines/billing":                            "https://r.example.test https://r.example.test billing",
		"https://r.example.test/v1/pipelines/billing?audience=august-sync:p:l:n": "https://r.example.test august-sync:p:l:n billing",
		"http://127.0.0.1:8080/base/v1/pipelines/billing?audience=x%20y":         "http://127.0.0.1:8080/base x y billing",
		"billing": "", "https://r.example.test/billing": "", "https://r.example.test/v1/pipelines/": "", "https://r.example.test/v1/pipelines/a/b": "",
	} {
		parts, ok := parsePipelineID(id)
		if got := strings.Join(parts, " "); got != want || ok != (want != "") {
			t.Errorf("%q gives %q", id, got)
		}
	}
}
