package provider

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const syncStatusAddress = "data.august_sync_status.test"

// syncCodes wants these findings, each a code and its severity.
func syncCodes(want ...[2]string) statecheck.StateCheck {
	checks := make([]knownvalue.Check, 0, len(want))
	for _, w := range want {
		checks = append(checks, knownvalue.ObjectPartial(map[string]knownvalue.Check{"code": knownvalue.StringExact(w[0]), "severity": knownvalue.StringExact(w[1])}))
	}
	return inSyncStatus("findings", knownvalue.ListExact(checks))
}

func inSyncStatus(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(syncStatusAddress, tfjsonpath.New(attribute), want)
}

func TestSyncStatus_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	validate := func(change map[string]any) []*tfprotov6.Diagnostic {
		config := map[string]any{"endpoint": "https://august-sync.example.test", "pipeline": "billing"}
		for name, value := range change {
			config[name] = value
		}
		resp, err := p.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{
			TypeName: "august_sync_status", Config: p.value(p.schemas.DataSourceSchemas["august_sync_status"].ValueType(), config),
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Diagnostics
	}
	noErrors(t, validate(nil))
	noErrors(t, validate(map[string]any{"max_lag": "45m", "audience": "august-sync"}))
	noErrors(t, validate(map[string]any{"endpoint": unknown{}, "pipeline": unknown{}, "max_lag": unknown{}, "audience": unknown{}}))
	wantDiagnostic(t, validate(map[string]any{"endpoint": "http://august-sync.example.test"}), "endpoint", "https")
	wantDiagnostic(t, validate(map[string]any{"pipeline": "Billing"}), "pipeline", "lower-case")
	wantDiagnostic(t, validate(map[string]any{"pipeline": ""}), "pipeline", "must start with")
	wantDiagnostic(t, validate(map[string]any{"max_lag": "1 day"}), "max_lag", "15m")
	wantDiagnostic(t, validate(map[string]any{"max_lag": "0s"}), "max_lag", "from 1s")
}

