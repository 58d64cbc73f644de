# That an apply ends, that the next one changes nothing that counts, and what others are given.

mock_provider "google" {
  mock_resource "google_pubsub_topic" {
    defaults = {
      id = "projects/feel-august-platform/topics/platform-secret-rotation"
    }
  }
}

mock_provider "august" {
  mock_resource "august_secret" {
    defaults = {
      id        = "projects/feel-august-platform/secrets/coda-token"
      reference = "coda-token:1"
    }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"

  secrets = {
    drchrono-oauth = { accessors = { sync = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com" } }
    coda-token     = { managed = true }
  }

  values = { coda-token = "not-a-token" }
}

run "made" {
  assert {
    condition     = output.secrets.secrets["coda-token"].reference == "coda-token:1" && output.secrets.secrets["drchrono-oauth"].reference == "drchrono-oauth"
    error_message = "A managed secret is not referred to by its version, or another one not by its name."
  }

  assert {
    condition     = output.secrets.rotation_topic == "projects/feel-august-platform/topics/platform-secret-rotation"
    error_message = "The rotation topic is not told."
  }
}

run "made_again" {
  variables {
    secrets = {
      drchrono-oauth = { rotation_days = 30, accessors = { sync = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com" } }
      coda-token     = { managed = true }
    }
  }

  assert {
    condition     = timecmp(google_secret_manager_secret.this["drchrono-oauth"].rotation[0].next_rotation_time, timeadd(plantimestamp(), "1440h")) > 0
    error_message = "The next rotation moves with every apply, and so never comes."
  }

  assert {
    condition     = google_secret_manager_secret.this["drchrono-oauth"].rotation[0].rotation_period == "2592000s"
    error_message = "A new period is not taken in."
  }
}
