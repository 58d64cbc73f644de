package cloudrun

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command runs a program to its end and returns what it printed.
func command(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), env...), time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGcloud has Google's own command line look at a service and change its traffic.
func TestGcloud(t *testing.T) {
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skip("gcloud is not installed")
	}
	r := newRig(t)
	first := r.service("COLOR=blue")
	first.Template.Revision = "seen-blue"
	s := r.mustCreate(t, "seen", first)
	next := withoutEtag(s)
	next.Template.Revision = "seen-green"
	next.Template.Containers[0].Env[0].Values = r.service("COLOR=green").Template.Containers[0].Env[0].Values
	if _, err := r.update(t, next); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"CLOUDSDK_CONFIG=" + t.TempDir(), "CLOUDSDK_CORE_PROJECT=" + project, "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_AUTH_ACCESS_TOKEN=fake",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true", "CLOUDSDK_SURVEY_DISABLE_PROMPTS=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=http://run.googleapis.test/",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE=" + r.url + "/", "http_proxy=" + r.url, "no_proxy=",
	}
	gcloud := func(args ...string) string {
		t.Helper()
		out, err := command(t, "", env, "gcloud", append([]string{"run"}, args...)...)
		if err != nil {
			t.Fatalf("gcloud run %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	var got struct {
		Status struct {
			URL                       string
			LatestReadyRevisionName   string
			LatestCreatedRevisionName string
			Conditions                []struct{ Type, Status string }
		}
	}
	if err := json.Unmarshal([]byte(gcloud("services", "describe", "seen", "--region", region, "--format=json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status.URL != s.GetUri() || got.Status.LatestReadyRevisionName != "seen-green" || len(got.Status.Conditions) != 3 || got.Status.Conditions[0].Status != "True" {
		t.Errorf("describe: %+v", got)
	}
	if out := gcloud("services", "list", "--format=value(metadata.name,status.url)"); !strings.Contains(out, "seen") || !strings.Contains(out, s.GetUri()) {
		t.Errorf("list: %s", out)
	}
	if out := gcloud("services", "describe", "seen", "--region", region); !strings.Contains(out, "seen") {
		t.Errorf("describe: %s", out)
	}
	if out := gcloud("revisions", "list", "--service", "seen", "--region", region, "--format=value(metadata.name)"); len(strings.Fields(out)) != 2 {
		t.Errorf("revisions: %s", out)
	}
	gcloud("services", "update-traffic", "seen", "--region", region, "--to-revisions", "seen-blue=100")
	if a := call(t, s.GetUri()); a.Color != "blue" {
		t.Errorf("after update-traffic it serves %q", a.Color)
	}
	if now := r.get(t, "seen"); len(now.GetTraffic()) != 1 || !strings.HasSuffix(now.GetLatestCreatedRevision(), "seen-green") {
		t.Errorf("after update-traffic: %v", now)
	}
	gcloud("services", "add-iam-policy-binding", "seen", "--region", region, "--member=user:testa@example.test", "--role=roles/run.invoker")
	gcloud("deploy", "made", "--region", region, "--image", r.image, "--no-invoker-iam-check", "--set-env-vars", "COLOR=red", "--concurrency", "7", "--tag", "t1")
	made := r.get(t, "made")
	if a := call(t, made.GetUri()); a.Color != "red" || made.GetTemplate().GetMaxInstanceRequestConcurrency() != 7 {
		t.Errorf("deployed: %v", made)
	}
	gcloud("services", "delete", "seen", "--region", region)
	if out := gcloud("services", "list", "--format=value(metadata.name)"); strings.Contains(out, "seen") {
		t.Errorf("still listed: %s", out)
	}
}

// TestHashicorpGoogle has the provider that most people use apply, plan nothing, update, destroy.
func TestHashicorpGoogle(t *testing.T) {
	folder := os.Getenv("AUGUST_TEST_HASHICORP_GOOGLE")
	if folder == "" {
		t.Skip("AUGUST_TEST_HASHICORP_GOOGLE names no folder with terraform-provider-google in it")
	}
	r := newRig(t)
	dir := t.TempDir()
	write := func(name, body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rc", `provider_installation {
  dev_overrides { "hashicorp/google" = "`+folder+`" }
  direct {}
}
`)
	config := func(color string) {
		write("main.tf", `
terraform {
  required_providers { google = { source = "hashicorp/google" } }
}
provider "google" {
  project                      = "`+project+`"
  region                       = "`+region+`"
  access_token                 = "fake"
  universe_domain              = "emulator.local"
  poll_interval                = "200ms"
  cloud_run_v2_custom_endpoint = "`+r.url+`/v2/"
}
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
	env := []string{"TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "rc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}
	terraform := func(args ...string) {
		t.Helper()
		if out, err := command(t, dir, env, "terraform", args...); err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	config("blue")
	terraform("apply", "-auto-approve", "-no-color")
	terraform("plan", "-detailed-exitcode", "-no-color")
	full := r.get(t, "full")
	if a := call(t, full.GetUri()); a.Color != "blue" || a.env("TOKEN") != "hush" {
		t.Errorf("serves %q", a.Color)
	}
	call(t, r.get(t, "plain").GetUri())
	config("green")
	terraform("apply", "-auto-approve", "-no-color")
	terraform("plan", "-detailed-exitcode", "-no-color")
	if a := call(t, full.GetUri()); a.Color != "green" {
		t.Errorf("serves %q", a.Color)
	}
	terraform("destroy", "-auto-approve", "-no-color")
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d services are left", left)
	}
}
