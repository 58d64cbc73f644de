package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

func TestSyncRuntime_validatesRollout(t *testing.T) {
	t.Parallel()
	rollout := func(values map[string]any) func(map[string]any) { return inside("rollout", values) }
	within := func(limit string, values map[string]any) func(map[string]any) {
		return func(c map[string]any) {
			c["timeouts"] = map[string]any{"update": limit}
			rollout(values)(c)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		at     string
		word   string
	}{
		{"everything is no step", rollout(map[string]any{"steps": []any{10, 100}}), "rollout.steps[1]", "between 1 and 99"},
		{"nothing is no step", rollout(map[string]any{"steps": []any{0}}), "rollout.steps[0]", "between 1 and 99"},
		{"backwards", rollout(map[string]any{"steps": []any{10, 50, 20}}), "rollout.steps[2]", "20 % comes after 50 %"},
		{"twice", rollout(map[string]any{"steps": []any{10, 10}}), "rollout.steps[1]", "more of the traffic"},
		{"bake without steps", rollout(map[string]any{"bake_time": "30s"}), "rollout.bake_time", "[10, 50]"},
		{"no duration", rollout(map[string]any{"steps": []any{10}, "bake_time": "30"}), "rollout.bake_time", "duration"},
		{"less than nothing", rollout(map[string]any{"steps": []any{10}, "bake_time": "-1s"}), "rollout.bake_time", "duration"},
		{"longer than an update may take", rollout(map[string]any{"steps": []any{10, 20, 30}, "bake_time": "5m"}), "rollout.bake_time", "3 steps of 5m0s take 15m0s"},
		{"longer than this update may take", within("1m", map[string]any{"steps": []any{10}, "bake_time": "1m"}), "rollout.bake_time", "timeouts.update allows 1m0s"},
		{"out of reach", func(c map[string]any) { c["ingress"] = "internal" }, "rollout.verify", "inside of it"},
		{"out of reach, with steps", func(c map[string]any) {
			c["ingress"] = "internal_and_cloud_load_balancing"
			rollout(map[string]any{"steps": []any{10}})(c)
		}, "rollout.verify", "from within the network"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostic(t, newProtocol(t).validate("august_sync_runtime", someRuntime(tt.change)), tt.at, tt.word)
		})
	}
	for name, change := range map[string]func(map[string]any){
		"the usual":       rollout(map[string]any{"steps": []any{10, 50}, "bake_time": "30s"}),
		"a long one":      within("30m", map[string]any{"steps": []any{10, 20, 30}, "bake_time": "9m"}),
		"decided":         func(c map[string]any) { c["ingress"] = "internal"; rollout(map[string]any{"verify": false})(c) },
		"unknown":         func(c map[string]any) { c["rollout"], c["ingress"] = unknown{}, "internal" },
		"unknown steps":   rollout(map[string]any{"steps": unknown{}, "bake_time": "20m"}),
		"an unknown step": rollout(map[string]any{"steps": []any{10, unknown{}, 20}}),
		"an unknown bake": rollout(map[string]any{"steps": []any{10}, "bake_time": unknown{}}),
		"an unknown limit": func(c map[string]any) {
			c["timeouts"] = map[string]any{"update": unknown{}}
			rollout(map[string]any{"steps": []any{10}, "bake_time": "20m"})(c)
		},
		"unknown ingress":   func(c map[string]any) { c["ingress"] = unknown{} },
		"unknown and not":   func(c map[string]any) { c["ingress"] = "internal"; rollout(map[string]any{"verify": unknown{}})(c) },
		"nothing but steps": rollout(map[string]any{"steps": []any{1, 99}}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noErrors(t, newProtocol(t).validate("august_sync_runtime", someRuntime(change)))
		})
	}
}

// candidate is a revision that answers as it is told, at most as often as it is told.
type candidate struct {
	mu      sync.Mutex
	answers map[string][]string // by method and path: statuses and bodies, the last one stays
	calls   map[string]int
	naked   []string // calls without a token for the front door
}

