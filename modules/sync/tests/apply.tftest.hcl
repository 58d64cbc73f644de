mock_provider "august" {
  mock_resource "august_runtime_image" {
    defaults = {
      image = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  mock_resource "august_sync_runtime" {
    defaults = {
      uri         = "https://august-sync.example.test"
      audience    = "august-sync:feel-august-platform:us-central1:august-sync"
      webhook_url = "https://august-sync.example.test/webhooks/drchrono"
    }
  }
}

variables {
  project         = "feel-august-platform"
  region          = "us-central1"
  service_account = "august-sync@feel-august-platform.iam.gserviceaccount.com"
  image           = { repository = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync", tags = ["production"] }
  database        = { instance = "platform", name = "august", user = "august-sync@feel-august-platform.iam" }
  drchrono        = { oauth_secret = "drchrono-oauth", webhook_secret = "drchrono-webhook" }
  control         = { allowed_callers = ["terraform@feel-august-platform.iam.gserviceaccount.com"] }
  pipelines       = { billing = { schedule = "*/15 * * * *" }, labs = {} }
}

run "what_others_need_is_told" {
  assert {
    condition     = output.sync.image == august_runtime_image.sync.image && output.sync.webhook_url == "https://august-sync.example.test/webhooks/drchrono"
    error_message = "The output names the image that runs and the webhook's address."
  }

  assert {
    condition     = keys(output.pipelines) == ["billing", "labs"] && output.pipelines["billing"].schedule == "*/15 * * * *"
    error_message = "The pipelines are told by name."
  }
}

run "one_more_pipeline_leaves_the_others" {
  variables {
    pipelines = { billing = { schedule = "*/15 * * * *" }, labs = {}, patients = {} }
  }

  assert {
    condition     = output.pipelines["billing"].id == run.what_others_need_is_told.pipelines["billing"].id
    error_message = "A pipeline that is added makes no other anew."
  }
}
