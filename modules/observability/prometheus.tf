# What only the runtime itself can measure, where something collects /metrics of every instance. The names are its own: a test of this
# repository holds them against the runtime's source. An alert on a metric that nobody has written yet is no error.
locals {
  prometheus_alerts = {
    webhook-late         = { urgency = local.page, lasts = 300, title = "webhooks are applied late", query = "histogram_quantile(0.95, sum by (le) (rate(august_webhook_latency_seconds_bucket[5m]))) > ${var.objectives.webhook_seconds}" }
    webhook-oldest       = { urgency = local.page, lasts = 120, title = "deliveries wait in the inbox", query = "max(august_webhook_oldest_seconds) > 60" }
    webhook-unavailable  = { urgency = local.page, lasts = 0, title = "deliveries were refused", query = "sum(increase(august_webhook_deliveries_total{outcome=\"unavailable\"}[5m])) > 0" }
    webhook-secret       = { urgency = "ticket", lasts = 300, title = "deliveries show a wrong secret", query = "sum(increase(august_webhook_deliveries_total{outcome=\"refused_secret\"}[5m])) > 0" }
    webhook-pubsub       = { urgency = "ticket", lasts = 600, title = "Pub/Sub is passed over", query = "max(august_webhook_pubsub_open) > 0" }
    sync-lag             = { urgency = "ticket", lasts = 900, title = "a table is a day old", query = "max by (feed) (august_sync_lag_seconds) > 86400" }
    sync-drift           = { urgency = "ticket", lasts = 0, title = "a comparison with DrChrono found differences that are left", query = "max by (pipeline) (august_sync_drift{state=\"left\"}) > 0" }
    audit-unsealed       = { urgency = local.page, lasts = 0, title = "changes are recorded and not sealed", query = "max(august_audit_unsealed_seconds) > 600" }
    audit-unexported     = { urgency = local.page, lasts = 0, title = "no head in the bucket proves the newest blocks", query = "max(august_audit_unexported_seconds) > 3600" }
    pool-waits           = { urgency = "ticket", lasts = 600, title = "connections have to be waited for", query = "sum(rate(august_pool_wait_seconds_total[5m])) > 0.5" }
    drchrono-throttled   = { urgency = "ticket", lasts = 1800, title = "calls wait for DrChrono's hour", query = "histogram_quantile(0.95, sum by (le) (rate(august_drchrono_throttle_wait_seconds_bucket[15m]))) > 60" }
    coda-writes-rejected = { urgency = "ticket", lasts = 900, title = "Coda rejects writes", query = "sum(increase(august_coda_writes_total{status!~\"2..\"}[15m])) > 10" }
  }
}

resource "google_monitoring_alert_policy" "prometheus" {
  for_each = merge(try(var.sync.prometheus, false) ? local.prometheus_alerts : {}, local.agent_alerts)

  project               = var.project
  display_name          = "${var.name}: ${each.value.title}${contains(keys(local.prometheus_alerts), each.key) ? ", as the runtime measures it" : ""}"
  combiner              = "OR"
  severity              = local.severity[each.value.urgency]
  notification_channels = local.told[each.value.urgency]
  user_labels           = merge(local.labels, { urgency = each.value.urgency })

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "${each.value.lasts}s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    subject = "${var.name} ${each.key}"
    content = join("\n\n", compact([contains(keys(local.prometheus_alerts), each.key) ? "The guide \"Webhooks\" of the provider says why this matters." : "", var.runbook_url == null ? "" : "${var.runbook_url}#${each.key}"]))
  }
}
