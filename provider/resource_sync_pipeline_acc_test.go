package provider

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp/auth"
	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// The runtimes of these tests share a database, in which a dataset has one enabled pipeline and a Coda table one writer.
// Who enables billing, or writes its table, takes turns.
var billingTurn sync.Mutex

func takeBilling(t *testing.T) {
	t.Helper()
	billingTurn.Lock()
	t.Cleanup(billingTurn.Unlock)
}

const pipelineAddress = "august_sync_pipeline.test"

// pipeline is a runtime and a pipeline on it, in one configuration.
func (r *runtimeRig) pipeline(name, more string) string {
	return r.config(r.image, fmt.Sprintf("coda = {\n url = %q\n token_secret = \"coda-token\"\n }", r.cloud.Endpoints.Coda)) + fmt.Sprintf(`
resource "august_sync_pipeline" "test" {
  endpoint = august_sync_runtime.test.uri
  audience = august_sync_runtime.test.audience
  name     = %q
  dataset  = "billing"
  paused   = true
  %s
}
`, name, more)
}

// control is a client of the runtime's control API, as somebody else than Terraform has it.
func (r *runtimeRig) control() *runtimeapi.Client {
	r.t.Helper()
	tokens, err := auth.IDTokenSource(r.t.Context(), auth.Config{
		AccessToken: "local", IAMCredentials: r.cloud.Endpoints.IAMCredentials, Impersonate: localcloud.ServiceAccount("terraform", accProject),
	}, r.audience())
	if err != nil {
		r.t.Fatal(err)
	}
	return runtimeapi.NewClient(r.get().Uri, tokens, nil)
}

func (r *runtimeRig) audience() string {
	return "august-sync:feel-august-platform:us-central1:" + r.name
}

// codaView is a pipeline with one view, with one column of its own.
func codaView(table, column, more string) string {
	return fmt.Sprintf(`
  coda_views = {
    billing_summary = {
      doc_id     = "dAugustProduction"
      table_id   = %q
      key_column = "c-name"
      columns    = { month = "c-hidden", billed = %q }
      %s
    }
  }
`, table, column, more)
}

// A plan looks the Coda tables up through the runtime that is there already; the first apply does it before it declares.
func TestAccSyncPipeline_codaChecked(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-pipeline-coda")
	const samples = "grid-samples" // the runtimes of these tests share a database, and a table has one writer
	refused := func(config, says string) resource.TestStep {
		return resource.TestStep{Config: r.pipeline("checked", config), PlanOnly: true, ExpectError: regexp.MustCompile("(?s)Pipeline not valid.*" + says)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{ // the runtime is not there yet: it refuses the declaration itself
				Config: r.pipeline("checked", codaView(samples, "c-none", "")), ExpectError: regexp.MustCompile(`(?s)Pipeline not (created|valid).*c-none.*does\s+not\s+exist`),
			},
			refused(codaView(samples, "c-none", ""), `columns\["billed"\].*c-none`),
			refused(codaView(samples, "c-double", ""), `c-double.*calculated`),
			refused(codaView(samples, "c-date", ""), `c-date.*type\s+date`),
			refused(codaView("grid-billing-summary", "c-billed", ""), `key_column.*c-name.*does\s+not\s+exist`),
			refused(codaView(samples, "c-currency", `phi_columns = ["payer"]`), `phi_columns.*does\s+not\s+send`),
			{
				Config:           r.pipeline("checked", codaView(samples, "c-currency", `phi_columns = ["month"]`)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(pipelineAddress,
					tfjsonpath.New("coda_views").AtMapKey("billing_summary").AtMapKey("phi_columns"), knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("month")}))},
			},
			{ // another pipeline, also a paused one, may not have the table
				Config: r.pipeline("checked", codaView(samples, "c-currency", "")) + strings.Replace(strings.SplitN(r.pipeline("second", codaView(samples, "c-currency", "")),
					`resource "august_sync_pipeline"`, 2)[1], `"test" {`, `resource "august_sync_pipeline" "second" {`, 1),
				ExpectError: regexp.MustCompile(`(?s)table_id.*checked.*one\s+writer`),
			},
		},
	})
}

