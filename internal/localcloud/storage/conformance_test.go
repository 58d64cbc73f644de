package storage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/api/storage/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// What its users do with gcloud: make a bucket, put objects into it and take them out, look, protect, remove.
func TestGcloud(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// What is larger than 1 MiB goes up so that it can be resumed, what is larger than 15 MiB in parts that are put together.
	gcloud := conformance.NewGcloud(t, "storage", project, "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="+r.url+"/storage/v1/",
		"CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_ENABLED=true", "CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_THRESHOLD=15M",
		"CLOUDSDK_STORAGE_PARALLEL_COMPOSITE_UPLOAD_COMPONENT_SIZE=8M", "CLOUDSDK_STORAGE_RESUMABLE_THRESHOLD=1M")
	says := func(what string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(what, word) {
				t.Errorf("no %q in:\n%s", word, what)
			}
		}
	}
	fails := func(word string, args ...string) {
		t.Helper()
		if out, err := gcloud.Try(args...); err == nil || !strings.Contains(out, word) {
			t.Errorf("gcloud storage %s does not say %q: %s", strings.Join(args, " "), word, out)
		}
	}
	gcloud.Run("buckets", "create", "gs://exports", "--location=us-central1", "--uniform-bucket-level-access", "--public-access-prevention")
	fails("already own", "buckets", "create", "gs://exports")
	gcloud.Run("buckets", "update", "gs://exports", "--update-labels=team=platform", "--versioning")
	says(gcloud.Run("buckets", "describe", "gs://exports"), "location: US-CENTRAL1", "public_access_prevention: enforced",
		"uniform_bucket_level_access: true", "team: platform", "versioning_enabled: true")

	files := map[string][]byte{"small.txt": []byte("hello\n"), "large.bin": make([]byte, 5<<20), "huge.bin": make([]byte, 20<<20)}
	dir := t.TempDir()
	for name, body := range files {
		if name != "small.txt" {
			_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
		}
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
		gcloud.Run("cp", filepath.Join(dir, name), "gs://exports/2026/11/"+name)
		if name == "small.txt" {
			continue
		}
		back := filepath.Join(t.TempDir(), name)
		gcloud.Run("cp", "gs://exports/2026/11/"+name, back)
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s came back with %d bytes: %v", name, len(got), err)
		}
	}
	says(gcloud.Run("objects", "describe", "gs://exports/2026/11/huge.bin"), "component_count: 3", "size: 20971520")
	says(gcloud.Run("cat", "-r", "1-2", "gs://exports/2026/11/small.txt"), "el")
	says(gcloud.Run("ls", "gs://exports"), "gs://exports/2026/\n")
	says(gcloud.Run("ls", "-l", "gs://exports/2026/**"), "gs://exports/2026/11/small.txt", "gs://exports/2026/11/large.bin", "TOTAL: 3 objects")

	gcloud.Run("mv", "gs://exports/2026/11/small.txt", "gs://exports/moved.txt")
	says(gcloud.Run("cat", "gs://exports/moved.txt"), "hello")
	gcloud.Run("objects", "update", "gs://exports/moved.txt", "--custom-metadata=by=test", "--temporary-hold")
	says(gcloud.Run("objects", "describe", "gs://exports/moved.txt"), "by: test", "temporary_hold: true")
	fails("under active Temporary hold", "rm", "gs://exports/moved.txt")
	gcloud.Run("objects", "update", "gs://exports/moved.txt", "--no-temporary-hold")
	gcloud.Run("rm", "gs://exports/moved.txt")
	says(gcloud.Run("ls", "-a", "gs://exports/moved.txt"), "gs://exports/moved.txt#") // the version

	gcloud.Run("buckets", "add-iam-policy-binding", "gs://exports", "--member=serviceAccount:august-sync@august-test.iam.gserviceaccount.com", "--role=roles/storage.objectViewer")
	says(gcloud.Run("buckets", "get-iam-policy", "gs://exports"), "roles/storage.objectViewer", "roles/storage.legacyBucketOwner")
	gcloud.Run("buckets", "update", "gs://exports", "--retention-period=1h")
	fails("subject to bucket's retention policy", "rm", "gs://exports/2026/11/large.bin")
	gcloud.Run("buckets", "update", "gs://exports", "--clear-retention-period")
	fails("not empty", "buckets", "delete", "gs://exports")
	gcloud.Run("rm", "-r", "gs://exports")
	if buckets, err := r.client.Buckets.List(project).Do(); err != nil || len(buckets.Items) > 0 {
		t.Errorf("left: %v, %v", buckets, err)
	}
}

