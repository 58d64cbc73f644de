mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_pubsub_topic" {
    defaults = {
      id = "projects/feel-august-platform/topics/drchrono-deliveries"
    }
  }
}

mock_provider "august" {}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
  deployers      = { apply = "serviceAccount:deliver-apply@feel-august-platform.iam.gserviceaccount.com" }
}

run "what_the_runtime_is_given" {
  assert {
    condition     = output.foundation.database_user == "august-sync@feel-august-platform.iam" && output.foundation.pubsub == { topic = "drchrono-deliveries", subscription = "august-sync" }
    error_message = "The runtime signs in as its account, and has its queue."
  }

  assert {
    condition     = output.foundation.secrets["drchrono-oauth"] == "drchrono-oauth" && output.foundation.dead_letter_subscription == "august-sync-dead"
    error_message = "Secrets go by name, never by value."
  }

  assert {
    condition     = alltrue([for grant in google_project_iam_member.sync : grant.member == google_service_account.sync.member])
    error_message = "A role went to somebody else."
  }

  assert {
    condition     = google_pubsub_subscription.dead.topic == google_pubsub_topic.dead.id && google_pubsub_topic_iam_member.dead.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "What Pub/Sub gives up is kept, and Pub/Sub itself may put it there."
  }
}
