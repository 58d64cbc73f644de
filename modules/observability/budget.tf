resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.name} ${var.environment}"

  budget_filter {
    projects        = [for number in concat([var.project_number], values(var.monitored_projects)) : "projects/${number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      units = tostring(var.budget.amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = var.budget.thresholds

    content {
      threshold_percent = threshold_rules.value
    }
  }

  # Early enough to do something about it.
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = local.told_of_cost
    pubsub_topic                     = var.budget.pubsub_topic
    disable_default_iam_recipients   = length(local.told_of_cost) > 0
  }

  lifecycle {
    precondition {
      condition     = length(local.told_of_cost) <= 5
      error_message = "A budget tells five channels at most: ${length(local.told_of_cost)} of channels have an email address and are told of tickets. Let them share one, a group's."
    }
  }
}

locals {
  # Cloud Billing takes channels of e-mail only.
  told_of_cost = [for name, channel in var.channels : local.channels[name] if channel.email != null && contains(channel.urgency, "ticket")]
}
