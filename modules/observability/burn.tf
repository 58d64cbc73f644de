# Two paces at which a budget of thirty days burns: 14.4 spends 2 % of it in an hour, 6 spends 5 % in six. Each is seen in a long window
# and in a short one, a twelfth of it: so that it is no blip, and so that the alert ends soon after the trouble.
locals {
  burn = {
    fast = { rate = 14.4, long = 3600, short = 300, urgency = local.page, says = "In two days nothing is left of thirty days' budget." }
    slow = { rate = 6, long = 21600, short = 1800, urgency = "ticket", says = "In five days nothing is left of thirty days' budget." }
  }
  burning = merge([for pace, burn in local.burn : { for name, objective in local.objectives : "${name}-${pace}" => merge(burn, { pace = pace, objective = name, title = objective.title }) }]...)
}

resource "google_monitoring_alert_policy" "burn" {
  for_each = local.burning

  project               = var.project
  display_name          = "${var.name}: ${each.value.title}: the budget burns at ${each.value.rate} times the pace"
  combiner              = "AND"
  severity              = local.severity[each.value.urgency]
  notification_channels = local.told[each.value.urgency]
  user_labels           = merge(local.labels, { objective = each.value.objective, urgency = each.value.urgency })

  dynamic "conditions" {
    for_each = { long = each.value.long, short = each.value.short }

    content {
      display_name = "over ${conditions.value / 60} minutes"

      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.this[each.value.objective].name}\", \"${conditions.value}s\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.rate
        duration        = "0s"
      }
    }
  }

  documentation {
    subject = "${var.name} ${each.value.objective}"
    content = join("\n\n", compact([each.value.says, var.runbook_url == null ? "" : "${var.runbook_url}#${each.value.objective}"]))
  }
}
