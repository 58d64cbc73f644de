# Secrets that a team or its rotation job adds versions to. The shell is Terraform's: where the secret lies, under which key, who may
# read it and when it is due. No value passes through here.

locals {
  shells  = { for name, secret in var.secrets : name => secret if !secret.managed }
  managed = { for name, secret in var.secrets : name => secret if secret.managed }

  agent = "serviceAccount:service-${var.project_number}@gcp-sa-secretmanager.iam.gserviceaccount.com"

  ids = merge(
    { for name, secret in google_secret_manager_secret.this : name => secret.secret_id },
    { for name, secret in august_secret.this : name => secret.name },
  )
}

resource "google_secret_manager_secret" "this" {
  for_each = local.shells

  project             = var.project
  secret_id           = each.key
  labels              = merge(var.labels, each.value.labels, { environment = var.environment })
  deletion_protection = var.deletion_protection
  version_destroy_ttl = "${var.version_destroy_days * 86400}s"

  replication {
    user_managed {
      dynamic "replicas" {
        for_each = var.regions

        content {
          location = replicas.value

          dynamic "customer_managed_encryption" {
            for_each = compact([lookup(var.kms_keys, replicas.value, null)])

            content {
              kms_key_name = customer_managed_encryption.value
            }
          }
        }
      }
    }
  }

  rotation {
    rotation_period    = "${each.value.rotation_days * 86400}s"
    next_rotation_time = timeadd(plantimestamp(), "${each.value.rotation_days * 24}h")
  }

  topics {
    name = google_pubsub_topic.rotation.id
  }

  lifecycle {
    # Secret Manager moves it on at each rotation; it counts from the day that the secret was made.
    ignore_changes = [rotation[0].next_rotation_time]
  }

  # Without the agent's rights Secret Manager refuses the topic and the key.
  depends_on = [
    google_kms_crypto_key_iam_member.agent,
    google_pubsub_topic_iam_member.agent,
  ]
}

# Secrets whose value comes with the apply: ephemeral on its way in, and kept nowhere. A new value is added and read back before an
# older version is retired, and the one that was in use before stays usable.
resource "august_secret" "this" {
  for_each = local.managed

  project             = var.project
  name                = each.key
  value_wo            = var.values[each.key]
  locations           = var.regions
  labels              = merge(var.labels, each.value.labels, { environment = var.environment })
  keep_versions       = each.value.keep_versions
  deletion_protection = var.deletion_protection
}

resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each = merge([for name, secret in var.secrets : {
    for key, member in secret.accessors : "${name}/${key}" => { secret = name, member = member }
  }]...)

  project   = var.project
  secret_id = local.ids[each.value.secret]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}

resource "google_secret_manager_secret_iam_member" "version_adder" {
  for_each = merge([for name, secret in var.secrets : {
    for key, member in secret.version_adders : "${name}/${key}" => { secret = name, member = member }
  }]...)

  project   = var.project
  secret_id = local.ids[each.value.secret]
  role      = "roles/secretmanager.secretVersionAdder"
  member    = each.value.member
}
