package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const recoveryDrill = "august_recovery_drill"

func drillConfig(more map[string]any) map[string]any {
	config := map[string]any{
		"instance": "platform", "kind": "failover", "endpoint": "https://august-sync.example", "audience": "august-sync",
		"max_rto": "15m", "max_lost_rows": 0, "probe_interval": "20ms", // defaults are filled in by Terraform
	}
	for name, value := range more {
		config[name] = value
	}
	return config
}

func TestRecoveryDrill_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	for name, c := range map[string]struct {
		config map[string]any
		at     string
		words  []string
	}{
		"connection name":   {map[string]any{"instance": "p:us-central1:platform"}, "instance", []string{"use the last part"}},
		"kind":              {map[string]any{"kind": "switchover"}, "kind", []string{"failover", "point_in_time_restore"}},
		"endpoint in clear": {map[string]any{"endpoint": "http://august-sync.example"}, "endpoint", []string{"Use https"}},
		"no duration":       {map[string]any{"max_rto": "soon"}, "max_rto", []string{`"soon"`, `"15m"`}},
		"never":             {map[string]any{"max_rto": "48h"}, "max_rto", []string{"24h"}},
		"negative":          {map[string]any{"max_lost_rows": -1}, "max_lost_rows", []string{"at least 0"}},
		"too often":         {map[string]any{"probe_interval": "1ms"}, "probe_interval", []string{"5ms"}},
		"nothing in it":     {map[string]any{"triggers": map[string]any{}}, "triggers", []string{"at least 1"}},
		"no table":          {map[string]any{"kind": "point_in_time_restore", "verify_tables": []any{"claims"}}, `verify_tables[Value("claims")]`, []string{"schema.table"}},
		"tables of failover": {map[string]any{"verify_tables": []any{"billing.claim"}}, "verify_tables",
			[]string{"only a point_in_time_restore"}},
		"timeout": {map[string]any{"timeouts": map[string]any{"create": "soon"}}, "timeouts.create", []string{"unit suffix"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			diags := p.validate(recoveryDrill, drillConfig(c.config))
			if strings.HasPrefix(c.at, "verify_tables[") { // how a set's element prints is Terraform's affair
				c.at = attributePath(diags[0].Attribute)
			}
			wantDiagnostic(t, diags, c.at, c.words...)
		})
	}
	noErrors(t, p.validate(recoveryDrill, drillConfig(nil)))
	noErrors(t, p.validate(recoveryDrill, map[string]any{
		"instance": unknown{}, "project": unknown{}, "kind": unknown{}, "endpoint": unknown{}, "audience": unknown{}, "triggers": unknown{},
		"max_rto": unknown{}, "max_lost_rows": unknown{}, "probe_interval": unknown{}, "verify_tables": unknown{},
	}))
}