// What a runtime on a laptop does only in bad times: every field, and what stands in its place when there is no answer.
func TestAccSyncStatus_badTimes(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	later := at.Add(90*time.Second + 1234567*time.Nanosecond)
	f.states = map[string]runtimeapi.Status{"billing": {
		Pipeline: "billing", Paused: true, NextRun: &later, LastFull: &later, CallsThisHour: 412,
		LastRun: &runtimeapi.Run{ID: 9, State: runtimeapi.RunParked, StartedAt: &at, ResumeAt: &later, Error: "the call budget of this hour is used up"},
		FullRun: &runtimeapi.Run{ID: 8, State: runtimeapi.RunSucceeded, Full: true, StartedAt: &at, FinishedAt: &later, Feeds: []runtimeapi.FeedRun{{Read: 100}, {Read: 20}}},
		Lag:     map[string]float64{"doctors": 7200.0004, "offices": 12},
		Rows:    map[string]int64{"doctors": 3, "offices": 1, "transactions": 0},
		Claims:  map[string]int64{"paid": 5},
		Reconcile: &runtimeapi.Reconcile{Run: 6, StartedAt: at, FinishedAt: later, Repair: true, Drift: 12, Left: 2, Uncompared: 3, Feeds: []runtimeapi.ReconcileFeed{
			{Feed: "offices"}, {Feed: "doctors", Problem: "3 rows could not be decoded"},
		}},
		ReconcileRun: &runtimeapi.Run{ID: 10, Kind: runtimeapi.KindReconcile, State: runtimeapi.RunQueued}, NextReconcile: &later, ReconcileDue: &at,
		Webhook:    &runtimeapi.WebhookStatus{P50Ms: new(12.5), P95Ms: new(5000.25), P99Ms: new(7000.0), Parked: 4, Pending: 5, LastDelivery: &later},
		Mismatches: []runtimeapi.MismatchCount{{Reason: "posting_drift", Severity: runtimeapi.MismatchFault, Count: 2}},
		Coda:       []runtimeapi.CodaStatus{{View: "billing_summary", Rows: 7, Pending: 3, Error: "the table is gone"}},
	}}
	config := func(more string) string {
		return `
provider "august" {
  access_token                = "local"
  impersonate_service_account = "terraform@feel-august-platform.iam.gserviceaccount.com"
  endpoints = { iam_credentials = "` + f.url + `" }
}

data "august_sync_status" "test" {
  endpoint = "` + f.url + `"
  ` + more + `
}

check "well" {
  assert {
    condition     = data.august_sync_status.test.healthy
    error_message = jsonencode(data.august_sync_status.test.findings)
  }
}

output "books_that_differ" { # as the example has it
  value = {
    for mismatch in coalesce(data.august_sync_status.test.mismatches, []) : mismatch.reason => mismatch.count
    if mismatch.severity == "fault"
  }
}
`
	}
	nothing := func(code string) []statecheck.StateCheck {
		checks := []statecheck.StateCheck{syncCodes([2]string{code, "critical"}), inSyncStatus("healthy", knownvalue.Bool(false)), inSyncStatus("id", knownvalue.NotNull())}
		for _, attribute := range []string{"paused", "next_run", "last_run", "last_full", "next_reconcile", "last_reconcile", "webhook", "lag_seconds", "rows", "claims", "mismatches", "coda_views", "calls_this_hour"} {
			checks = append(checks, inSyncStatus(attribute, knownvalue.Null()))
		}
		return checks
	}
	const billing = `pipeline = "billing"`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: config(billing + "\n max_lag = \"1h\""),
				ConfigStateChecks: []statecheck.StateCheck{
					syncCodes([2]string{"LAGGING", "warning"}, [2]string{"LAG_UNKNOWN", "warning"}, [2]string{"DRIFT_LEFT", "warning"}, [2]string{"NOT_COMPARED", "warning"},
						[2]string{"PAUSED", "warning"}, [2]string{"WEBHOOK_PARKED", "warning"}, [2]string{"WEBHOOK_SLOW", "warning"}, [2]string{"CODA_FAILING", "warning"},
						[2]string{"PARKED", "info"}, [2]string{"BOOKS_DIFFER", "info"}),
					inSyncStatus("healthy", knownvalue.Bool(false)),
					inSyncStatus("id", knownvalue.StringExact(f.url+"/v1/pipelines/billing")),
					inSyncStatus("audience", knownvalue.StringExact(f.url)),
					inSyncStatus("paused", knownvalue.Bool(true)),
					inSyncStatus("next_run", knownvalue.StringExact("2026-03-02T10:01:30Z")),
					inSyncStatus("calls_this_hour", knownvalue.Int64Exact(412)),
					inSyncStatus("last_run", knownvalue.ObjectExact(map[string]knownvalue.Check{
						"id": knownvalue.Int64Exact(9), "state": knownvalue.StringExact("parked"), "full": knownvalue.Bool(false),
						"started_at": knownvalue.StringExact("2026-03-02T10:00:00Z"), "finished_at": knownvalue.Null(),
						"resume_at": knownvalue.StringExact("2026-03-02T10:01:30Z"), "error": knownvalue.StringExact("the call budget of this hour is used up"),
					})),
					inSyncStatus("last_full", knownvalue.ObjectExact(map[string]knownvalue.Check{
						"finished_at": knownvalue.StringExact("2026-03-02T10:01:30Z"), "seconds": knownvalue.Float64Exact(90.001), "rows": knownvalue.Int64Exact(120),
					})),
					inSyncStatus("next_reconcile", knownvalue.StringExact("2026-03-02T10:01:30Z")),
					inSyncStatus("webhook", knownvalue.ObjectExact(map[string]knownvalue.Check{
						"p50_ms": knownvalue.Float64Exact(12.5), "p95_ms": knownvalue.Float64Exact(5000.25), "p99_ms": knownvalue.Float64Exact(7000),
						"parked": knownvalue.Int64Exact(4), "pending": knownvalue.Int64Exact(5), "last_delivery": knownvalue.StringExact("2026-03-02T10:01:30Z"),
					})),
					inSyncStatus("last_reconcile", knownvalue.ObjectExact(map[string]knownvalue.Check{
						"run": knownvalue.Int64Exact(6), "started_at": knownvalue.StringExact("2026-03-02T10:00:00Z"), "finished_at": knownvalue.StringExact("2026-03-02T10:01:30Z"),
						"repair": knownvalue.Bool(true), "drift": knownvalue.Int64Exact(12), "left": knownvalue.Int64Exact(2), "uncompared": knownvalue.Int64Exact(3),
						"problem": knownvalue.StringExact("doctors: 3 rows could not be decoded"),
					})),
					inSyncStatus("lag_seconds", knownvalue.MapExact(map[string]knownvalue.Check{"doctors": knownvalue.Float64Exact(7200), "offices": knownvalue.Float64Exact(12)})),
					inSyncStatus("rows", knownvalue.MapExact(map[string]knownvalue.Check{
						"doctors": knownvalue.Int64Exact(3), "offices": knownvalue.Int64Exact(1), "transactions": knownvalue.Int64Exact(0),
					})),
					inSyncStatus("claims", knownvalue.MapExact(map[string]knownvalue.Check{"paid": knownvalue.Int64Exact(5)})),
					inSyncStatus("mismatches", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
						"reason": knownvalue.StringExact("posting_drift"), "severity": knownvalue.StringExact("fault"), "count": knownvalue.Int64Exact(2),
					})})),
					inSyncStatus("coda_views", knownvalue.MapExact(map[string]knownvalue.Check{"billing_summary": knownvalue.ObjectExact(map[string]knownvalue.Check{
						"rows": knownvalue.Int64Exact(7), "pending": knownvalue.Int64Exact(3), "error": knownvalue.StringExact("the table is gone"),
					})})),
				},
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{ // nobody has declared it, or somebody has deleted it: the plan goes on
				Config: config(`pipeline = "labs"`), ConfigStateChecks: nothing("NOT_DECLARED"),
			},
			{ // the runtime's database is away
				PreConfig: f.fails(http.StatusServiceUnavailable, runtimeapi.CodeUnavailable),
				Config:    config(billing), ConfigStateChecks: nothing("UNREACHABLE"),
			},
			{ // what is in front of the runtime knows no such service
				PreConfig: f.fails(http.StatusNotFound, ""),
				Config:    config(billing), ConfigStateChecks: nothing("UNREACHABLE"),
			},
			{PreConfig: f.fails(http.StatusForbidden, runtimeapi.CodeDenied), Config: config(billing), ExpectError: regexp.MustCompile("(?s)Sync status not read.*allowed_callers")},
			{PreConfig: f.fails(http.StatusUnauthorized, runtimeapi.CodeUnauthenticated), Config: config(billing), ExpectError: regexp.MustCompile("(?s)audience.*control.issuer")},
			{PreConfig: f.fails(http.StatusInternalServerError, runtimeapi.CodeInternal), Config: config(billing), ExpectError: regexp.MustCompile(`(?s)stands\s+could\s+not\s+be\s+read`)},
			{PreConfig: f.fails(0, ""), Config: config(billing + "\n max_lag = \"2160h\""), ConfigStateChecks: []statecheck.StateCheck{inSyncStatus("max_lag", knownvalue.StringExact("2160h"))}},
		},
	})
}
