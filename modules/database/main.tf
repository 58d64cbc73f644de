# The instance in its barest: what it is, where it is, and how it is reached. All that keeps it available, recoverable and audited
# belongs to the policy beside it, and hashicorp/google looks away from that.

locals {
  # Who may make an endpoint for the instance in a network of theirs. Its own project always may.
  consumer_projects = var.access.psc == null ? toset([]) : setunion([var.project], var.access.psc.consumer_projects)

  labels = merge(var.labels, { environment = var.environment })
}

resource "google_sql_database_instance" "this" {
  project             = var.project
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_${var.postgresql_version}"
  encryption_key_name = var.kms_key
  deletion_protection = var.deletion_protection

  settings {
    tier                     = var.tier
    edition                  = var.edition
    user_labels              = local.labels
    disk_size                = var.disk.size_gb
    disk_type                = "PD_SSD"
    disk_autoresize          = true
    disk_autoresize_limit    = var.disk.limit_gb
    connector_enforcement    = var.direct_connections ? "NOT_REQUIRED" : "REQUIRED"
    retain_backups_on_delete = true

    final_backup_config {
      enabled        = true
      retention_days = var.backup.final_days
    }

    ip_configuration {
      ipv4_enabled                                  = false
      ssl_mode                                      = var.direct_connections ? "ENCRYPTED_ONLY" : "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
      private_network                               = try(var.access.psa.network, null)
      allocated_ip_range                            = try(var.access.psa.range_name, null)
      enable_private_path_for_google_cloud_services = var.access.psa == null ? null : true

      dynamic "psc_config" {
        for_each = var.access.psc[*]

        content {
          psc_enabled               = true
          allowed_consumer_projects = local.consumer_projects
          psc_auto_dns_enabled      = length(psc_config.value.auto_connect) == 0 ? null : true # by whose name connectors find it

          dynamic "psc_auto_connections" {
            for_each = psc_config.value.auto_connect

            content {
              consumer_network            = psc_auto_connections.value
              consumer_service_project_id = split("/", psc_auto_connections.value)[1]
            }
          }
        }
      }
    }

    dynamic "password_validation_policy" {
      for_each = length(var.password_users) == 0 ? [] : [true]

      content {
        enable_password_policy      = true
        min_length                  = 16
        complexity                  = "COMPLEXITY_DEFAULT"
        disallow_username_substring = true
        reuse_interval              = 5
      }
    }
  }

  lifecycle {
    # The policy's part. Without the list, hashicorp/google would take back each of these with its next change.
    ignore_changes = [
      replication_cluster,
      settings[0].availability_type,
      settings[0].backup_configuration,
      settings[0].maintenance_window,
      settings[0].deny_maintenance_period,
      settings[0].database_flags,
      settings[0].insights_config,
      settings[0].connection_pool_config,
      settings[0].deletion_protection_enabled,
    ]

    precondition {
      condition     = alltrue([for network in try(values(var.access.psc.auto_connect), []) : contains(local.consumer_projects, split("/", network)[1])])
      error_message = "An endpoint is made only in a project that may have one: name the project of each network of access.psc.auto_connect in access.psc.consumer_projects, too."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.instance]
}

# Cloud SQL encrypts as an account of its own, which has to be let use the key before the instance is made.
resource "google_kms_crypto_key_iam_member" "instance" {
  for_each = {
    for name, key in { instance = var.kms_key, replica = try(var.replica.kms_key, null) } : name => key if key != null
  }

  crypto_key_id = each.value
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
}

resource "google_sql_database" "this" {
  for_each = var.databases

  project         = var.project
  instance        = google_sql_database_instance.this.name
  name            = each.key
  collation       = each.value.collation
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"
}