// Terraform with the provider that most people use: apply, plan nothing, change, plan nothing, destroy.
func TestHashicorpGoogle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := conformance.NewGoogle(t, conformance.Setup{Project: project, Region: "us-central1",
		Endpoints: map[string]string{"storage_custom_endpoint": r.url + "/storage/v1/"}})
	config := func(bucket, object string) {
		g.Write("main.tf", `
resource "google_storage_bucket" "plain" {
  name     = "august-test-plain"
  location = "US"
}
resource "google_storage_bucket" "exports" {
  name                        = "august-test-exports"
  location                    = "us-central1"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  `+bucket+`
}
resource "google_storage_bucket_object" "note" {
  name   = "notes/read me.txt"
  bucket = google_storage_bucket.exports.name
  `+object+`
}
resource "google_storage_bucket_iam_member" "reader" {
  bucket = google_storage_bucket.exports.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:august-staging@august-test.iam.gserviceaccount.com"
}
resource "google_storage_bucket_iam_member" "writer" {
  bucket = google_storage_bucket.exports.name
  role   = "roles/storage.objectCreator"
  member = "serviceAccount:august-sync@august-test.iam.gserviceaccount.com"
  condition {
    title      = "exports"
    expression = "resource.name.startsWith(\"projects/_/buckets/august-test-exports/objects/exports/\")"
  }
}
data "google_storage_bucket_object_content" "note" {
  name   = google_storage_bucket_object.note.output_name
  bucket = google_storage_bucket.exports.name
}
output "note" { value = data.google_storage_bucket_object_content.note.content }
`)
	}
	config(`
  labels = { data = "anonymised", team = "platform" }
  versioning { enabled = true }
  soft_delete_policy { retention_duration_seconds = 0 }
  lifecycle_rule {
    condition {
      age                = 30
      matches_prefix     = ["exports/"]
      num_newer_versions = 2
    }
    action { type = "Delete" }
  }
  lifecycle_rule {
    condition { age = 7 }
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
  }
  logging { log_bucket = "august-test-plain" }
  cors {
    origin          = ["https://example.test"]
    method          = ["GET"]
    response_header = ["*"]
    max_age_seconds = 3600
  }
`, `
  content      = "first"
  content_type = "text/plain; charset=utf-8"
  metadata     = { by = "test" }
`)
	g.Apply()
	g.Settled("create")

	config(`
  labels = { data = "anonymised" }
  default_event_based_hold = true
  retention_policy { retention_period = 3600 }
  lifecycle_rule {
    condition { age = 60 }
    action { type = "Delete" }
  }
`, `
  content             = "first"
  content_type        = "text/plain; charset=utf-8"
  metadata            = { by = "test" }
  temporary_hold      = true
`)
	g.Apply()
	g.Settled("update")
	b, err := r.client.Buckets.Get("august-test-exports").Do()
	if err != nil || b.Labels["team"] != "" || len(b.Lifecycle.Rule) != 1 || b.RetentionPolicy.RetentionPeriod != 3600 || !b.DefaultEventBasedHold {
		t.Errorf("updated: %+v, %v", b, err)
	}
	out, code := g.Terraform("destroy", "-auto-approve")
	if code == 0 || !strings.Contains(out, "under active Temporary hold") {
		t.Errorf("destroyed what is held: %s", out)
	}

	config("", `
  content      = "second"
  content_type = "text/plain; charset=utf-8"
  metadata     = { by = "test" }
`)
	if _, err := r.client.Objects.Patch(b.Name, "notes/read me.txt", &storage.Object{ForceSendFields: []string{"TemporaryHold"}}).Do(); err != nil {
		t.Fatal(err)
	}
	g.Apply()
	g.Settled("leaving it all out")
	if b, err = r.client.Buckets.Get("august-test-exports").Do(); err != nil || b.Lifecycle != nil || b.RetentionPolicy != nil || b.Cors != nil || b.Labels["data"] != "" {
		t.Errorf("left out: %+v, %v", b, err)
	}
	if out, _ := g.Terraform("output", "-raw", "note"); out != "second" {
		t.Errorf("the object's content is %q", out)
	}
	g.Destroy()
	if buckets, err := r.client.Buckets.List(project).Do(); err != nil || len(buckets.Items) > 0 {
		t.Errorf("left: %v, %v", buckets, err)
	}
}
