package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

const runtimeAddress = "august_sync_runtime.test"

const fullRuntime = `
  coda = {
    url            = %q
    token_secret   = "projects/feel-august-platform/secrets/coda-token/versions/1"
    writes_per_10s = 5
  }
  audit = {
    retention_days = 2300
  }
  scaling = {
    min_instances = 1
    max_instances = 5
  }
  concurrency     = 20
  cpu             = "2"
  memory          = "1Gi"
  timeout_seconds = 120
  public          = true
  ingress         = "all"

  binary_authorization = true

  labels          = { team = "billing", stage = "test" }
  timeouts        = { create = "3m", update = "3m", delete = "3m" }
`

func TestAccSyncRuntime_basic(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-basic")
	full := r.config(r.image, fmt.Sprintf(fullRuntime, r.cloud.Endpoints.Coda))
	full = strings.Replace(full, "allowed_callers", "allowed_readers = [\"plan@feel-august-platform.iam.gserviceaccount.com\"]\n    allowed_callers", 1)
	other := *r
	other.name = "rt-basic-other"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); other.gone(); return nil },
		Steps: []resource.TestStep{
			{
				Config: r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionCreate),
						plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("audience"), knownvalue.StringExact("august-sync:feel-august-platform:us-central1:rt-basic")),
						plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("database").AtMapKey("connection_name"), knownvalue.StringExact("feel-august-platform:us-central1:platform")),
						plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("database").AtMapKey("address"), knownvalue.StringRegexp(regexp.MustCompile(`^127\.`))),
						plancheck.ExpectUnknownValue(runtimeAddress, tfjsonpath.New("uri")),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("id"), knownvalue.StringExact(r.path())),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("ready"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("problem"), knownvalue.Null()),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("revision"), knownvalue.StringRegexp(regexp.MustCompile(`^rt-basic-`))),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("scaling").AtMapKey("max_instances"), knownvalue.Int64Exact(3)),
				},
				Check: noSecrets(t, r.cloud),
			},
			{
				Config: full,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate),
						plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("uri"), knownvalue.NotNull()),
						plancheck.ExpectUnknownValue(runtimeAddress, tfjsonpath.New("revision")),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: resource.ComposeTestCheckFunc(noSecrets(t, r.cloud), func(*terraform.State) error {
					if b := r.get().BinaryAuthorization; b == nil || !b.UseDefault {
						return fmt.Errorf("Binary Authorization: %+v", b)
					}
					return nil
				}),
			},
			{ // what others set on the service is theirs
				PreConfig: func() {
					live := r.get()
					live.Labels["owner"] = "somebody-else"
					r.patch("labels,annotations", &run.GoogleCloudRunV2Service{Labels: live.Labels, Annotations: map[string]string{"note": "kept"}})
				},
				Config: strings.Replace(full, `, stage = "test"`, "", 1),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(runtimeAddress, "labels")},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					live := r.get()
					if _, stage := live.Labels["stage"]; stage || live.Labels["owner"] != "somebody-else" || live.Labels["team"] != "billing" || live.Annotations["note"] != "kept" {
						return fmt.Errorf("labels %v, annotations %v", live.Labels, live.Annotations)
					}
					return nil
				},
			},
			{
				ResourceName: runtimeAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID,
				ImportStateId:           "rt-basic",
				ImportStateVerify:       true,
				ImportStateVerifyIgnore: []string{"timeouts", "labels", "coda.token_secret"}, // in other words
			},
			{ // back to the least
				Config: r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					if b := r.get().BinaryAuthorization; b != nil && b.UseDefault {
						return fmt.Errorf("Binary Authorization: %+v", b)
					}
					return nil
				},
			},
			{ // another name is another service
				Config: other.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionReplace)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{
				Config: other.config(r.image, ""), ResourceName: runtimeAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID,
				ImportStateId: "projects/feel-august-platform/locations/us-central1/services/rt-basic-other",
			},
		},
	})
}

