# The only way from production to staging: a bucket that one account of production writes to, and that staging reads.

locals {
  # Names of secrets without the version that a reference may have.
  secrets = var.anonymization == null ? {} : {
    for name, reference in {
      signing_key = var.anonymization.signing_key_secret
      key         = var.anonymization.key_secret
      password    = var.anonymization.database.password_secret
    } : name => split(":", reference)[0] if reference != null
  }
}

resource "google_storage_bucket" "this" {
  project                     = var.project
  name                        = var.name
  location                    = var.location
  labels                      = merge(var.labels, { data_class = "anonymised", environment = "production" })
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # The parts of an export lie here before they are scanned, and go when the scan finds a patient in them. So nothing may keep what is
  # deleted: no versions, no soft deletion, and no retention policy, which would have such a part stay readable for its whole time.
  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    condition {
      age = var.retention_days
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.storage]
}

resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@gs-project-accounts.iam.gserviceaccount.com"
}

# It also removes what it did not publish.
resource "google_storage_bucket_iam_member" "writer" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${var.service_account}"
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.staging.readers

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${each.value}"
}

resource "google_storage_bucket_iam_member" "planner" {
  for_each = var.planners

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${each.value}"
}

resource "google_secret_manager_secret_iam_member" "signer" {
  for_each = local.secrets

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.service_account}"
}

# Whatever a role gives an account of staging in production, by mistake or by a group: not the database, and no secret.
resource "google_iam_deny_policy" "staging" {
  count = var.staging.project_number == null ? 0 : 1

  parent       = urlencode("cloudresourcemanager.googleapis.com/projects/${var.project}")
  name         = "no-staging-in-production"
  display_name = "No account of staging in production's data"

  rules {
    description = "What staging has of production comes out of the bucket of anonymised exports."

    deny_rule {
      denied_principals = ["principalSet://cloudresourcemanager.googleapis.com/projects/${var.staging.project_number}/type/ServiceAccount"]
      denied_permissions = [
        "cloudsql.googleapis.com/instances.clone",
        "cloudsql.googleapis.com/instances.connect",
        "cloudsql.googleapis.com/instances.export",
        "cloudsql.googleapis.com/instances.login",
        "secretmanager.googleapis.com/versions.access",
      ]
    }
  }
}

resource "august_staging_anonymization" "this" {
  count = var.anonymization == null ? 0 : 1

  project            = var.project
  location           = var.region
  name               = var.anonymization.name
  image              = var.anonymization.image
  service_account    = var.service_account
  endpoint           = var.anonymization.endpoint
  audience           = var.anonymization.audience
  database           = var.anonymization.database
  bucket             = "gs://${var.name}/${var.prefix}"
  policy             = var.anonymization.policy
  signing_key_secret = var.anonymization.signing_key_secret
  key_secret         = var.anonymization.key_secret
  triggers           = var.anonymization.triggers
  cpu                = var.anonymization.cpu
  memory             = var.anonymization.memory
  timeout            = var.anonymization.timeout
  network            = var.anonymization.network

  depends_on = [google_storage_bucket_iam_member.writer, google_storage_bucket_iam_member.planner, google_secret_manager_secret_iam_member.signer]
}
