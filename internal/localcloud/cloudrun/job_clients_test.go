package cloudrun

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// TestHashicorpGoogle_job has the provider that most people use apply jobs, plan nothing, update and destroy them.
func TestHashicorpGoogle_job(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	g := conformance.NewGoogle(t, conformance.Setup{Project: project, Region: region,
		Endpoints: map[string]string{"cloud_run_v2_custom_endpoint": r.url + "/v2/"}})
	r.secrets[project+"/token/latest"] = "hush"
	config := func(fails string) {
		g.Write("main.tf", `
resource "google_cloud_run_v2_job" "plain" {
  name                = "plain"
  location            = "`+region+`"
  deletion_protection = false
  template {
    template {
      containers {
        image = "`+r.image+`"
      }
    }
  }
}
resource "google_cloud_run_v2_job" "full" {
  name                = "full"
  location            = "`+region+`"
  deletion_protection = false
  labels              = { team = "billing" }
  annotations         = { note = "kept" }
  template {
    labels      = { kind = "nightly" }
    parallelism = 2
    task_count  = 3
    template {
      timeout         = "90s"
      max_retries     = 0
      service_account = "runtime@`+project+`.iam.gserviceaccount.com"
      containers {
        image = "`+r.image+`"
        args  = ["migrate"]
        env {
          name  = "APP_FAILS"
          value = "`+fails+`"
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
          limits = { cpu = "1", memory = "1Gi" }
        }
      }
    }
  }
}
resource "google_cloud_run_v2_job_iam_member" "one" {
  name     = google_cloud_run_v2_job.full.name
  location = "`+region+`"
  role     = "roles/run.invoker"
  member   = "user:testa@example.test"
}
`)
	}
	ends := func() *runpb.Execution {
		op, e := r.begin(t, "full", nil)
		e, _ = r.finish(t, op, e)
		return e
	}
	config("9")
	g.Apply()
	g.Settled("the first apply")
	if e := ends(); e.GetFailedCount() != 3 || !strings.Contains(completed(e).GetMessage(), "exit code 3") {
		t.Errorf("%v", e)
	}
	g.Settled("an execution")
	config("0")
	g.Apply()
	g.Settled("a change")
	if e := ends(); e.GetSucceededCount() != 3 || told(t, e)[0].env("TOKEN") != "hush" {
		t.Errorf("%v", e)
	}
	g.Destroy()
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d jobs are left", left)
	}
}