func newCandidate(t *testing.T, answers map[string][]string) (*candidate, *examiner, string) {
	t.Helper()
	c := &candidate{calls: map[string]int{}, answers: map[string][]string{
		"GET /readyz":              {`200 {"status":"ready"}`},
		"GET /v1/info":             {`200 {"revision":"rt-2"}`},
		"POST /v1/selftest":        {`200 {"checks":[{"name":"database","outcome":"passed"},{"name":"webhook","outcome":"skipped"}]}`},
		"POST /webhooks/drchrono":  {`401 no`},
		"POST /v1/generateIdToken": {`200 {"token":"` + fakeIDToken + `"}`},
	}}
	for path, answer := range answers {
		c.answers[path] = answer
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	var own clients
	own.configure(providerModel{
		AccessToken: types.StringValue("local"), ImpersonateServiceAccount: types.StringValue("t@p.test"),
		Endpoints: &endpointsModel{IAMCredentials: types.StringValue(server.URL)},
	})
	e := newExaminer(&own, "august", true)
	e.patience, e.every = 2*time.Second, time.Millisecond
	return c, e, server.URL
}

// ServeHTTP implements http.Handler.
func (c *candidate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := r.Method + " " + r.URL.Path
	if strings.HasSuffix(key, ":generateIdToken") {
		key = "POST /v1/generateIdToken"
	} else if r.Header.Get("X-Serverless-Authorization") != "Bearer "+fakeIDToken {
		c.naked = append(c.naked, key)
	}
	n := c.calls[key]
	c.calls[key]++
	all := c.answers[key]
	if len(all) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	status, body, _ := strings.Cut(all[min(n, len(all)-1)], " ")
	var code int
	_, _ = fmt.Sscan(status, &code)
	if code == 0 {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

func TestExaminer_verifies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		answers      map[string][]string
		check, words string // of the failure
	}{
		{"all is well", nil, "", ""},
		{"a start and a full house pass", map[string][]string{
			"GET /readyz":             {`503 {"status":"not ready","reason":"starting"}`, `429 Rate exceeded.`, `200 {"status":"receiving"}`, `200 {"status":"ready"}`},
			"GET /v1/info":            {`503 {"error":{"code":"unavailable"}}`, `200 {"revision":"rt-2"}`},
			"POST /v1/selftest":       {`429 Rate exceeded.`, `0 nothing`, `200 {}`},
			"POST /webhooks/drchrono": {`429 no`, `503 no`, `403 no`},
		}, "", ""},
		{"its address leads to the one before for a while", map[string][]string{"GET /v1/info": {`200 {"revision":"rt-1"}`, `200 {"revision":"rt-1"}`, `200 {"revision":"rt-2"}`}}, "", ""},
		{"too old to test itself", map[string][]string{"POST /v1/selftest": {`404 {"error":{"code":"not_found","message":"no such path"}}`}}, "", ""},
		{"its database is away", map[string][]string{"GET /readyz": {`200 {"status":"receiving","reason":"unreachable"}`}}, "readyz", "200, receiving, unreachable"},
		{"not ready", map[string][]string{"GET /readyz": {`503 {"status":"not ready","reason":"no such database"}`}}, "readyz", "no such database"},
		{"something else answers", map[string][]string{"GET /readyz": {`200 <html>`}}, "readyz", "200"},
		{"another revision answers", map[string][]string{"GET /v1/info": {`200 {"revision":"rt-1"}`}}, "revision", `"rt-1" answers`},
		{"the caller is not allowed", map[string][]string{"GET /v1/info": {`403 {"error":{"code":"permission_denied","message":"not on the list"}}`}}, "control", "not on the list"},
		{"two checks fail", map[string][]string{"POST /v1/selftest": {
			`200 {"checks":[{"name":"database","outcome":"failed","detail":"it takes no writes"},{"name":"schema","outcome":"failed","detail":"migration 7"},{"name":"webhook","outcome":"passed"}]}`,
		}}, "database, schema", "it takes no writes; migration 7"},
		{"no self-test at all", map[string][]string{"POST /v1/selftest": {`404 Not Found`}}, "selftest", "no sync runtime answers"},
		{"the webhook takes anything", map[string][]string{"POST /webhooks/drchrono": {`200 ok`}}, "webhook", "nobody has signed"},
		{"there is no webhook", map[string][]string{"POST /webhooks/drchrono": {`404 no`}}, "webhook", "there is no webhook"},
		{"the webhook has no secret", map[string][]string{"POST /webhooks/drchrono": {`503 no`}}, "webhook", "503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, e, uri := newCandidate(t, tt.answers)
			if tt.check == "" {
				e.patience = time.Minute // what is to pass may take its time
			}
			if err := e.Able(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := e.Verify(t.Context(), uri, "rt-2", func(string, time.Duration) {})
			var failed *cloudrun.CheckError
			switch {
			case tt.check == "" && err != nil:
				t.Fatal(err)
			case tt.check != "" && (!errors.As(err, &failed) || failed.Check != tt.check || !strings.Contains(failed.Detail, tt.words)):
				t.Fatalf("%v, want %s: %s", err, tt.check, tt.words)
			case len(c.naked) > 0:
				t.Errorf("calls without a token: %q", c.naked)
			}
		})
	}
}

// A runtime that has no secret of the webhook's is asked for none, and one that is watched is asked once.
func TestExaminer_asksNoMore(t *testing.T) {
	t.Parallel()
	c, e, uri := newCandidate(t, map[string][]string{"POST /webhooks/drchrono": {`503 no`}, "GET /readyz": {`200 {"status":"ready"}`, `503 {"status":"not ready"}`}})
	e.webhook = false
	if err := e.Verify(t.Context(), uri, "rt-2", func(string, time.Duration) {}); err != nil || c.calls["POST /webhooks/drchrono"] > 0 {
		t.Fatal(err)
	}
	var failed *cloudrun.CheckError
	if err := e.Watch(t.Context(), uri); !errors.As(err, &failed) || failed.Check != checkReady || c.calls["GET /readyz"] != 2 {
		t.Fatalf("%v after %d calls", err, c.calls["GET /readyz"])
	}
}

// Who cannot sign tokens hears so before anything is made, and how to do without.
func TestExaminer_unable(t *testing.T) {
	t.Parallel()
	var own clients
	own.configure(providerModel{AccessToken: types.StringValue("local")})
	if err := newExaminer(&own, "august", true).Able(t.Context()); err == nil || !strings.Contains(err.Error(), "rollout.verify") || !strings.Contains(wayOut(err), "impersonate_service_account") {
		t.Fatalf("%v", err)
	}
}

// private is a private state.
type private map[string][]byte

func (p private) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) { return p[key], nil }

