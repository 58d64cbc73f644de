# Rotations that nobody has done, and versions that are gone.

locals {
  alerts = length(var.alerts.notification_channels) > 0 ? 1 : 0
}

resource "google_monitoring_alert_policy" "overdue" {
  count = local.alerts

  project               = var.project
  display_name          = "${var.name}: a secret's rotation is overdue"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.alerts.notification_channels
  user_labels           = merge(var.labels, { environment = var.environment })

  conditions {
    display_name = "A rotation has been due for ${var.alerts.overdue_days} days"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.rotation.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.alerts.overdue_days * 86400
      duration        = "600s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    subject = "A secret's rotation is overdue"
    content = "Pull from the subscription ${google_pubsub_subscription.rotation.name} without acknowledging: the attribute secretId names the secret. Add a version, deploy what uses it, disable the old version, and acknowledge then."
  }
}

resource "google_monitoring_alert_policy" "destroyed" {
  count = local.alerts

  project               = var.project
  display_name          = "${var.name}: a secret or a version of one is destroyed"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.alerts.notification_channels
  user_labels           = merge(var.labels, { environment = var.environment })

  conditions {
    display_name = "A secret is deleted, or a version of one destroyed"

    condition_matched_log {
      filter = "protoPayload.serviceName = \"secretmanager.googleapis.com\" AND protoPayload.methodName =~ \"(DestroySecretVersion|DeleteSecret)$\" AND severity != \"ERROR\""

      label_extractors = {
        secret = "EXTRACT(protoPayload.resourceName)"
      }
    }
  }

  alert_strategy {
    auto_close = "604800s"

    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    subject = "A secret or a version of one is destroyed"
    content = "A destroyed version is disabled, and is gone after ${var.version_destroy_days} days: enable it until then if something still uses it. A deleted secret does not come back."
  }
}