// runtimeOn is a runtime that says which instance its database is on, and nothing else.
func runtimeOn(t *testing.T, instance string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(runtimeapi.Info{Instance: instance})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// drillProtocol is the provider on a fake of Cloud SQL and of the service that signs ID tokens.
func drillProtocol(t *testing.T) (*protocol, *fakeCloudSQL) {
	t.Helper()
	fake, endpoint := newFakeCloudSQL(t)
	signer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"accessToken":"a","expireTime":"2100-01-01T00:00:00Z","token":"e30.eyJleHAiOjQxMDI0NDQ4MDB9.e30"}`)
	}))
	t.Cleanup(signer.Close)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": "feel-august-platform", "access_token": "test", "impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints": map[string]any{"cloud_sql": endpoint, "iam_credentials": signer.URL + "/"},
	}))
	available := map[string]any{
		"availabilityType": "REGIONAL", "backupConfiguration": map[string]any{"enabled": true, "pointInTimeRecoveryEnabled": true},
	}
	fake.add("available", map[string]any{"secondaryGceZone": "us-central1-b", "settings": available})
	fake.add("mysql", map[string]any{"databaseVersion": "MYSQL_8_0", "settings": available})
	fake.add("replica", map[string]any{"masterInstanceName": "feel-august-platform:available", "settings": available})
	fake.add(strings.Repeat("long", 16), map[string]any{"settings": available})
	return p, fake
}

func TestRecoveryDrill_plan(t *testing.T) {
	t.Parallel()
	p, _ := drillProtocol(t)
	here := runtimeOn(t, "feel-august-platform:us-central1:available")
	planned, diags := p.planCreate(recoveryDrill, drillConfig(map[string]any{"instance": "available", "endpoint": here}))
	noErrors(t, diags)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "every connection breaks") {
		t.Errorf("got %v; want one warning, of the outage", diags)
	}
	open := 0
	for name, v := range object(t, planned) {
		if _, fact := drillFacts()[name]; !v.IsFullyKnown() && !fact && name != "history" {
			t.Errorf("%s is known after apply", name)
		} else if !v.IsFullyKnown() {
			open++
		}
	}
	if open != len(drillFacts())+1 {
		t.Errorf("%d figures are known after apply", open)
	}
}

func TestRecoveryDrill_planRefuses(t *testing.T) {
	t.Parallel()
	p, _ := drillProtocol(t)
	elsewhere := runtimeOn(t, "feel-august-platform:us-central1:other")
	for name, c := range map[string]struct {
		config map[string]any
		at     string
		words  []string
	}{
		"absent":    {map[string]any{"instance": "typo"}, "instance", []string{"feel-august-platform/typo", "basename("}},
		"MySQL":     {map[string]any{"instance": "mysql"}, "instance", []string{"MYSQL_8_0"}},
		"replica":   {map[string]any{"instance": "replica"}, "instance", []string{"Drill the primary"}},
		"too long":  {map[string]any{"instance": strings.Repeat("long", 16), "kind": "point_in_time_restore"}, "instance", []string{"too long", "98"}},
		"elsewhere": {map[string]any{"instance": "available", "endpoint": elsewhere}, "endpoint", []string{"other", "say nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := p.planCreate(recoveryDrill, drillConfig(c.config))
			wantDiagnostic(t, diags, c.at, c.words...)
		})
	}
}

// What the same apply may still put right, and what cannot be asked, only warns.
func TestRecoveryDrill_planWarns(t *testing.T) {
	t.Parallel()
	p, fake := drillProtocol(t)
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	for name, c := range map[string]struct {
		config map[string]any
		word   string
	}{
		"still zonal":        {map[string]any{"instance": "platform", "endpoint": unknown{}}, "has no point-in-time recovery"},
		"runtime untold":     {map[string]any{"instance": "available", "endpoint": runtimeOn(t, "")}, "does not say which"},
		"runtime still away": {map[string]any{"instance": "available", "endpoint": nobody.URL}, "could not be asked while planning"},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := p.planCreate(recoveryDrill, drillConfig(c.config))
			noErrors(t, diags)
			if !slices.ContainsFunc(wordsOf(diags), func(s string) bool { return strings.Contains(s, c.word) }) {
				t.Errorf("no warning with %q: %q", c.word, wordsOf(diags))
			}
		})
	}
	fake.refuse = http.StatusForbidden
	_, diags := p.planCreate(recoveryDrill, drillConfig(map[string]any{"instance": "available"}))
	noErrors(t, diags)
	if len(diags) != 2 {
		t.Errorf("got %q", wordsOf(diags))
	}
}

// A first drill that failed is replaced. When the one in its place is refused, what was measured is still there.
func TestRecoveryDrill_historyOutlivesARefusal(t *testing.T) {
	t.Parallel()
	p, fake := drillProtocol(t)
	of, nothing := p.typeOf(recoveryDrill), p.value(p.typeOf(recoveryDrill), nil)
	apply := func(config, prior, planned *tfprotov6.DynamicValue) *tfprotov6.ApplyResourceChangeResponse {
		resp, err := p.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
			TypeName: recoveryDrill, Config: config, PriorState: prior, PlannedState: planned,
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	failed := map[string]any{"passed": false, "failure": "It took too long.", "rto_seconds": 7}
	before := drillConfig(map[string]any{
		"instance": "available", "project": "feel-august-platform", "id": "x", "passed": false, "failure": "It took too long.", "history": []any{failed},
	})
	noErrors(t, apply(nothing, p.value(of, before), nothing).Diagnostics)

	config := p.value(of, drillConfig(map[string]any{"instance": "available", "endpoint": runtimeOn(t, "feel-august-platform:us-central1:available")}))
	plan, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: recoveryDrill, Config: config, ProposedNewState: config, PriorState: nothing,
	})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, plan.Diagnostics)
	fake.refuse = http.StatusForbidden
	created := apply(config, nothing, plan.PlannedState)
	wantDiagnostic(t, created.Diagnostics, "", "Recovery drill not run", "hold a role")
	var history []tftypes.Value
	after := p.open(recoveryDrill, created.NewState)
	if after.IsNull() {
		t.Fatal("nothing is left in the state")
	}
	if err := object(t, after)["history"].As(&history); err != nil || len(history) != 1 || !object(t, history[0])["failure"].Equal(object(t, after)["failure"]) {
		t.Errorf("left is %v (%v), in %s", history, err, after)
	}
}

func TestRecoveryDrill_import(t *testing.T) {
	t.Parallel()
	p, fake := drillProtocol(t)
	state, after, diags := p.importByIdentity(recoveryDrill, map[string]any{"instance": "available", "kind": "failover"})
	noErrors(t, diags)
	if after["project"] != "feel-august-platform" || after["instance"] != "available" || after["kind"] != "failover" {
		t.Errorf("identity %v", after)
	}
	if ran := object(t, state)["ran_at"]; !ran.IsNull() {
		t.Errorf("an imported drill ran at %v", ran)
	}
	fake.refuse = http.StatusForbidden
	_, _, diags = p.importByIdentity(recoveryDrill, map[string]any{"instance": "available", "kind": "failover"})
	wantDiagnostic(t, diags, "", "Recovery drill not imported", "hold a role")
}

func TestParseRecoveryDrillID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"platform/failover":                             " platform failover",
		"p/platform/point_in_time_restore":              "p platform point_in_time_restore",
		"projects/p/instances/platform/drills/failover": "p platform failover",
		"projects/p/instances/platform":                 "",
		"p/platform/switchover":                         "",
		"p:us-central1:platform/failover":               "",
		"platform":                                      "",
		"p//failover":                                   "",
		"projects/p/instances/platform/drills/point_in_time_restore/": "",
	} {
		parts, ok := parseRecoveryDrillID(id)
		if got := strings.Join(parts, " "); ok != (want != "") || (ok && got != want) {
			t.Errorf("%q: %q, %t; want %q", id, got, ok, want)
		}
	}
}

func wordsOf(diags []*tfprotov6.Diagnostic) []string {
	var all []string
	for _, d := range diags {
		all = append(all, d.Summary+": "+d.Detail)
	}
	return all
}
