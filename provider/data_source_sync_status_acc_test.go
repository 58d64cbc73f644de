package provider

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// synced waits until the pipeline's newest run, later than the given one, has succeeded and all of it is in Coda.
func (r *runtimeRig) synced(pipeline string, after int64) runtimeapi.Status {
	r.t.Helper()
	control := r.control()
	var status runtimeapi.Status
	var err error
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		status, err = control.Status(r.t.Context(), pipeline)
		if err == nil && status.LastRun != nil && status.LastRun.State == runtimeapi.RunFailed {
			r.t.Fatalf("run %d failed: %s", status.LastRun.ID, status.LastRun.Error)
		}
		if err == nil && status.LastRun != nil && status.LastRun.ID > after && status.LastRun.State == runtimeapi.RunSucceeded &&
			!slices.ContainsFunc(status.Coda, func(v runtimeapi.CodaStatus) bool { return v.Pending > 0 }) {
			return status
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("never synced: %+v, %v", status, err)
		}
	}
}

// A pipeline of a deployed runtime, before its first sync, after it, and after its practice has said otherwise what
// a status of its own means.
func TestAccSyncStatus_basic(t *testing.T) {
	t.Parallel()
	takeBilling(t)
	r := newRuntimeRig(t, "rt-status")
	const data = `
data "august_sync_status" "test" {
  endpoint = august_sync_pipeline.test.endpoint
  audience = august_sync_pipeline.test.audience
  pipeline = august_sync_pipeline.test.name
}
`
	pipeline := func(more string) string { return r.pipeline("status", more) + data }
	running := func(override string) string {
		return unpaused(t, pipeline(`
  status_overrides = { "Sent to Test Attorney" = "`+override+`", "payment plan" = "`+override+`" }
  coda_views = {
    billing_summary = {
      doc_id     = "dAugustProduction"
      table_id   = "grid-billing-summary"
      key_column = "c-key"
      columns    = { month = "c-month", status = "c-status", claims = "c-claims" }
    }
  }
`))
	}
	claims := func(s runtimeapi.Status) knownvalue.Check {
		want := map[string]knownvalue.Check{}
		for status, n := range s.Claims {
			want[status] = knownvalue.Int64Exact(n)
		}
		return knownvalue.MapExact(want)
	}
	// The checks of a step are made before the runtime is asked, so what it said is looked up by them.
	var first, second runtimeapi.Status
	later := func(attribute string, want func() knownvalue.Check) statecheck.StateCheck {
		return deferredCheck{func() statecheck.StateCheck { return inSyncStatus(attribute, want()) }}
	}
	quiet := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: pipeline(""), ConfigPlanChecks: quiet,
				ConfigStateChecks: []statecheck.StateCheck{
					syncCodes([2]string{"NEVER_SYNCED", "critical"}, [2]string{"PAUSED", "warning"}),
					inSyncStatus("healthy", knownvalue.Bool(false)),
					inSyncStatus("last_run", knownvalue.Null()),
					inSyncStatus("last_full", knownvalue.Null()),
					inSyncStatus("lag_seconds", knownvalue.MapExact(map[string]knownvalue.Check{})),
					inSyncStatus("max_lag", knownvalue.StringExact("26h")),
					inSyncStatus("coda_views", knownvalue.MapExact(map[string]knownvalue.Check{})),
				},
			},
			{Config: running("on_hold")},
			{
				PreConfig: func() { first = r.synced("status", 0) },
				Config:    running("on_hold"), ConfigPlanChecks: quiet,
				ConfigStateChecks: []statecheck.StateCheck{
					syncCodes([2]string{"BOOKS_DIFFER", "info"}),
					inSyncStatus("healthy", knownvalue.Bool(true)),
					inSyncStatus("last_run", knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"state": knownvalue.StringExact("succeeded"), "finished_at": knownvalue.NotNull(), "error": knownvalue.Null(), "resume_at": knownvalue.Null(),
					})),
					inSyncStatus("last_full", knownvalue.ObjectPartial(map[string]knownvalue.Check{"seconds": knownvalue.NotNull(), "rows": knownvalue.NotNull()})),
					later("claims", func() knownvalue.Check { return claims(first) }),
					later("mismatches", func() knownvalue.Check { return knownvalue.ListSizeExact(len(first.Mismatches)) }),
					later("lag_seconds", func() knownvalue.Check { return knownvalue.MapSizeExact(len(first.Rows)) }),
					statecheck.ExpectKnownValue(syncStatusAddress, tfjsonpath.New("coda_views").AtMapKey("billing_summary").AtMapKey("pending"), knownvalue.Int64Exact(0)),
					inSyncStatus("next_run", knownvalue.Null()),
				},
			},
			{ // the same visits, judged anew
				Config: running("paid"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionUpdate), expectChanged(pipelineAddress, "generation", "status_overrides"),
				}},
			},
			{
				PreConfig: func() {
					second = r.synced("status", first.LastRun.ID)
					if second.LastRun.Full || second.Claims["paid"] <= first.Claims["paid"] || maps.Equal(first.Claims, second.Claims) {
						t.Errorf("claims %v, then %v by run %+v", first.Claims, second.Claims, second.LastRun)
					}
				},
				Config: running("paid"), ConfigPlanChecks: quiet,
				ConfigStateChecks: []statecheck.StateCheck{
					later("claims", func() knownvalue.Check { return claims(second) }),
					inSyncStatus("healthy", knownvalue.Bool(true)),
				},
			},
			{ // deleted behind Terraform's back: the status is no reason for the plan not to make it again
				PreConfig: func() {
					if err := r.control().DeletePipeline(t.Context(), "status"); err != nil {
						t.Fatal(err)
					}
				},
				Config: pipeline(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionCreate)},
				},
			},
		},
	})
}

// unpaused is a configuration whose pipeline runs.
func unpaused(t *testing.T, config string) string {
	t.Helper()
	if strings.Count(config, "paused   = true") != 1 {
		t.Fatal("the configuration does not pause one pipeline")
	}
	return strings.Replace(config, "paused   = true", "", 1)
}

// deferredCheck is a check that is made when it is due.
type deferredCheck struct{ make func() statecheck.StateCheck }

// CheckState implements statecheck.StateCheck.
func (c deferredCheck) CheckState(ctx context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	c.make().CheckState(ctx, req, resp)
}
