mock_provider "august" {
  override_during = plan

  mock_resource "august_runtime_image" {
    defaults = {
      image  = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  mock_resource "august_sync_runtime" {
    defaults = {
      uri      = "https://august-sync.example.test"
      audience = "august-sync:feel-august-platform:us-central1:august-sync"
    }
  }
}

variables {
  project         = "feel-august-platform"
  region          = "us-central1"
  service_account = "august-sync@feel-august-platform.iam.gserviceaccount.com"
  image           = { repository = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync" }
  database        = { instance = "platform", name = "august", user = "august-sync@feel-august-platform.iam" }
  drchrono        = { oauth_secret = "drchrono-oauth", webhook_secret = "drchrono-webhook" }
  pubsub          = { topic = "drchrono-deliveries", subscription = "august-sync" }
  control         = { allowed_callers = ["terraform@feel-august-platform.iam.gserviceaccount.com"] }
  pipelines = {
    billing = { schedule = "*/15 * * * *", webhook_events = ["APPOINTMENT_MODIFY"] }
    results = { dataset = "labs" }
  }
}

run "it_runs_by_digest" {
  command = plan

  assert {
    condition     = august_sync_runtime.sync.image == august_runtime_image.sync.image && strcontains(august_sync_runtime.sync.image, "@sha256:")
    error_message = "A tag may be another image tomorrow."
  }
}

run "help_comes_at_half_of_the_processors" {
  command = plan

  assert {
    condition     = august_sync_runtime.sync.scaling.cpu_utilization == 50 && august_sync_runtime.sync.scaling.min_instances == 1
    error_message = "Another instance is started at 50 % of the processors, and one always runs, for the schedules run in it."
  }
}

run "a_new_revision_has_to_prove_itself" {
  command = plan

  assert {
    condition     = august_sync_runtime.sync.rollout.steps == tolist([10, 50]) && august_sync_runtime.sync.rollout.bake_time == "30s"
    error_message = "Traffic comes to a new revision in steps."
  }
}

run "or_has_everything_at_once" {
  command = plan

  variables {
    rollout = { steps = [] }
  }

  assert {
    condition     = august_sync_runtime.sync.rollout == null
    error_message = "Without steps there is no rollout to declare."
  }
}

run "pipelines_are_on_this_runtime" {
  command = plan

  assert {
    condition     = { for name, pipeline in august_sync_pipeline.pipelines : name => pipeline.dataset } == { billing = "billing", results = "labs" }
    error_message = "A pipeline's dataset is its name, unless it says another."
  }

  assert {
    condition     = alltrue([for pipeline in august_sync_pipeline.pipelines : pipeline.endpoint == august_sync_runtime.sync.uri && pipeline.audience == august_sync_runtime.sync.audience])
    error_message = "A pipeline is declared elsewhere."
  }
}

run "a_view_needs_coda" {
  command = plan

  variables {
    pipelines = {
      billing = {
        coda_views = {
          billing_summary = { doc_id = "dSynthetic", table_id = "grid-synthetic", key_column = "c-key", columns = { month = "c-month" } }
        }
      }
    }
  }

  expect_failures = [var.pipelines]
}

run "an_event_needs_a_webhook" {
  command = plan

  variables {
    drchrono = { oauth_secret = "drchrono-oauth" }
    pubsub   = null
  }

  expect_failures = [var.pipelines]
}

run "one_pipeline_of_a_dataset" {
  command = plan

  variables {
    pipelines = { billing = {}, second = { dataset = "billing" } }
  }

  expect_failures = [var.pipelines]
}

run "a_paused_one_does_not_count" {
  command = plan

  variables {
    pipelines = { billing = {}, second = { dataset = "billing", paused = true } }
  }

  assert {
    condition     = august_sync_pipeline.pipelines["second"].paused
    error_message = "The second pipeline rests."
  }
}

run "who_only_plans_only_asks" {
  command = plan

  variables {
    control = {
      allowed_callers = ["deliver-apply@feel-august-platform.iam.gserviceaccount.com"]
      allowed_readers = ["deliver-plan@feel-august-platform.iam.gserviceaccount.com"]
    }
  }

  assert {
    condition     = august_sync_runtime.sync.control.allowed_readers == toset(["deliver-plan@feel-august-platform.iam.gserviceaccount.com"]) && length(august_sync_runtime.sync.control.allowed_callers) == 1
    error_message = "Who plans may ask, and is none of those who may change."
  }
}

run "somebody_has_to_call" {
  command = plan

  variables {
    control = { allowed_callers = [] }
  }

  expect_failures = [var.control]
}
