locals {
  # Two regions of a bucket's own choice are within one of three multi-regions, which its key has to be in, too.
  _continents = { us = "US", europe = "EU", asia = "ASIA" }
  location    = local._continents[split("-", var.regions[0])[0]]

  bucket = {
    project   = var.project
    name      = var.name
    url       = google_storage_bucket.bucket.url
    self_link = google_storage_bucket.bucket.self_link
    location  = local.location
    regions   = var.regions
    kms_key   = var.kms_key
  }
}

resource "google_storage_bucket" "bucket" {
  project = var.project
  name    = var.name
  labels  = var.labels

  location = local.location
  rpo      = var.turbo_replication ? "ASYNC_TURBO" : "DEFAULT"

  custom_placement_config {
    data_locations = [for region in var.regions : upper(region)]
  }

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # Of an object that can be neither replaced nor deleted there is no earlier version.
  versioning {
    enabled = var.retention == null
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  dynamic "retention_policy" {
    for_each = var.retention[*]
    content {
      retention_period = retention_policy.value.days * 86400
      is_locked        = retention_policy.value.locked
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.expire_after_days[*]
    content {
      action {
        type = "Delete"
      }
      condition {
        age        = lifecycle_rule.value
        with_state = "LIVE"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.retention == null ? [var.previous_versions_days] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_noncurrent_time = lifecycle_rule.value
        with_state                 = "ARCHIVED"
      }
    }
  }

  # Parts of an upload that never ended are paid for, and seen by nobody.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age        = 7
      with_state = "ANY"
    }
  }

  # With a key of one's own, nothing is taken in that another key encrypts: to withdraw the key is to withdraw the data.
  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value

      google_managed_encryption_enforcement_config {
        restriction_mode = "FullyRestricted"
      }

      customer_supplied_encryption_enforcement_config {
        restriction_mode = "FullyRestricted"
      }

      customer_managed_encryption_enforcement_config {
        restriction_mode = "NotRestricted"
      }
    }
  }

  dynamic "ip_filter" {
    for_each = var.ip_filter[*]
    content {
      mode                           = "Enabled"
      allow_all_service_agent_access = ip_filter.value.service_agents

      dynamic "public_network_source" {
        for_each = length(ip_filter.value.public_cidrs) > 0 ? [sort(ip_filter.value.public_cidrs)] : []
        content {
          allowed_ip_cidr_ranges = public_network_source.value
        }
      }

      dynamic "vpc_network_sources" {
        for_each = ip_filter.value.networks
        content {
          network                = vpc_network_sources.value.id
          allowed_ip_cidr_ranges = sort(vpc_network_sources.value.cidrs)
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.kms_key == null ? true : split("/", var.kms_key)[3] == lower(local.location)
      error_message = "The key is in ${try(split("/", var.kms_key)[3], "")}, the bucket in the multi-region ${local.location}: Cloud Storage wants both in the same. Make the key in location \"${lower(local.location)}\"."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}

# The storage agent encrypts and decrypts in the bucket's name; without this right no object could be written.
resource "google_kms_crypto_key_iam_member" "agent" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@gs-project-accounts.iam.gserviceaccount.com"
}

resource "google_storage_bucket_iam_member" "grant" {
  for_each = var.iam

  bucket = google_storage_bucket.bucket.name
  role   = each.value.role
  member = each.value.member

  dynamic "condition" {
    for_each = each.value.condition[*]
    content {
      title      = condition.value.title
      expression = condition.value.expression
    }
  }
}
