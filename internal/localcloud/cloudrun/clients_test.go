package cloudrun

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// TestGcloud has Google's own command line look at a service and change its traffic.
func TestGcloud(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gcloud := r.gcloud(t, "run")
	first := r.service("COLOR=blue")
	first.Template.Revision = "seen-blue"
	s := r.mustCreate(t, "seen", first)
	next := withoutEtag(s)
	next.Template.Revision = "seen-green"
	next.Template.Containers[0].Env[0].Values = r.service("COLOR=green").Template.Containers[0].Env[0].Values
	if _, err := r.update(t, next); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status struct {
			URL                       string
			LatestReadyRevisionName   string
			LatestCreatedRevisionName string
			Conditions                []struct{ Type, Status string }
		}
	}
	if err := json.Unmarshal([]byte(gcloud.Run("services", "describe", "seen", "--region", region, "--format=json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status.URL != s.GetUri() || got.Status.LatestReadyRevisionName != "seen-green" || len(got.Status.Conditions) != 3 || got.Status.Conditions[0].Status != "True" {
		t.Errorf("describe: %+v", got)
	}
	if out := gcloud.Run("services", "list", "--format=value(metadata.name,status.url)"); !strings.Contains(out, "seen") || !strings.Contains(out, s.GetUri()) {
		t.Errorf("list: %s", out)
	}
	if out := gcloud.Run("services", "describe", "seen", "--region", region); !strings.Contains(out, "seen") {
		t.Errorf("describe: %s", out)
	}
	if out := gcloud.Run("revisions", "list", "--service", "seen", "--region", region, "--format=value(metadata.name)"); len(strings.Fields(out)) != 2 {
		t.Errorf("revisions: %s", out)
	}
	gcloud.Run("services", "update-traffic", "seen", "--region", region, "--to-revisions", "seen-blue=100")
	if a := call(t, s.GetUri()); a.Color != "blue" {
		t.Errorf("after update-traffic it serves %q", a.Color)
	}
	if now := r.get(t, "seen"); len(now.GetTraffic()) != 1 || !strings.HasSuffix(now.GetLatestCreatedRevision(), "seen-green") {
		t.Errorf("after update-traffic: %v", now)
	}
	gcloud.Run("services", "add-iam-policy-binding", "seen", "--region", region, "--member=user:testa@example.test", "--role=roles/run.invoker")
}

// gcloud is Google's command line before the rig: its regional hosts by a proxy, the other APIs by overrides.
func (r *rig) gcloud(t *testing.T, group string) *conformance.Gcloud {
	t.Helper()
	return conformance.NewGcloud(t, group, project,
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=http://run.googleapis.test/", "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING="+r.url+"/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE="+r.url+"/", "http_proxy="+r.url, "no_proxy=127.0.0.1")
}

// TestGcloudDeploys has it deploy as a pipeline would: first all at once, then a candidate without traffic, which takes
// over step by step; and one that fails.
func TestGcloudDeploys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.secrets[project+"/token/1"] = "hush"
	gcloud := r.gcloud(t, "run")
	deploy := func(more ...string) []string {
		return append([]string{"deploy", "app", "--region", region, "--image", r.image}, more...)
	}
	gcloud.Run(deploy("--no-invoker-iam-check", "--set-env-vars", "COLOR=blue", "--update-secrets", "TOKEN=token:1", "--min", "1", "--max-instances", "3", "--concurrency", "7",
		"--network", "default", "--subnet", "apps", "--network-tags", "sync", "--vpc-egress", "private-ranges-only")...)
	s := r.get(t, "app")
	tpl := s.GetTemplate()
	if a := call(t, s.GetUri()); a.Color != "blue" || a.env("TOKEN") != "hush" {
		t.Errorf("serves %q", a.Color)
	}
	if s.GetScaling().GetMinInstanceCount() != 1 || tpl.GetScaling().GetMaxInstanceCount() != 3 || tpl.GetMaxInstanceRequestConcurrency() != 7 {
		t.Errorf("scaling %v and %v, concurrency %d", s.GetScaling(), tpl.GetScaling(), tpl.GetMaxInstanceRequestConcurrency())
	}
	if n := tpl.GetVpcAccess().GetNetworkInterfaces(); len(n) != 1 || n[0].GetSubnetwork() != "apps" || tpl.GetVpcAccess().GetEgress() != runpb.VpcAccess_PRIVATE_RANGES_ONLY {
		t.Errorf("network %v", tpl.GetVpcAccess())
	}

	gcloud.Run(deploy("--set-env-vars", "COLOR=green", "--tag", "candidate", "--no-traffic")...)
	s = r.get(t, "app")
	var tagged string
	for _, st := range s.GetTrafficStatuses() {
		if st.GetTag() == "candidate" {
			tagged = st.GetUri()
		}
	}
	if a, b := call(t, s.GetUri()), call(t, tagged); a.Color != "blue" || b.Color != "green" || s.GetTemplate().GetVpcAccess() == nil {
		t.Errorf("the service leads to %q and the tag to %q; network %v", a.Color, b.Color, s.GetTemplate().GetVpcAccess())
	}
	gcloud.Run("services", "update-traffic", "app", "--region", region, "--to-tags", "candidate=30")
	share := map[string]int32{}
	for _, st := range r.get(t, "app").GetTrafficStatuses() {
		share[st.GetRevision()] += st.GetPercent()
	}
	if len(share) != 2 || share[filepath.Base(s.GetLatestCreatedRevision())] != 30 {
		t.Errorf("shares %v", share)
	}
	gcloud.Run("services", "update-traffic", "app", "--region", region, "--to-latest", "--remove-tags", "candidate")
	s = r.get(t, "app")
	if a := call(t, s.GetUri()); a.Color != "green" || len(s.GetTrafficStatuses()) != 1 {
		t.Errorf("leads to %q: %v", a.Color, s.GetTrafficStatuses())
	}

	out, err := gcloud.Try(deploy("--set-env-vars", "COLOR=red,APP_EXIT=1")...)
	if err == nil || !strings.Contains(out, "The startup probe (TCP connection to port 8080) failed") {
		t.Errorf("a deploy that fails says %v %s", err, out)
	}
	if a := call(t, s.GetUri()); a.Color != "green" {
		t.Errorf("leads to %q", a.Color)
	}

	// Of entries that are more than a text, this command of gcloud's makes a crash of its own.
	if out := gcloud.Run("services", "logs", "read", "app", "--region", region, "--log-filter", "textPayload:exiting"); !strings.Contains(out, "exiting as told") {
		t.Errorf("logs: %s", out)
	}
	out = r.gcloud(t, "logging").Run("read", `resource.labels.service_name=app AND resource.labels.revision_name=`+filepath.Base(s.GetLatestReadyRevision()), "--format=value(jsonPayload.message)")
	if !strings.Contains(out, "listening") || strings.Contains(out, "exiting") {
		t.Errorf("logs of one revision: %s", out)
	}

	op, err := r.services.CreateService(t.Context(), &runpb.CreateServiceRequest{Parent: "projects/" + project + "/locations/us-east1", ServiceId: "far", Service: r.service()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	gcloud.Run("services", "delete", "app", "--region", region)
	if out := gcloud.Run("services", "list", "--format=value(metadata.name,region)"); !strings.Contains(out, "far") || !strings.Contains(out, "us-east1") || strings.Contains(out, "app") {
		t.Errorf("list across regions: %s", out)
	}
}

// TestHashicorpGoogle has the provider that most people use apply, plan nothing, update, destroy.
func TestHashicorpGoogle(t *testing.T) {
	r := newRig(t)
	g := conformance.NewGoogle(t, conformance.Setup{Project: project, Region: region,
		Endpoints: map[string]string{"cloud_run_v2_custom_endpoint": r.url + "/v2/"}})
	config := func(color string) {
		g.Write("main.tf", `
resource "google_cloud_run_v2_service" "plain" {
  name                = "plain"
  location            = "`+region+`"
  deletion_protection = false
  template {
    containers { image = "`+r.image+`" }
  }
}
resource "google_cloud_run_v2_service" "full" {
  name                 = "full"
  location             = "`+region+`"
  deletion_protection  = false
  invoker_iam_disabled = true
  labels               = { team = "platform" }
  scaling { min_instance_count = 1 }
  template {
    timeout                          = "30s"
    max_instance_request_concurrency = 20
    service_account                  = "august-sync@`+project+`.iam.gserviceaccount.com"
    scaling {
      min_instance_count = 0
      max_instance_count = 3
    }
    containers {
      image = "`+r.image+`"
      args  = ["serve"]
      env {
        name  = "COLOR"
        value = "`+color+`"
      }
      env {
        name = "TOKEN"
        value_source {
          secret_key_ref {
            secret  = "token"
            version = "latest"
          }
        }
      }
      resources {
        limits   = { cpu = "1", memory = "1Gi" }
        cpu_idle = true
      }
      startup_probe {
        http_get { path = "/healthz" }
        period_seconds = 5
      }
      liveness_probe {
        http_get { path = "/healthz" }
      }
    }
  }
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
    tag     = "now"
  }
}
resource "google_cloud_run_v2_service_iam_member" "one" {
  name     = google_cloud_run_v2_service.plain.name
  location = "`+region+`"
  role     = "roles/run.invoker"
  member   = "allUsers"
}
`)
	}
	r.secrets[project+"/token/latest"] = "hush"
	config("blue")
	g.Apply()
	g.Settled("the first apply")
	full := r.get(t, "full")
	if a := call(t, full.GetUri()); a.Color != "blue" || a.env("TOKEN") != "hush" {
		t.Errorf("serves %q", a.Color)
	}
	call(t, r.get(t, "plain").GetUri())
	config("green")
	g.Apply()
	g.Settled("a change")
	if a := call(t, full.GetUri()); a.Color != "green" {
		t.Errorf("serves %q", a.Color)
	}
	g.Destroy()
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d services are left", left)
	}
}
