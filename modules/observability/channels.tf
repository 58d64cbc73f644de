resource "google_monitoring_notification_channel" "this" {
  for_each = { for name, channel in var.channels : name => channel if channel.channel == null }

  project      = var.project
  display_name = "${var.name} ${each.key}"
  type         = each.value.email != null ? "email" : "pubsub"
  labels       = each.value.email != null ? { email_address = each.value.email } : { topic = each.value.pubsub_topic }
  user_labels  = local.labels

  # Google deletes no channel that an alert still names: alerts are to have changed first.
  lifecycle {
    create_before_destroy = true
  }
}

# Monitoring's service agent is who publishes.
resource "google_pubsub_topic_iam_member" "channel" {
  for_each = { for name, channel in var.channels : name => channel.pubsub_topic if channel.pubsub_topic != null }

  project = split("/", each.value)[1]
  topic   = split("/", each.value)[3]
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${var.project_number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
}

locals {
  channels = merge(
    { for name, channel in google_monitoring_notification_channel.this : name => channel.name },
    { for name, channel in var.channels : name => channel.channel if channel.channel != null },
  )
  told = { for urgency in ["page", "ticket"] : urgency => [for name, channel in var.channels : local.channels[name] if contains(channel.urgency, urgency)] }
}
