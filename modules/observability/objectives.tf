# Each promise as an objective. Exactly one of ratio, cut and window says how it is measured.
locals {
  goal_of_part = 1 - (1 - var.objectives.webhook_goal) / 2

  objectives = merge(
    { for name, service in var.services : "${name}-availability" => {
      of = name, title = "${name} answers without an error", goal = service.availability
      ratio = service.kind == "cloud_run" ? {
        bad   = "metric.type = \"run.googleapis.com/request_count\" AND ${local.run[name]} AND metric.labels.response_code_class = \"5xx\""
        total = "metric.type = \"run.googleapis.com/request_count\" AND ${local.run[name]}"
        } : {
        bad   = "metric.type = \"loadbalancing.googleapis.com/https/request_count\" AND ${local.balancer[name]} AND metric.labels.response_code_class = 500"
        total = "metric.type = \"loadbalancing.googleapis.com/https/request_count\" AND ${local.balancer[name]}"
      }
      cut = null, window = null
    } },

    { for name, service in var.services : "${name}-latency" => {
      of = name, title = "${name} answers within ${service.latency.seconds} s", goal = service.latency.goal
      cut = {
        filter = service.kind == "cloud_run" ? "metric.type = \"run.googleapis.com/request_latencies\" AND ${local.run[name]}" : "metric.type = \"loadbalancing.googleapis.com/https/total_latencies\" AND ${local.balancer[name]}"
        max    = service.latency.seconds * 1000
      }
      ratio = null, window = null
    } },

    # A minute is good when a checker somewhere got through, so that one checker's own trouble is not ours.
    { for name, check in google_monitoring_uptime_check_config.this : "${name}-uptime" => {
      of     = name, title = "${name} is up", goal = name == "sync" ? var.objectives.availability : var.services[name].availability
      window = "metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type = \"uptime_url\" AND metric.labels.check_id = \"${check.uptime_check_id}\""
      ratio  = null, cut = null
    } },

    merge([for sync in var.sync[*] : {
      # Strangers' requests are refused with 4xx; that is no failure.
      sync-webhook-taken = {
        of = "sync", title = "A webhook is taken", goal = var.objectives.availability
        ratio = {
          bad   = "metric.type = \"${local.metric.webhooks}\" AND resource.type = \"cloud_run_revision\" AND metric.labels.status = monitoring.regex.full_match(\"5..\")"
          total = "metric.type = \"${local.metric.webhooks}\" AND resource.type = \"cloud_run_revision\" AND metric.labels.status = monitoring.regex.full_match(\"2..|5..\")"
        }
        cut = null, window = null
      }

      # The time to a commit is the time until Pub/Sub has a delivery and the time from its hand-out until it is acknowledged, which is
      # after the commit. No metric is of the sum; but when each part may be late in half of the share that is left, the sum is late in no more than all of it.
      sync-webhook-safe = {
        of = "sync", title = "A webhook is safe within ${var.objectives.webhook_seconds / 5} s", goal = local.goal_of_part
        cut = {
          filter = "metric.type = \"${local.metric.webhook_seconds}\" AND resource.type = \"cloud_run_revision\""
          max    = var.objectives.webhook_seconds / 5
        }
        ratio = null, window = null
      }
      sync-webhook-applied = {
        of = "sync", title = "A webhook is applied within ${var.objectives.webhook_seconds * 4 / 5} s more", goal = local.goal_of_part
        cut = {
          filter = "metric.type = \"pubsub.googleapis.com/subscription/ack_latencies\" AND ${local.subscription.deliveries}"
          max    = var.objectives.webhook_seconds * 800
        }
        ratio = null, window = null
      }

      # 0.999 is the most that Cloud Monitoring takes as a goal. The promise is that none is lost: every single one raises an alert.
      sync-deliveries-kept = {
        of = "sync", title = "No delivery is given up", goal = 0.999
        ratio = {
          bad  = "metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND ${local.subscription.deliveries}"
          good = "metric.type = \"pubsub.googleapis.com/subscription/ack_message_count\" AND ${local.subscription.deliveries}"
        }
        cut = null, window = null
      }

      sync-full = {
        of = "sync", title = "A table's full sync takes at most ${var.objectives.full_sync_seconds} s", goal = var.objectives.full_sync_goal
        cut = {
          filter = "metric.type = \"${local.metric.full_sync_seconds}\" AND resource.type = \"cloud_run_revision\""
          max    = var.objectives.full_sync_seconds
        }
        ratio = null, window = null
      }
      sync-runs = {
        of = "sync", title = "Runs of pipelines succeed", goal = 0.99
        ratio = {
          bad  = "metric.type = \"${local.metric.run_failed}\" AND resource.type = \"cloud_run_revision\""
          good = "metric.type = \"${local.metric.run_succeeded}\" AND resource.type = \"cloud_run_revision\""
        }
        cut = null, window = null
      }

      # Drills and real outages alike, as the runtime has lived through them.
      sync-recovery = {
        of = "sync", title = "The database is back within ${var.objectives.recovery_seconds} s", goal = 0.99
        cut = {
          filter = "metric.type = \"${local.metric.database_away_seconds}\" AND resource.type = \"cloud_run_revision\""
          max    = var.objectives.recovery_seconds
        }
        ratio = null, window = null
      }
    }]...),
  )
}

resource "google_monitoring_custom_service" "this" {
  for_each = toset([for objective in values(local.objectives) : objective.of])

  project      = var.project
  service_id   = "${var.name}-${each.key}"
  display_name = "${var.name} ${each.key}"
  user_labels  = local.labels
}

resource "google_monitoring_slo" "this" {
  for_each = local.objectives

  project             = var.project
  service             = google_monitoring_custom_service.this[each.value.of].service_id
  slo_id              = each.key
  display_name        = each.value.title
  goal                = each.value.goal
  rolling_period_days = 30 # what 14.4 and 6 are reckoned for
  user_labels         = local.labels

  dynamic "request_based_sli" {
    for_each = each.value.window == null ? [each.value] : []

    content {
      dynamic "good_total_ratio" {
        for_each = request_based_sli.value.ratio[*]

        content {
          good_service_filter  = try(good_total_ratio.value.good, null)
          bad_service_filter   = good_total_ratio.value.bad
          total_service_filter = try(good_total_ratio.value.total, null)
        }
      }

      dynamic "distribution_cut" {
        for_each = request_based_sli.value.cut[*]

        content {
          distribution_filter = distribution_cut.value.filter

          range {
            max = distribution_cut.value.max
          }
        }
      }
    }
  }

  dynamic "windows_based_sli" {
    for_each = each.value.window[*]

    content {
      window_period          = "60s"
      good_bad_metric_filter = windows_based_sli.value
    }
  }

  depends_on = [google_logging_metric.sync]
}
