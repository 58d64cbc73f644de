package provider

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"
	"google.golang.org/api/secretmanager/v1"
)

// Network and targets of scaling are set, drift is seen, and what was set is taken away again. What others set on
// the template stays through all of it. A secret with a number is deployed by that number.
func TestAccSyncRuntime_shape(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-shape")
	r.addSecret("rt-shape-webhook", "first", "second")
	const shaped = `
  scaling = { cpu_utilization = 50, concurrency_utilization = 70 }
  network = {
    network    = "default"
    subnetwork = "projects/feel-august-platform/regions/us-central1/subnetworks/apps"
    tags       = ["sync", "egress"]
  }
`
	config := func(version, more string) string {
		r.drchrono = fmt.Sprintf("webhook_secret = %q", "rt-shape-webhook:"+version)
		return r.config(r.image, more)
	}
	changes := func(attributes ...string) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{
			PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate),
				expectChanged(runtimeAddress, attributes...),
				plancheck.ExpectUnknownValue(runtimeAddress, tfjsonpath.New("revision")),
			},
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}
	}
	var first string
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{
				Config: config("1", shaped),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("network").AtMapKey("egress"), knownvalue.StringExact("private_ranges_only"))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					live := r.get()
					first = live.LatestReadyRevision
					s, v := live.Template.Scaling, live.Template.VpcAccess
					if s.CpuUtilization != 0.5 || s.ConcurrencyUtilization != 0.7 || v == nil || v.Egress != "PRIVATE_RANGES_ONLY" || v.NetworkInterfaces[0].Network != "default" || len(v.NetworkInterfaces[0].Tags) != 2 {
						return fmt.Errorf("scaling %+v, network %+v", s, v)
					}
					return r.webhookVersion("1")
				},
			},
			{ // by hand
				PreConfig: func() {
					live := r.get()
					live.Template.Scaling.CpuUtilization = 0.8
					live.Template.VpcAccess.Egress = "ALL_TRAFFIC"
					live.Template.Labels = map[string]string{"cost": "theirs"}
					live.Template.Annotations = map[string]string{"note": "theirs"}
					live.Template.Volumes = append(live.Template.Volumes, &run.GoogleCloudRunV2Volume{Name: "scratch", EmptyDir: &run.GoogleCloudRunV2EmptyDirVolumeSource{Medium: "MEMORY"}})
					r.patch("template", &run.GoogleCloudRunV2Service{Template: live.Template})
				},
				Config:           config("2", shaped),
				ConfigPlanChecks: changes("drchrono", "network", "revision", "scaling"),
				Check: func(*terraform.State) error {
					live := r.get()
					if live.LatestReadyRevision == first || live.Template.Scaling.CpuUtilization != 0.5 || live.Template.VpcAccess.Egress != "PRIVATE_RANGES_ONLY" {
						return fmt.Errorf("revision %s, scaling %+v, network %+v", live.LatestReadyRevision, live.Template.Scaling, live.Template.VpcAccess)
					}
					if err := r.othersStay(); err != nil {
						return err
					}
					return r.webhookVersion("2")
				},
			},
			{
				ResourceName: runtimeAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID,
				ImportStateId: "rt-shape", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"timeouts", "labels", "drchrono.webhook_secret"}, // in other words
			},
			{ // not asked for any more
				Config:           config("2", ""),
				ConfigPlanChecks: changes("network", "revision", "scaling"),
				Check: func(*terraform.State) error {
					live := r.get()
					if live.Template.VpcAccess != nil || live.Template.Scaling.CpuUtilization != 0 || live.Template.Scaling.ConcurrencyUtilization != 0 {
						return fmt.Errorf("scaling %+v, network %+v", live.Template.Scaling, live.Template.VpcAccess)
					}
					return r.othersStay()
				},
			},
			{ // and then it is somebody else's
				PreConfig: func() {
					live := r.get()
					live.Template.Scaling.ConcurrencyUtilization = 0.4
					live.Template.VpcAccess = &run.GoogleCloudRunV2VpcAccess{NetworkInterfaces: []*run.GoogleCloudRunV2NetworkInterface{{Network: "theirs"}}}
					r.patch("template", &run.GoogleCloudRunV2Service{Template: live.Template})
				},
				Config:           config("1", ""),
				ConfigPlanChecks: changes("drchrono", "problem", "ready", "revision"), // an apply before has pinned traffic
				Check: func(*terraform.State) error {
					live := r.get()
					if v := live.Template.VpcAccess; v == nil || v.NetworkInterfaces[0].Network != "theirs" || live.Template.Scaling.ConcurrencyUtilization != 0.4 {
						return fmt.Errorf("scaling %+v, network %+v", live.Template.Scaling, live.Template.VpcAccess)
					}
					return r.othersStay()
				},
			},
		},
	})
}

// addSecret makes a secret that no other test uses, with its versions in order.
func (r *runtimeRig) addSecret(name string, values ...string) {
	r.t.Helper()
	api, err := secretmanager.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
	secret := &secretmanager.Secret{Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}}}
	if _, err := api.Projects.Secrets.Create("projects/"+accProject, secret).SecretId(name).Do(); err != nil {
		r.t.Fatal(err)
	}
	for _, value := range values {
		payload := &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte(value))}
		if _, err := api.Projects.Secrets.AddVersion("projects/"+accProject+"/secrets/"+name, &secretmanager.AddSecretVersionRequest{Payload: payload}).Do(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// webhookVersion finds the webhook's secret deployed by a number.
func (r *runtimeRig) webhookVersion(want string) error {
	for _, e := range r.get().Template.Containers[0].Env {
		if e.ValueSource == nil || e.ValueSource.SecretKeyRef == nil || e.ValueSource.SecretKeyRef.Secret != "rt-shape-webhook" {
			continue
		}
		if got := e.ValueSource.SecretKeyRef.Version; got != want {
			return fmt.Errorf("version %q of the secret is deployed, want %q", got, want)
		}
		return nil
	}
	return fmt.Errorf("the secret is not deployed")
}

// othersStay finds on the template what was set by hand.
func (r *runtimeRig) othersStay() error {
	t := r.get().Template
	if t.Labels["cost"] != "theirs" || t.Annotations["note"] != "theirs" || len(t.Volumes) != 1 || t.Volumes[0].Name != "scratch" {
		return fmt.Errorf("labels %v, annotations %v, volumes %+v", t.Labels, t.Annotations, t.Volumes)
	}
	return nil
}