func (p private) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	if p[key] = value; len(value) == 0 {
		delete(p, key)
	}
	return nil
}

func TestFailure_isKept(t *testing.T) {
	t.Parallel()
	state, diags := private{}, diag.Diagnostics{}
	if recall(t.Context(), state, &diags) != nil {
		t.Error("a failure that nobody kept")
	}
	err := fmt.Errorf("update: %w", &cloudrun.AbandonedError{Revision: "rt-2", Cause: &cloudrun.CheckError{Check: "schema", Detail: "migration 7\xff"}})
	remember(t.Context(), state, failureOf(err), &diags)
	if got := recall(t.Context(), state, &diags); got == nil || *got != (failure{1, "rt-2", "schema: migration 7?"}) || !json.Valid(state[failureKey]) {
		t.Errorf("%+v of %s", got, state[failureKey])
	}
	if failureOf(&cloudrun.NotReadyError{Cause: "x"}) != nil {
		t.Error("no revision was abandoned")
	}
	state[failureKey] = []byte(`{"version":2,"revision":"rt-2"}`)
	if recall(t.Context(), state, &diags) != nil {
		t.Error("what a later provider kept has been taken for ours")
	}
	remember(t.Context(), state, nil, &diags)
	if len(state) > 0 || diags.HasError() {
		t.Errorf("%s is still kept, %v", state, diags)
	}
}

