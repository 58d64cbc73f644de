# When a rotation is due, Secret Manager says so here. Whoever rotates (a person or a job) adds a version, has what uses the secret
# deployed anew, and only then acknowledges the notice: what is not acknowledged is overdue.

resource "google_pubsub_topic" "rotation" {
  project                    = var.project
  name                       = "${var.name}-secret-rotation"
  labels                     = merge(var.labels, { environment = var.environment })
  kms_key_name               = var.pubsub_kms_key
  message_retention_duration = "2678400s"

  message_storage_policy {
    allowed_persistence_regions = var.regions
  }

  depends_on = [google_kms_crypto_key_iam_member.pubsub]
}

resource "google_pubsub_subscription" "rotation" {
  project                    = var.project
  name                       = "${var.name}-secret-rotation"
  topic                      = google_pubsub_topic.rotation.id
  labels                     = merge(var.labels, { environment = var.environment })
  filter                     = "attributes.eventType = \"SECRET_ROTATE\""
  ack_deadline_seconds       = 600
  message_retention_duration = "2678400s"

  # Never: a subscription that nobody has pulled from for a month is just the one to hear of.
  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "agent" {
  project = var.project
  topic   = google_pubsub_topic.rotation.name
  role    = "roles/pubsub.publisher"
  member  = local.agent
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.kms_keys

  crypto_key_id = each.value
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.agent
}

resource "google_kms_crypto_key_iam_member" "pubsub" {
  count = var.pubsub_kms_key == null ? 0 : 1

  crypto_key_id = var.pubsub_kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
