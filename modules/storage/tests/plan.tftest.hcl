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
    condition = [for rule in google_storage_bucket.bucket.lifecycle_rule : [one(rule.action).type, one(rule.condition).with_state, coalesce(one(rule.condition).days_since_noncurrent_time, one(rule.condition).age)]] == [
      ["Delete", "ARCHIVED", 90],
      ["AbortIncompleteMultipartUpload", "ANY", 7],
    ]
    error_message = "Earlier versions must be kept for 90 days and then deleted, and uploads that never end after a week."
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
    condition     = [for rule in google_storage_bucket.bucket.lifecycle_rule : [one(rule.condition).with_state, one(rule.condition).age] if one(rule.action).type == "Delete"] == [["LIVE", 2557]]
    error_message = "Objects must be deleted at their age, and not before."
  }
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
      google_storage_bucket.bucket.encryption[0].customer_supplied_encryption_enforcement_config[0].restriction_mode == "FullyRestricted" &&
      google_storage_bucket.bucket.encryption[0].customer_managed_encryption_enforcement_config[0].restriction_mode == "NotRestricted"
    )
    error_message = "Objects that another key encrypts must be refused."
  }

  assert {
    condition = (
      google_kms_crypto_key_iam_member.agent[0].member == "serviceAccount:service-123456789@gs-project-accounts.iam.gserviceaccount.com" &&
      google_kms_crypto_key_iam_member.agent[0].role == "roles/cloudkms.cryptoKeyEncrypterDecrypter" && google_kms_crypto_key_iam_member.agent[0].crypto_key_id == var.kms_key
    )
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

run "other_than_by_default" {
  command = plan

  variables {
    regions = ["europe-west1", "europe-west4"]
    iam = {
      reports = { role = "roles/storage.objectCreator", member = "serviceAccount:reports@feel-august-platform.iam.gserviceaccount.com" }
    }
    ip_filter = {
      networks = { platform = { id = "projects/feel-august-platform/global/networks/platform", cidrs = ["10.10.0.0/20"] } }
    }
    retention = { days = 30 }
  }

  assert {
    condition     = google_storage_bucket.bucket.location == "EU"
    error_message = "The bucket must be on the continent of its regions."
  }

  assert {
    condition     = google_storage_bucket_iam_member.grant["reports"].role == "roles/storage.objectCreator" && google_storage_bucket_iam_member.grant["reports"].bucket == var.name
    error_message = "The right must be on this bucket."
  }

  assert {
    condition = (
      google_storage_bucket.bucket.ip_filter[0].mode == "Enabled" && google_storage_bucket.bucket.ip_filter[0].allow_all_service_agent_access &&
      one(google_storage_bucket.bucket.ip_filter[0].vpc_network_sources).network == "projects/feel-august-platform/global/networks/platform" &&
      length(google_storage_bucket.bucket.ip_filter[0].public_network_source) == 0
    )
    error_message = "The bucket must be reached from the network only, and by Google's agents."
  }

  assert {
    condition     = !google_storage_bucket.bucket.retention_policy[0].is_locked
    error_message = "What cannot be undone must not be a default."
  }
}

# What the variables refuse, each for a reason of its own; one that refers to another while that one is right.
run "refused" {
  command = plan

  variables {
    expire_after_days      = 365
    iam                    = { all = { role = "roles/storage.objectViewer", member = "allUsers" } }
    ip_filter              = {}
    kms_key                = "projects/feel-august-platform/locations/us/keyRings/platform/cryptoKeys/storage" # and no project_number
    name                   = "goog-documents"
    previous_versions_days = 0
    project                = "123456789012"
    regions                = ["us-central1", "europe-west1"]
    retention              = { days = 2192 }
    soft_delete_days       = 0
  }

  expect_failures = [
    var.expire_after_days, var.iam, var.ip_filter, var.kms_key, var.name, var.previous_versions_days, var.project, var.regions, var.soft_delete_days,
  ]
}

run "refused_for_other_reasons" {
  command = plan

  variables {
    expire_after_days = 0
    iam               = { old = { role = "roles/storage.legacyBucketOwner", member = "group:it@example.com" } }
    ip_filter         = { public_cidrs = ["0.0.0.0/0"] }
    kms_key           = "storage"
    project_number    = "123456789012"
    regions           = ["us-central1", "us-central1"]
    soft_delete_days  = 91
  }

  expect_failures = [var.expire_after_days, var.iam, var.ip_filter, var.kms_key, var.regions, var.soft_delete_days]
}

run "refused_for_further_reasons" {
  command = plan

  variables {
    iam            = { all = { role = "roles/storage.objectViewer", member = "projectEditor:feel-august-platform" } }
    project_number = "feel-august-platform"
    regions        = ["us-central1", "us-east1", "us-east4"]
    retention      = { days = 0 }
  }

  expect_failures = [var.iam, var.project_number, var.regions, var.retention]
}
