# What a set of secrets promises by default, and what it refuses.

mock_provider "google" {
  override_during = plan

  mock_resource "google_pubsub_topic" {
    defaults = {
      id = "projects/feel-august-platform/topics/platform-secret-rotation"
    }
  }
}

mock_provider "august" {
  override_during = plan
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"

  secrets = {
    drchrono-oauth = {
      accessors      = { sync = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com" }
      version_adders = { rotation = "group:platform-team@example.com" }
    }
    coda-token = {
      managed       = true
      accessors     = { sync = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com" }
      rotation_days = 30
    }
  }

  values = { coda-token = "not-a-token" }
}

run "defaults" {
  command = plan

  assert {
    condition     = toset([for replica in google_secret_manager_secret.this["drchrono-oauth"].replication[0].user_managed[0].replicas : replica.location]) == toset(["us-central1", "us-east1"])
    error_message = "A secret is not held in two regions of the United States."
  }

  assert {
    condition     = google_secret_manager_secret.this["drchrono-oauth"].deletion_protection && august_secret.this["coda-token"].deletion_protection
    error_message = "A secret may be deleted by default."
  }

  assert {
    condition     = google_secret_manager_secret.this["drchrono-oauth"].rotation[0].rotation_period == "7776000s" && google_secret_manager_secret.this["drchrono-oauth"].topics[0].name == google_pubsub_topic.rotation.id
    error_message = "A rotation is not due every 90 days, or nobody is told."
  }

  assert {
    condition     = google_secret_manager_secret.this["drchrono-oauth"].version_destroy_ttl == "604800s" && google_secret_manager_secret.this["drchrono-oauth"].ttl == null
    error_message = "A destroyed version cannot be taken back for a week, or the secret expires by itself."
  }

  assert {
    condition     = keys(google_secret_manager_secret.this) == ["drchrono-oauth"] && keys(august_secret.this) == ["coda-token"]
    error_message = "A secret is made twice, or by the wrong provider."
  }

  assert {
    condition     = august_secret.this["coda-token"].locations == toset(["us-central1", "us-east1"]) && august_secret.this["coda-token"].keep_versions == 1
    error_message = "A managed secret lies elsewhere, or the version that is in use before a rotation is retired with it."
  }

  assert {
    condition = { for key, grant in google_secret_manager_secret_iam_member.accessor : key => "${grant.secret_id} ${grant.role}" } == {
      "coda-token/sync"     = "coda-token roles/secretmanager.secretAccessor"
      "drchrono-oauth/sync" = "drchrono-oauth roles/secretmanager.secretAccessor"
    }
    error_message = "An accessor is not given one secret each, or more than to read it."
  }

  assert {
    condition     = google_secret_manager_secret_iam_member.version_adder["drchrono-oauth/rotation"].role == "roles/secretmanager.secretVersionAdder"
    error_message = "Who adds versions may do more than that."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.agent.member == "serviceAccount:service-123456789012@gcp-sa-secretmanager.iam.gserviceaccount.com"
    error_message = "Secret Manager may not tell of rotations."
  }

  assert {
    condition     = google_pubsub_subscription.rotation.message_retention_duration == "2678400s" && google_pubsub_subscription.rotation.expiration_policy[0].ttl == ""
    error_message = "A notice of a rotation is forgotten before a month is over."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.overdue) + length(google_monitoring_alert_policy.destroyed) == 0
    error_message = "There are alerts that nobody hears."
  }
}

run "encrypted_by_keys_of_our_own" {
  command = plan

  variables {
    kms_keys = {
      us-central1 = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
      us-east1    = "projects/p/locations/us-east1/keyRings/r/cryptoKeys/k"
    }
    pubsub_kms_key = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/pubsub"
    secrets        = { drchrono-oauth = {} }
  }

  assert {
    condition = { for replica in google_secret_manager_secret.this["drchrono-oauth"].replication[0].user_managed[0].replicas : replica.location => replica.customer_managed_encryption[0].kms_key_name } == {
      us-central1 = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
      us-east1    = "projects/p/locations/us-east1/keyRings/r/cryptoKeys/k"
    }
    error_message = "A replica is not encrypted by the key of its region."
  }

  assert {
    condition     = length(google_kms_crypto_key_iam_member.agent) == 2 && google_kms_crypto_key_iam_member.pubsub[0].member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "A service agent may not use the key that it is told to."
  }

  assert {
    condition     = google_pubsub_topic.rotation.kms_key_name == var.pubsub_kms_key
    error_message = "The notices are not encrypted by the key that was given."
  }
}

run "alerts" {
  command = plan

  variables {
    alerts = { notification_channels = ["projects/p/notificationChannels/1"], overdue_days = 3 }
  }

  assert {
    condition     = google_monitoring_alert_policy.overdue[0].conditions[0].condition_threshold[0].threshold_value == 259200
    error_message = "The alert does not count the days that were asked for."
  }

  assert {
    condition     = google_monitoring_alert_policy.destroyed[0].alert_strategy[0].notification_rate_limit[0].period == "300s"
    error_message = "An alert on a log needs a rate limit."
  }
}

run "staging_in_one_region" {
  command = plan

  variables {
    environment = "staging"
    regions     = ["us-central1"]
  }

  assert {
    condition     = google_secret_manager_secret.this["drchrono-oauth"].labels.environment == "staging"
    error_message = "Staging's secrets are not labelled so."
  }
}

run "production_in_one_region" {
  command = plan

  variables {
    regions = ["us-central1"]
  }

  expect_failures = [var.regions]
}

run "a_person_reads_a_secret" {
  command = plan

  variables {
    secrets = { drchrono-oauth = { accessors = { ann = "user:ann@example.com" } } }
  }

  expect_failures = [var.secrets]
}

run "everybody_adds_versions" {
  command = plan

  variables {
    secrets = { drchrono-oauth = { version_adders = { all = "allAuthenticatedUsers" } } }
  }

  expect_failures = [var.secrets]
}

run "never_rotated" {
  command = plan

  variables {
    secrets = { drchrono-oauth = { rotation_days = 0 } }
  }

  expect_failures = [var.secrets]
}

run "a_name_that_is_none" {
  command = plan

  variables {
    secrets = { "drchrono/oauth" = {} }
  }

  expect_failures = [var.secrets]
}

run "managed_and_under_a_key_of_our_own" {
  command = plan

  variables {
    kms_keys = {
      us-central1 = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
      us-east1    = "projects/p/locations/us-east1/keyRings/r/cryptoKeys/k"
    }
  }

  expect_failures = [var.secrets]
}

run "a_region_without_a_key" {
  command = plan

  variables {
    kms_keys = { us-central1 = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k" }
    secrets  = { drchrono-oauth = {} }
  }

  expect_failures = [var.kms_keys]
}

run "a_key_of_another_region" {
  command = plan

  variables {
    kms_keys = {
      us-central1 = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
      us-east1    = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    }
    secrets = { drchrono-oauth = {} }
  }

  expect_failures = [var.kms_keys]
}

run "managed_without_a_value" {
  command = plan

  variables {
    values = { another = "value" }
  }

  expect_failures = [var.values]
}

run "managed_with_an_empty_value" {
  command = plan

  variables {
    values = { coda-token = "" }
  }

  expect_failures = [var.values]
}

run "an_alert_after_the_notice_is_gone" {
  command = plan

  variables {
    alerts = { overdue_days = 45 }
  }

  expect_failures = [var.alerts]
}

run "a_destroyed_version_gone_at_once" {
  command = plan

  variables {
    version_destroy_days = 0
  }

  expect_failures = [var.version_destroy_days]
}

run "a_project_by_its_number" {
  command = plan

  variables {
    project = "123456789012"
  }

  expect_failures = [var.project]
}

run "a_project_number_that_is_a_name" {
  command = plan

  variables {
    project_number = "feel-august-platform"
  }

  expect_failures = [var.project_number]
}

run "an_environment_that_is_none" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

run "a_set_with_capitals" {
  command = plan

  variables {
    name = "Platform"
  }

  expect_failures = [var.name]
}
