# Who did what, kept so that nobody can take it away: HIPAA 45 CFR 164.312(b) and 164.316(b)(2)(i), CIS 2.2 and 2.3. Nothing is excluded,
# here or elsewhere, and what Google keeps by itself stays as it is.
locals {
  audit_location = coalesce(var.audit.location, var.region)
  audit_filter   = "logName:\"cloudaudit.googleapis.com\""
  audit_sinks    = var.audit.keep ? setunion([var.project], keys(var.monitored_projects)) : toset([])
}

resource "google_kms_crypto_key_iam_member" "audit" {
  count = var.audit.keep && var.kms_key != null ? 1 : 0

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${var.audit.kms_service_account}"
}

resource "google_logging_project_bucket_config" "audit" {
  count = var.audit.keep ? 1 : 0

  project          = var.project
  location         = local.audit_location
  bucket_id        = var.audit.bucket
  description      = "Audit logs of ${var.name}."
  retention_days   = var.audit.retention_days
  locked           = var.audit.locked
  enable_analytics = true
  deletion_policy  = var.deletion_protection ? "PREVENT" : "DELETE"

  dynamic "cmek_settings" {
    for_each = var.kms_key[*]

    content {
      kms_key_name = cmek_settings.value
    }
  }

  lifecycle {
    precondition {
      condition     = var.kms_key == null ? true : regex("/locations/([^/]+)/", var.kms_key)[0] == local.audit_location
      error_message = "A bucket of logs takes a key of its own location only: kms_key has to be in ${local.audit_location}."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.audit]
}

resource "google_logging_project_sink" "audit" {
  for_each = local.audit_sinks

  project                = each.key
  name                   = "${var.name}-audit"
  description            = "Audit logs, into a bucket that nobody can shorten."
  destination            = "logging.googleapis.com/projects/${var.project}/locations/${local.audit_location}/buckets/${google_logging_project_bucket_config.audit[0].bucket_id}"
  filter                 = local.audit_filter
  unique_writer_identity = true
}

# A sink writes into a bucket of its own project without a role.
resource "google_project_iam_member" "audit_writer" {
  for_each = setsubtract(local.audit_sinks, [var.project])

  project = var.project
  role    = "roles/logging.bucketWriter"
  member  = google_logging_project_sink.audit[each.key].writer_identity

  condition {
    title      = "${var.audit.bucket}-only"
    expression = "resource.name.endsWith(\"/locations/${local.audit_location}/buckets/${var.audit.bucket}\")"
  }
}

resource "google_project_iam_member" "audit_reader" {
  for_each = var.audit.keep ? var.audit.members : {}

  project = var.project
  role    = "roles/logging.viewAccessor"
  member  = each.value

  condition {
    title      = "${var.audit.bucket}-only"
    expression = "resource.name.endsWith(\"/locations/${local.audit_location}/buckets/${var.audit.bucket}/views/_AllLogs\")"
  }

  depends_on = [google_logging_project_bucket_config.audit]
}