func TestSyncRuntimeModel_judge(t *testing.T) {
	t.Parallel()
	live := func(ready bool, serves string) *run.GoogleCloudRunV2Service {
		s := &run.GoogleCloudRunV2Service{
			LatestCreatedRevision: "p/revisions/rt-2", LatestReadyRevision: "p/revisions/rt-2",
			TerminalCondition: &run.GoogleCloudRunV2Condition{State: "CONDITION_SUCCEEDED"},
			TrafficStatuses:   []*run.GoogleCloudRunV2TrafficTargetStatus{{Revision: serves, Percent: 100}},
		}
		if !ready {
			s.LatestReadyRevision, s.TerminalCondition.State = "p/revisions/rt-1", "CONDITION_FAILED"
		}
		return s
	}
	kept := &failure{1, "rt-2", "schema: migration 7"}
	const astray = "Traffic goes to rt-1, and not all of it to rt-2, the latest revision that is ready."
	for _, tt := range []struct {
		name    string
		live    *run.GoogleCloudRunV2Service
		kept    *failure
		want    string
		applies bool
	}{
		{"in line", live(true, "rt-2"), nil, "", false},
		{"in line after all", live(true, "rt-2"), kept, "", false},
		{"abandoned", live(true, "rt-1"), kept, "Revision rt-2 was abandoned, for it failed schema: migration 7\n" + astray, true},
		{"moved by hand", live(true, "rt-1"), nil, astray, false},
		{"abandoned before, and another since", live(true, "rt-1"), &failure{1, "rt-0", "x"}, astray, false},
		{"did not start", live(false, "rt-1"), &failure{1, "rt-2", "start-up: x"}, "Revision rt-2 did not become ready, and was abandoned: it ended", true},
		{"somebody's did not start", live(false, "rt-1"), nil, "it ended", false},
	} {
		m := syncRuntimeModel{Ready: types.BoolValue(true), Problem: types.StringNull()}
		applies := m.judge(tt.live, tt.kept, func() string { return "it ended" })
		if m.Problem.ValueString() != tt.want || m.Ready.ValueBool() != (tt.want == "") || applies != tt.applies {
			t.Errorf("%s: %q, %s, applies %t", tt.name, m.Problem.ValueString(), m.Ready, applies)
		}
	}
}

// What became of an apply is told with the check, the revision, and where traffic is.
func TestFailUpdate(t *testing.T) {
	t.Parallel()
	amiss := &cloudrun.CheckError{Check: "webhook", Detail: "nobody signs"}
	for _, tt := range []struct {
		err   error
		words []string
	}{
		{&cloudrun.AbandonedError{Revision: "rt-2", Kept: "rt-1", Cause: amiss}, []string{`rt-2 of projects/p/locations/l/services/n was abandoned`, `"webhook"`, "the revision before it, rt-1.", "nobody signs"}},
		{&cloudrun.AbandonedError{Revision: "rt-2", Cause: amiss}, []string{"Nothing served before it"}},
		{&cloudrun.AbandonedError{Revision: "rt-3", Kept: "rt-1 (10 %), rt-2 (90 %)", Cause: amiss}, []string{"the revisions before it: rt-1 (10 %), rt-2 (90 %)."}},
		{&cloudrun.AbandonedError{Revision: "rt-3", Kept: "rt-2 (90 %), rt-3 (10 %)", Cause: amiss, Untidy: errors.New("denied")}, []string{"could not be given back: rt-2 (90 %), rt-3 (10 %) has it", "denied"}},
		{&cloudrun.OvertakenError{Revision: "rt-2", Newest: "rt-3", By: "ops@example.test", Traffic: "rt-1"}, []string{"Nothing of theirs was overwritten", "by ops@example.test", "rt-3"}},
		{&cloudrun.NotReadyError{Cause: "it ended"}, []string{"did not become ready", "it ended"}},
		{fmt.Errorf("waited: %w", context.DeadlineExceeded), []string{"could not be brought into line", "allow more time"}},
	} {
		var diags diag.Diagnostics
		failUpdate(&diags, "Sync runtime not updated", cloudrun.Spec{Project: "p", Location: "l", Name: "n"}, tt.err)
		for _, word := range tt.words {
			if got := diags[0].Detail(); !strings.Contains(got, word) {
				t.Errorf("%q does not say %q", got, word)
			}
		}
	}
}
