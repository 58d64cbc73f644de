# A delivery is kept for as long as Pub/Sub keeps anything, and handed out in the order of its object.

resource "google_pubsub_topic" "deliveries" {
  project                    = var.project
  name                       = var.topic
  kms_key_name               = var.kms_key
  labels                     = var.labels
  message_retention_duration = "2678400s" # 31 days, the most there is

  # A delivery is PHI: it stays in these regions, at rest and on its way.
  message_storage_policy {
    allowed_persistence_regions = var.regions
    enforce_in_transit          = true
  }
}

resource "google_pubsub_subscription" "deliveries" {
  project                    = var.project
  name                       = var.name
  topic                      = google_pubsub_topic.deliveries.id
  labels                     = var.labels
  ack_deadline_seconds       = 60
  enable_message_ordering    = true
  message_retention_duration = "604800s" # 7 days

  expiration_policy {
    ttl = "" # never: a week without a delivery must not be its end
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  # The runtime itself parks a delivery that can never be applied, in the database and with its reason. What Pub/Sub gives up
  # after the most attempts that there are is kept for whoever looks.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 100
  }
}

resource "google_pubsub_topic" "dead" {
  project                    = var.project
  name                       = "${var.topic}-dead"
  kms_key_name               = var.kms_key
  labels                     = var.labels
  message_retention_duration = "2678400s"

  message_storage_policy {
    allowed_persistence_regions = var.regions
    enforce_in_transit          = true
  }
}

# Without a subscription a topic keeps nothing for anybody to look at.
resource "google_pubsub_subscription" "dead" {
  project                    = var.project
  name                       = "${var.name}-dead"
  topic                      = google_pubsub_topic.dead.id
  labels                     = var.labels
  enable_message_ordering    = true
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  project = var.project
  topic   = google_pubsub_topic.deliveries.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.sync.member
}

resource "google_pubsub_subscription_iam_member" "subscriber" {
  for_each = toset(["roles/pubsub.subscriber", "roles/pubsub.viewer"])

  project      = var.project
  subscription = google_pubsub_subscription.deliveries.name
  role         = each.key
  member       = google_service_account.sync.member
}

resource "google_pubsub_topic_iam_member" "dead" {
  project = var.project
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead" {
  project      = var.project
  subscription = google_pubsub_subscription.deliveries.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