func TestAccSyncRuntime_drift(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-drift")
	config := r.config(r.image, `labels = { team = "billing" }`)
	var first string
	// repaired is a step in which a change is seen as one of these attributes, and undone.
	repaired := func(behind func(), attributes ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig: behind, Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate),
					expectChanged(runtimeAddress, attributes...),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config, Check: func(s *terraform.State) error {
				first = s.RootModule().Resources[runtimeAddress].Primary.Attributes["revision"]
				return nil
			}},
			func() resource.TestStep { // stopped by hand
				step := repaired(func() {
					r.patch("scaling", &run.GoogleCloudRunV2Service{Scaling: &run.GoogleCloudRunV2ServiceScaling{
						ScalingMode: "MANUAL", MinInstanceCount: 1, MaxInstanceCount: 3, ForceSendFields: []string{"ManualInstanceCount"},
					}})
				}, "problem", "ready", "revision")
				step.ConfigPlanChecks.PreApply = append(step.ConfigPlanChecks.PreApply,
					expectBefore(runtimeAddress, "problem", "Changed behind Terraform's back: the service is stopped: scaling is manual, at no instance."))
				return step
			}(),
			repaired(func() {
				live := r.get()
				live.Template.Containers[0].Env = append(live.Template.Containers[0].Env[1:], &run.GoogleCloudRunV2EnvVar{Name: "EXTRA", Value: "x"})
				live.Template.MaxInstanceRequestConcurrency = 7
				live.Template.Revision = ""
				r.patch("template", &run.GoogleCloudRunV2Service{Template: live.Template})
			}, "audience", "concurrency", "problem", "ready", "revision"),
			repaired(func() {
				r.patch("traffic", &run.GoogleCloudRunV2Service{Traffic: []*run.GoogleCloudRunV2TrafficTarget{
					{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: first, Percent: 100},
				}})
			}, "problem", "ready", "revision"),
			repaired(func() {
				r.patch("labels,invokerIamDisabled", &run.GoogleCloudRunV2Service{
					Labels: map[string]string{"team": "other", "managed-by": "terraform-provider-august", "august-resource": "sync-runtime"}, InvokerIamDisabled: true,
				})
			}, "labels", "public"),
			{
				PreConfig: r.delete, Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionCreate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		},
	})
}

// A service of the provider's own making is taken over, as after an apply that was cut short; anybody else's is not.
func TestAccSyncRuntime_adopt(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-adopt")
	create := func(labels map[string]string) func() {
		return func() {
			operation, err := r.api.Projects.Locations.Services.Create(
				"projects/"+accProject+"/locations/"+localtest.Region, &run.GoogleCloudRunV2Service{
					Labels: labels,
					Template: &run.GoogleCloudRunV2RevisionTemplate{
						Containers: []*run.GoogleCloudRunV2Container{{Image: r.dud}},
					},
				}).ServiceId(r.name).Do()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			if err := gcp.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
				operation, err = r.api.Projects.Locations.Operations.Get(operation.Name).Context(ctx).Do()
				return err == nil && operation.Done, err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				PreConfig: create(nil), Config: r.config(r.image, ""),
				ExpectError: regexp.MustCompile(`(?s)Sync runtime not deployed.*Import it`),
			},
			{
				PreConfig: func() {
					r.delete()
					create(map[string]string{"managed-by": "terraform-provider-august", "august-resource": "sync-runtime"})()
				},
				Config:           r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}

func TestAccSyncRuntime_deletionProtection(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-protected")
	other := *r
	other.name = "rt-protected-other"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: r.config(r.image, "deletion_protection = true")},
			{Config: r.config(r.image, "deletion_protection = true"), Destroy: true, ExpectError: regexp.MustCompile(`deletion_protection to\s+false`)},
			{Config: other.config(r.image, "deletion_protection = true"), ExpectError: regexp.MustCompile(`deletion_protection to\s+false`)},
			{
				Config: r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{expectChanged(runtimeAddress, "deletion_protection")},
				},
			},
		},
	})
}

// Values that are made in the same apply are unknown while planning; then it is the apply that looks.
func TestAccSyncRuntime_unknown(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-unknown")
	config := strings.NewReplacer(
		`= "platform"`, "= terraform_data.instance.output",
		`= "august-db-password"`, "= terraform_data.password.output",
		fmt.Sprintf("= %q", r.image), "= terraform_data.image.output",
	).Replace(r.config(r.image, "")) + fmt.Sprintf(`
resource "terraform_data" "instance" { input = "feel-august-platform:us-central1:platform" }
resource "terraform_data" "password" { input = "august-db-password" }
resource "terraform_data" "image" { input = %q }
`, r.image)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(runtimeAddress, tfjsonpath.New("database").AtMapKey("address")),
					plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("audience"), knownvalue.NotNull()),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}},
	})
}
