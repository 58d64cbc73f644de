# What the runtime says in its log, word for word: a test of this repository holds each message and field against the runtime's source.
locals {
  sync_logs = {
    run_succeeded         = { message = "run succeeded", labels = ["pipeline"], about = "Runs of pipelines that succeeded." }
    run_failed            = { message = "run failed", labels = ["pipeline"], about = "Runs of pipelines that failed." }
    full_sync_seconds     = { message = "feed done", labels = ["feed"], where = "full = true", value = "seconds", about = "Time of a table's full sync." }
    database_away_seconds = { message = "the database is back", value = "seconds", about = "Time without the database, in outages and in drills." }
    parked                = { message = "deliveries are parked; look at them with: august-sync webhook parked", about = "Deliveries that could not be applied and wait for somebody." }
    audit_chain           = { contains = " does not work and is tried again", about = "The audit trail's chain is not sealed, exported or kept." }
    inbox_shut            = { message = "the inbox cannot be written; deliveries wait for it, or are refused", about = "Neither Pub/Sub nor the database takes deliveries." }
    inbox_full            = { contains = "the inbox is full: deliveries are refused", about = "The inbox refuses deliveries." }
    pubsub_away           = { message = "Pub/Sub does not take deliveries; they go to the inbox", about = "Pub/Sub is passed over, and all hangs on the database." }
    secret_missing        = { contains = "a delivery came, and there is nothing to check it against", about = "The webhook has no secret." }
    caller_refused        = { message = "control call refused", about = "Calls of the control API that were refused." }
    coda_away             = { message = "view not pushed", labels = ["pipeline"], about = "Views that Coda was not sent." }
    stopped               = { message = "the runtime stopped working", about = "An instance of the runtime gave up." }
    panicked              = { message = "request panicked", about = "Requests that ended in a panic." }
  }

  # Filters of Cloud Logging.
  sync_log = merge([for sync in var.sync[*] : {
    for name, log in local.sync_logs : name => join(" AND ", compact([
      "resource.type = \"cloud_run_revision\"",
      "resource.labels.service_name = \"${sync.name}\"",
      "resource.labels.location = \"${sync.region}\"",
      can(log.message) ? "jsonPayload.message = ${jsonencode(log.message)}" : "jsonPayload.message : ${jsonencode(log.contains)}",
      can(log.where) ? "jsonPayload.${log.where}" : "",
    ]))
  }]...)

  # Cloud Run's own log of requests knows the path, which its metrics do not.
  webhook_log = merge([for sync in var.sync[*] : {
    for name in ["webhooks", "webhook_seconds"] : name => join(" AND ", compact([
      "resource.type = \"cloud_run_revision\"",
      "resource.labels.service_name = \"${sync.name}\"",
      "resource.labels.location = \"${sync.region}\"",
      "log_id(\"run.googleapis.com/requests\")",
      "httpRequest.requestMethod = \"POST\"",
      "httpRequest.requestUrl =~ \"^https://[^/]+/webhooks/drchrono([?]|$)\"",
      name == "webhook_seconds" ? "httpRequest.status >= 200 AND httpRequest.status < 300" : "",
    ]))
  }]...)

  sync_metrics = merge(
    { for name, filter in local.sync_log : name => {
      filter = filter
      about  = local.sync_logs[name].about
      value  = can(local.sync_logs[name].value) ? "EXTRACT(jsonPayload.${local.sync_logs[name].value})" : null
      labels = { for label in try(local.sync_logs[name].labels, []) : label => "EXTRACT(jsonPayload.${label})" }
    } },
    { for name, filter in local.webhook_log : name => {
      filter = filter
      about  = name == "webhooks" ? "Deliveries of DrChrono's webhook, by the answer's status." : "Time until a delivery was answered, and so was safe."
      value  = name == "webhooks" ? null : "EXTRACT(httpRequest.latency)"
      labels = name == "webhooks" ? { status = "EXTRACT(httpRequest.status)" } : {}
    } },
  )

  metric       = { for name, metric in local.sync_metrics : name => "logging.googleapis.com/user/${var.name}/sync/${name}" }
  subscription = { for sync in var.sync[*] : "deliveries" => "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${sync.subscription}\" AND ${local.here}" }
}

resource "google_logging_metric" "sync" {
  for_each = local.sync_metrics

  project          = var.project
  name             = "${var.name}/sync/${each.key}"
  description      = each.value.about
  filter           = each.value.filter
  value_extractor  = each.value.value
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit        = each.value.value == null ? "1" : "s"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key = labels.key
      }
    }
  }

  # From 10 ms to some three hours, each a tenth more than the one before: an objective's bound is hit within a tenth.
  dynamic "bucket_options" {
    for_each = each.value.value[*]

    content {
      exponential_buckets {
        num_finite_buckets = 146
        growth_factor      = 1.1
        scale              = 0.01
      }
    }
  }
}
