# The bucket goes one way and keeps nothing that is deleted, and what would open another way is refused.

mock_provider "google" {
  override_during = plan
}

mock_provider "august" {
  override_during = plan
}

variables {
  project         = "feel-august-platform"
  region          = "us-central1"
  name            = "feel-august-anonymised"
  service_account = "august-anonymize@feel-august-platform.iam.gserviceaccount.com"
  planners        = { terraform = "terraform@feel-august-platform.iam.gserviceaccount.com" }
  staging = {
    project        = "feel-august-platform-staging"
    project_number = "210987654321"
    readers = {
      import    = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      terraform = "terraform@feel-august-platform-staging.iam.gserviceaccount.com"
    }
  }
}

run "one_way" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced" && google_storage_bucket.this.uniform_bucket_level_access
    error_message = "The bucket is nobody's but those named, by IAM only."
  }

  assert {
    condition     = google_storage_bucket_iam_member.writer.member == "serviceAccount:august-anonymize@feel-august-platform.iam.gserviceaccount.com" && google_storage_bucket_iam_member.writer.role == "roles/storage.objectUser"
    error_message = "One account of production writes."
  }

  assert {
    condition     = alltrue([for grant in concat(values(google_storage_bucket_iam_member.reader), values(google_storage_bucket_iam_member.planner)) : grant.role == "roles/storage.objectViewer"])
    error_message = "All others read."
  }

  assert {
    condition     = !google_storage_bucket.this.versioning[0].enabled && google_storage_bucket.this.soft_delete_policy[0].retention_duration_seconds == 0 && length(google_storage_bucket.this.retention_policy) == 0
    error_message = "A part in which the scan finds a patient is gone once it is deleted."
  }

  assert {
    condition     = [for rule in google_storage_bucket.this.lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete"] == [30]
    error_message = "Exports do not lie about for longer than a month."
  }

  assert {
    condition     = !google_storage_bucket.this.force_destroy
    error_message = "A bucket with exports is not deleted by accident."
  }

  assert {
    condition     = google_iam_deny_policy.staging[0].rules[0].deny_rule[0].denied_principals == tolist(["principalSet://cloudresourcemanager.googleapis.com/projects/210987654321/type/ServiceAccount"])
    error_message = "Every service account of staging is denied."
  }

  assert {
    condition     = contains(google_iam_deny_policy.staging[0].rules[0].deny_rule[0].denied_permissions, "cloudsql.googleapis.com/instances.connect")
    error_message = "And does not reach production's database."
  }

  assert {
    condition     = output.source.bucket == "gs://feel-august-anonymised/clinic" && output.source.public_key == null && output.evidence == null
    error_message = "The bucket is there before anything is published."
  }
}

run "published_by_a_policy" {
  command = plan

  variables {
    kms_key        = "projects/keys/locations/us/keyRings/platform/cryptoKeys/exports"
    project_number = "123456789012"
    staging        = { project = "feel-august-platform-staging", readers = {} }
    anonymization = {
      image              = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      endpoint           = "https://sync.example.com"
      database           = { instance = "platform", name = "august", user = "august-anonymize@feel-august-platform.iam" }
      signing_key_secret = "anonymization-signing-key:3"
      triggers           = { refresh = "2027-01" }
      policy = {
        method      = "safe_harbor"
        attestation = { by = "Privacy Officer", expires = "2099-12-31" }
        tables = {
          "drchrono.patients" = { columns = { id = { transformer = "surrogate" } } }
        }
      }
    }
  }

  assert {
    condition     = august_staging_anonymization.this[0].bucket == "gs://feel-august-anonymised/clinic" && august_staging_anonymization.this[0].policy.method == "safe_harbor"
    error_message = "The job publishes to the bucket, by the policy."
  }

  assert {
    condition     = google_secret_manager_secret_iam_member.signer["signing_key"].secret_id == "anonymization-signing-key" && length(google_secret_manager_secret_iam_member.signer) == 1
    error_message = "The job's account may read the key that it signs by."
  }

  assert {
    condition     = google_storage_bucket.this.encryption[0].default_kms_key_name == "projects/keys/locations/us/keyRings/platform/cryptoKeys/exports" && google_kms_crypto_key_iam_member.storage[0].member == "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    error_message = "What lies in the bucket is encrypted by the key."
  }

  assert {
    condition     = length(google_iam_deny_policy.staging) == 0
    error_message = "Without staging's number there is nobody to deny."
  }
}

# Every validation is met once. Those of several inputs are met in one plan, since each plan takes a second.

run "refused" {
  command = plan

  variables {
    kms_key         = "exports"
    name            = "Anonymised"
    planners        = { somebody = "somebody@example.com" }
    prefix          = "clinic/january"
    project_number  = "123456789012"
    retention_days  = 0
    service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
    staging         = { project = "feel-august-platform", readers = {} }
    anonymization = {
      image              = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync:latest"
      endpoint           = "https://sync.example.com"
      database           = { instance = "platform", name = "august", user = "august-anonymize@feel-august-platform.iam" }
      signing_key_secret = "anonymization-signing-key"
      triggers           = { refresh = "2027-01" }
      policy             = { method = "safe_harbor" }
    }
  }

  expect_failures = [
    var.anonymization, var.kms_key, var.name, var.planners, var.prefix, var.retention_days, var.service_account, var.staging,
  ]
}

run "refused_for_another_reason" {
  command = plan

  variables {
    kms_key        = "projects/keys/locations/us-east1/keyRings/platform/cryptoKeys/exports"
    project_number = "123456789012"
    staging = {
      project = "feel-august-platform-staging"
      readers = { tester = "tester@example.com" }
    }
    anonymization = {
      image              = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      endpoint           = "https://sync.example.com"
      database           = { instance = "platform", name = "august", user = "august-anonymize@feel-august-platform.iam" }
      signing_key_secret = "-----BEGIN PRIVATE KEY-----"
      triggers           = { refresh = "2027-01" }
      policy             = { method = "safe_harbor" }
    }
  }

  expect_failures = [var.anonymization, var.kms_key, var.staging]
}

run "refused_for_a_third" {
  command = plan

  variables {
    kms_key = "projects/keys/locations/us/keyRings/platform/cryptoKeys/exports"
    staging = { project = "feel-august-platform-staging", project_number = "feel-august", readers = {} }
    anonymization = {
      image              = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      endpoint           = "https://sync.example.com"
      database           = { instance = "platform", name = "august", user = "august-anonymize@feel-august-platform.iam" }
      signing_key_secret = "anonymization-signing-key"
      triggers           = {}
      policy             = { method = "safe_harbor" }
    }
  }

  expect_failures = [var.anonymization, var.project_number, var.staging]
}

run "a_project_by_a_name" {
  command = plan

  variables {
    project = "Feel August"
  }

  expect_failures = [var.project]
}
