mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = {
      email  = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
    }
  }
}

mock_provider "august" {}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
}

run "deliveries_stay_where_they_may" {
  command = plan

  assert {
    condition = alltrue([
      for topic in [google_pubsub_topic.deliveries, google_pubsub_topic.dead] :
      topic.message_storage_policy[0].allowed_persistence_regions == toset(["us-central1", "us-east1"]) && topic.message_storage_policy[0].enforce_in_transit
    ])
    error_message = "A delivery is PHI, and stays in the regions that are named."
  }
}

run "deliveries_are_kept_and_in_order" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.deliveries.enable_message_ordering && google_pubsub_subscription.deliveries.message_retention_duration == "604800s" && google_pubsub_subscription.deliveries.ack_deadline_seconds >= 30
    error_message = "The subscription hands out in order, and outlasts an outage of a week."
  }

  assert {
    condition     = alltrue([for s in [google_pubsub_subscription.deliveries, google_pubsub_subscription.dead] : s.expiration_policy[0].ttl == ""])
    error_message = "A subscription that nobody pulls from for a month would be gone, and the deliveries with it."
  }

  assert {
    condition     = google_pubsub_subscription.deliveries.dead_letter_policy[0].max_delivery_attempts == 100
    error_message = "What is given up is kept for somebody to look at."
  }
}

run "one_account_with_what_it_needs" {
  command = plan

  assert {
    condition     = keys(google_project_iam_member.sync) == ["roles/cloudsql.client", "roles/cloudsql.instanceUser", "roles/cloudtrace.agent", "roles/monitoring.metricWriter"]
    error_message = "The runtime has roles that it does not need."
  }
}

run "logs_only_when_asked" {
  command = plan

  variables {
    slow_query_log = true
  }

  assert {
    condition     = contains(keys(google_project_iam_member.sync), "roles/logging.viewer")
    error_message = "Advice out of the log of slow statements needs the log."
  }
}

run "secrets_are_shells" {
  command = plan

  assert {
    condition     = keys(output.foundation.secrets) == ["coda-token", "drchrono-oauth", "drchrono-webhook"]
    error_message = "The secrets are those that modules/sync is given."
  }
}

run "a_person_does_not_deploy" {
  command = plan

  variables {
    deployers = { somebody = "user:somebody@example.com" }
  }

  expect_failures = [var.deployers]
}

run "a_project_by_its_number" {
  command = plan

  variables {
    project_number = "feel-august-platform"
  }

  expect_failures = [var.project_number]
}
