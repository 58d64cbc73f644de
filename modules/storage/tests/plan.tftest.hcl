mock_provider "google" {
  override_during = plan
}

variables {
  project = "feel-august-platform"
  name    = "feel-august-platform-documents"
}

run "safe_by_default" {
  command = plan

  assert {
    condition     = google_storage_bucket.bucket.public_access_prevention == "enforced" && google_storage_bucket.bucket.uniform_bucket_level_access
    error_message = "Nothing in the bucket may ever be public."
  }

  assert {
    condition = (
      google_storage_bucket.bucket.location == "US" && google_storage_bucket.bucket.rpo == "ASYNC_TURBO" &&
      toset(google_storage_bucket.bucket.custom_placement_config[0].data_locations) == toset(["US-CENTRAL1", "US-EAST1"])
    )
    error_message = "Every object must be in two regions, within 15 minutes."
  }

  assert {
    condition     = google_storage_bucket.bucket.versioning[0].enabled && google_storage_bucket.bucket.soft_delete_policy[0].retention_duration_seconds == 2592000
    error_message = "What is replaced or deleted must be there to restore."
  }

  assert {
    condition     = google_storage_bucket.bucket.force_destroy == false
    error_message = "A bucket that holds anything must not be deleted."
  }

  assert {
    condition     = !anytrue([for rule in google_storage_bucket.bucket.lifecycle_rule : one(rule.action).type == "Delete" && one(rule.condition).with_state != "ARCHIVED"])
    error_message = "Nothing that is current may be deleted by itself."
  }

  assert {
    condition     = [for rule in google_storage_bucket.bucket.lifecycle_rule : one(rule.condition).days_since_noncurrent_time if one(rule.condition).with_state == "ARCHIVED"] == [90]
    error_message = "Earlier versions must be kept for 90 days, and then deleted."
  }

  assert {
    condition     = length(google_storage_bucket.bucket.ip_filter) == 0 && length(google_storage_bucket_iam_member.grant) == 0
    error_message = "Nobody may have a right by default."
  }
}

run "retained" {
  command = plan

  variables {
    retention         = { days = 2192, locked = true }
    expire_after_days = 2557
  }

  assert {
    condition     = google_storage_bucket.bucket.retention_policy[0].retention_period == "189388800" && google_storage_bucket.bucket.retention_policy[0].is_locked
    error_message = "Six years must be kept, and locked."
  }

  assert {
    condition     = !google_storage_bucket.bucket.versioning[0].enabled
    error_message = "Retention and versions exclude each other."
  }

  assert {
    condition     = [for rule in google_storage_bucket.bucket.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"] == [2557]
    error_message = "Objects must be deleted at their age, and not before."
  }
}

run "a_lock_is_asked_for" {
  command = plan

  variables {
    retention = { days = 30 }
  }

  assert {
    condition     = !google_storage_bucket.bucket.retention_policy[0].is_locked
    error_message = "What cannot be undone must not be a default."
  }
}

run "expiry_before_retention" {
  command = plan

  variables {
    retention         = { days = 2192 }
    expire_after_days = 365
  }

  expect_failures = [var.expire_after_days]
}

run "own_key" {
  command = plan

  variables {
    kms_key        = "projects/feel-august-platform/locations/us/keyRings/platform/cryptoKeys/storage"
    project_number = "123456789"
  }

  assert {
    condition     = google_storage_bucket.bucket.encryption[0].default_kms_key_name == var.kms_key
    error_message = "Objects must be encrypted with the key."
  }

  assert {
    condition = (
      google_storage_bucket.bucket.encryption[0].google_managed_encryption_enforcement_config[0].restriction_mode == "FullyRestricted" &&
      google_storage_bucket.bucket.encryption[0].customer_supplied_encryption_enforcement_config[0].restriction_mode == "FullyRestricted"
    )
    error_message = "Objects that another key encrypts must be refused."
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.agent[0].member == "serviceAccount:service-123456789@gs-project-accounts.iam.gserviceaccount.com"
    error_message = "The storage agent must be let use the key."
  }
}

run "key_elsewhere" {
  command = plan

  variables {
    kms_key        = "projects/feel-august-platform/locations/us-central1/keyRings/platform/cryptoKeys/storage"
    project_number = "123456789"
  }

  expect_failures = [google_storage_bucket.bucket]
}

run "key_without_its_user" {
  command = plan

  variables {
    kms_key = "projects/feel-august-platform/locations/us/keyRings/platform/cryptoKeys/storage"
  }

  expect_failures = [var.kms_key]
}

run "in_europe" {
  command = plan

  variables {
    regions = ["europe-west1", "europe-west4"]
  }

  assert {
    condition     = google_storage_bucket.bucket.location == "EU"
    error_message = "The bucket must be on the continent of its regions."
  }
}

run "two_continents" {
  command = plan

  variables {
    regions = ["us-central1", "europe-west1"]
  }

  expect_failures = [var.regions]
}

run "one_region" {
  command = plan

  variables {
    regions = ["us-central1", "us-central1"]
  }

  expect_failures = [var.regions]
}

run "rights_are_added" {
  command = plan

  variables {
    iam = {
      reports = { role = "roles/storage.objectCreator", member = "serviceAccount:reports@feel-august-platform.iam.gserviceaccount.com" }
    }
  }

  assert {
    condition     = google_storage_bucket_iam_member.grant["reports"].role == "roles/storage.objectCreator" && google_storage_bucket_iam_member.grant["reports"].bucket == var.name
    error_message = "The right must be on this bucket."
  }
}

run "not_for_everyone" {
  command = plan

  variables {
    iam = { all = { role = "roles/storage.objectViewer", member = "allUsers" } }
  }

  expect_failures = [var.iam]
}

run "not_for_a_projects_editors" {
  command = plan

  variables {
    iam = { all = { role = "roles/storage.objectViewer", member = "projectEditor:feel-august-platform" } }
  }

  expect_failures = [var.iam]
}

run "no_legacy_roles" {
  command = plan

  variables {
    iam = { old = { role = "roles/storage.legacyBucketOwner", member = "group:it@example.com" } }
  }

  expect_failures = [var.iam]
}

run "from_one_network_only" {
  command = plan

  variables {
    ip_filter = {
      networks = { platform = { id = "projects/feel-august-platform/global/networks/platform", cidrs = ["10.10.0.0/20"] } }
    }
  }

  assert {
    condition = (
      google_storage_bucket.bucket.ip_filter[0].mode == "Enabled" && google_storage_bucket.bucket.ip_filter[0].allow_all_service_agent_access &&
      one(google_storage_bucket.bucket.ip_filter[0].vpc_network_sources).network == "projects/feel-august-platform/global/networks/platform" &&
      length(google_storage_bucket.bucket.ip_filter[0].public_network_source) == 0
    )
    error_message = "The bucket must be reached from the network only, and by Google's agents."
  }
}

run "from_nowhere" {
  command = plan

  variables {
    ip_filter = {}
  }

  expect_failures = [var.ip_filter]
}

run "from_everywhere" {
  command = plan

  variables {
    ip_filter = { public_cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.ip_filter]
}

run "soft_delete_is_not_switched_off" {
  command = plan

  variables {
    soft_delete_days = 0
  }

  expect_failures = [var.soft_delete_days]
}
