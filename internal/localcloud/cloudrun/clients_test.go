package cloudrun

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// TestGcloud has Google's own command line look at a service and change its traffic.
func TestGcloud(t *testing.T) {
	r := newRig(t)
	gcloud := conformance.NewGcloud(t, "run", project,
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=http://run.googleapis.test/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE="+r.url+"/", "http_proxy="+r.url, "no_proxy=")
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
	gcloud.Run("deploy", "made", "--region", region, "--image", r.image, "--no-invoker-iam-check", "--set-env-vars", "COLOR=red", "--concurrency", "7", "--tag", "t1")
	made := r.get(t, "made")
	if a := call(t, made.GetUri()); a.Color != "red" || made.GetTemplate().GetMaxInstanceRequestConcurrency() != 7 {
		t.Errorf("deployed: %v", made)
	}
	gcloud.Run("services", "delete", "seen", "--region", region)
	if out := gcloud.Run("services", "list", "--format=value(metadata.name)"); strings.Contains(out, "seen") {
		t.Errorf("still listed: %s", out)
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