const fullPipeline = `
  schedule         = "*/15 * * * *"
  reconcile        = { schedule = "0 4 * * 0", repair = true }
  webhook_events   = ["APPOINTMENT_MODIFY", "APPOINTMENT_CREATE"]
  status_overrides = { "Sent to lawyer" = "denied" }
  coda_views = {
    billing_summary = {
      doc_id     = "dAugustProduction"
      table_id   = "grid-billing-summary"
      key_column = "c-key"
      columns    = { month = "c-month", status = "c-status", billed = "c-billed" }
    }
  }
  timeouts = { create = "1m", update = "1m", delete = "1m" }
`

func TestAccSyncPipeline_basic(t *testing.T) {
	t.Parallel()
	takeBilling(t)
	r := newRuntimeRig(t, "rt-pipeline")
	update := func(config string, attributes ...string) resource.TestStep {
		return resource.TestStep{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionUpdate), expectChanged(pipelineAddress, attributes...),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}
	}
	var id, audience string
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{ // the runtime's address is known only when it runs, and yet one apply makes both
				Config: r.pipeline("minimal", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectUnknownValue(pipelineAddress, tfjsonpath.New("endpoint")),
						plancheck.ExpectKnownValue(pipelineAddress, tfjsonpath.New("audience"), knownvalue.NotNull()),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(pipelineAddress, tfjsonpath.New("generation"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue(pipelineAddress, tfjsonpath.New("schedule"), knownvalue.Null()),
				},
			},
			update(r.pipeline("minimal", fullPipeline), "coda_views", "generation", "reconcile", "schedule", "status_overrides", "timeouts", "webhook_events"),
			{
				ResourceName: pipelineAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID,
				ImportStateIdFunc: func(s *terraform.State) (string, error) {
					attributes := s.RootModule().Resources[pipelineAddress].Primary.Attributes
					id, audience = attributes["id"], attributes["audience"]
					return id + "?audience=" + audience, nil
				},
				ImportStateVerify: true, ImportStateVerifyIgnore: []string{"timeouts"},
			},
			update(r.pipeline("minimal", `schedule = "0 6 * * *"`), "coda_views", "generation", "reconcile", "schedule", "status_overrides", "timeouts", "webhook_events"),
			{
				Config: r.pipeline("minimal", `schedule = "0 6 * * *"`), ResourceName: pipelineAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID,
				ImportStateIdFunc: func(*terraform.State) (string, error) { return id + "?audience=" + audience, nil },
			},
			func() resource.TestStep { // changed on the runtime itself
				step := update(r.pipeline("minimal", `schedule = "0 6 * * *"`), "generation", "schedule")
				step.PreConfig = func() {
					if _, err := r.control().PutPipeline(t.Context(), "minimal", runtimeapi.PipelineSpec{Dataset: "billing", Paused: true, Schedule: "0 7 * * *"}); err != nil {
						t.Fatal(err)
					}
				}
				return step
			}(),
			{ // vanished
				PreConfig: func() {
					if err := r.control().DeletePipeline(t.Context(), "minimal"); err != nil {
						t.Fatal(err)
					}
				},
				Config: r.pipeline("minimal", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionCreate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // another name is another pipeline
				Config: r.pipeline("renamed", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionReplace)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // with its service, the way to the pipeline is gone; the pipeline itself is in the database
				PreConfig: r.delete,
				Config:    r.pipeline("renamed", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionCreate),
						plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionUpdate),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // a stopped runtime cannot be asked: the pipeline stays, and the runtime is what is repaired
				PreConfig: func() {
					r.patch("scaling", &run.GoogleCloudRunV2Service{Scaling: &run.GoogleCloudRunV2ServiceScaling{
						ScalingMode: "MANUAL", MinInstanceCount: 1, MaxInstanceCount: 3, ForceSendFields: []string{"ManualInstanceCount"},
					}})
				},
				Config: r.pipeline("renamed", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate),
						plancheck.ExpectResourceAction(pipelineAddress, plancheck.ResourceActionNoop),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		},
	})
}
