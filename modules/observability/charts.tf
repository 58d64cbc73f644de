# Charts by dashboard. No series has a label that could name a patient.
locals {
  charts_platform = concat(
    [for name, run in local.run : { title = "${name}: requests by class of answer", filter = "metric.type = \"run.googleapis.com/request_count\" AND ${run}", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["metric.label.response_code_class"] }],
    [for name, balancer in local.balancer : { title = "${name}: requests by class of answer", filter = "metric.type = \"loadbalancing.googleapis.com/https/request_count\" AND ${balancer}", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["metric.label.response_code_class"] }],
    [for name, check in google_monitoring_uptime_check_config.this : { title = "${name}: share of checkers that were answered", filter = "metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type = \"uptime_url\" AND metric.labels.check_id = \"${check.uptime_check_id}\"", align = "ALIGN_FRACTION_TRUE", reduce = "REDUCE_MEAN", by = [] }],
    [for name, metric in google_logging_metric.security : { title = "Security: ${metric.description}", filter = "metric.type = \"logging.googleapis.com/user/${metric.name}\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = [] } if can(regex("^(phi_|perimeter|log_kept|permissions)", name))],
  )

  charts_sync = flatten([for sync in var.sync[*] : concat(
    [
      { title = "Webhooks by status", filter = "metric.type = \"${local.metric.webhooks}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["metric.label.status"] },
      { title = "Webhooks: p95 of the time until safe, s", filter = "metric.type = \"${local.metric.webhook_seconds}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = [] },
      { title = "Webhooks: p95 of the time from Pub/Sub to the commit, ms", filter = "metric.type = \"pubsub.googleapis.com/subscription/ack_latencies\" AND ${local.subscription.deliveries}", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = [] },
      { title = "Webhooks: age of the oldest in Pub/Sub, s", filter = "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.subscription.deliveries}", align = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [] },
      { title = "Webhooks: waiting in Pub/Sub", filter = "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND ${local.subscription.deliveries}", align = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [] },
      { title = "Webhooks: given up", filter = "metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND ${local.subscription.deliveries}", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = [] },
      { title = "Full sync of a table: p95, s", filter = "metric.type = \"${local.metric.full_sync_seconds}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = ["metric.label.feed"] },
      { title = "Runs that failed", filter = "metric.type = \"${local.metric.run_failed}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = ["metric.label.pipeline"] },
      { title = "Time without the database, s", filter = "metric.type = \"${local.metric.database_away_seconds}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_99", by = [] },
      { title = "The audit trail's chain: troubles", filter = "metric.type = \"${local.metric.audit_chain}\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = [] },
      { title = "Instances", filter = "metric.type = \"run.googleapis.com/container/instance_count\" AND ${local.run.sync}", align = "ALIGN_MAX", reduce = "REDUCE_SUM", by = ["metric.label.state"] },
      { title = "Processors, p95 of instances", filter = "metric.type = \"run.googleapis.com/container/cpu/utilizations\" AND ${local.run.sync}", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = [] },
      { title = "Memory, p95 of instances", filter = "metric.type = \"run.googleapis.com/container/memory/utilizations\" AND ${local.run.sync}", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = [] },
    ],
    sync.prometheus ? [
      { title = "Webhooks: p95 of the time from receipt to commit, s", query = "histogram_quantile(0.95, sum by (le) (rate(august_webhook_latency_seconds_bucket[5m])))" },
      { title = "Deliveries in the inbox", query = "max by (state) (august_webhook_left)" },
      { title = "Rows by table", query = "sum by (feed, kind) (rate(august_sync_rows_total[5m]))" },
      { title = "Age of tables, s", query = "max by (feed) (august_sync_lag_seconds)" },
      { title = "Connections in use", query = "sum(august_pool_acquired)" },
      { title = "Calls to DrChrono by status", query = "sum by (status) (rate(august_drchrono_calls_total[5m]))" },
      { title = "Rows that Coda confirmed", query = "sum by (view) (rate(august_coda_rows_total[5m]))" },
      { title = "Age of changes that are in no block, s", query = "max(august_audit_unsealed_seconds)" },
    ] : [],
  )])

  charts_database = flatten([for database in var.database[*] : concat(
    [for metric, chart in {
      "database/up"                                    = { title = "Up", align = "ALIGN_MAX", reduce = "REDUCE_MAX" }
      "database/available_for_failover"                = { title = "A standby can take over", align = "ALIGN_MAX", reduce = "REDUCE_MAX" }
      "database/cpu/utilization"                       = { title = "Processors", align = "ALIGN_MEAN", reduce = "REDUCE_MAX" }
      "database/memory/utilization"                    = { title = "Memory", align = "ALIGN_MEAN", reduce = "REDUCE_MAX" }
      "database/disk/utilization"                      = { title = "Disk", align = "ALIGN_MEAN", reduce = "REDUCE_MAX" }
      "database/postgresql/num_backends"               = { title = "Connections", align = "ALIGN_MAX", reduce = "REDUCE_SUM" }
      "database/postgresql/transaction_count"          = { title = "Transactions a second", align = "ALIGN_RATE", reduce = "REDUCE_SUM" }
      "database/postgresql/deadlock_count"             = { title = "Deadlocks", align = "ALIGN_DELTA", reduce = "REDUCE_SUM" }
      "database/postgresql/transaction_id_utilization" = { title = "Transaction numbers used", align = "ALIGN_MAX", reduce = "REDUCE_MAX" }
      "database/disk/write_ops_count"                  = { title = "Writes to the disk a second", align = "ALIGN_RATE", reduce = "REDUCE_SUM" }
    } : merge(chart, { filter = "metric.type = \"cloudsql.googleapis.com/${metric}\" AND ${local.database.primary}", by = [] })],
    [for replica in database.replicas : { title = "Lag of ${replica}, s", filter = "metric.type = \"cloudsql.googleapis.com/database/replication/replica_lag\" AND resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${coalesce(database.project, var.project)}:${replica}\"", align = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [] }],
  )])

  charts_services = concat(
    flatten([for name, service in var.services : [
      { title = "${name}: requests by class of answer", filter = "metric.type = \"run.googleapis.com/request_count\" AND ${local.run[name]}", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["metric.label.response_code_class"] },
      { title = "${name}: p95 of the time to answer, ms", filter = "metric.type = \"run.googleapis.com/request_latencies\" AND ${local.run[name]}", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = [] },
      { title = "${name}: instances", filter = "metric.type = \"run.googleapis.com/container/instance_count\" AND ${local.run[name]}", align = "ALIGN_MAX", reduce = "REDUCE_SUM", by = ["metric.label.state"] },
      { title = "${name}: processors, p95 of instances", filter = "metric.type = \"run.googleapis.com/container/cpu/utilizations\" AND ${local.run[name]}", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = [] },
    ] if service.kind == "cloud_run"]),
    flatten([for name, service in var.services : concat(
      [
        { title = "${name}: requests by class of answer", filter = "metric.type = \"loadbalancing.googleapis.com/https/request_count\" AND ${local.balancer[name]}", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = ["metric.label.response_code_class"] },
        { title = "${name}: p95 of the time to answer, ms", filter = "metric.type = \"loadbalancing.googleapis.com/https/total_latencies\" AND ${local.balancer[name]}", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = [] },
        { title = "${name}: p95 of its backends' time, ms", filter = "metric.type = \"loadbalancing.googleapis.com/https/backend_latencies\" AND ${local.balancer[name]}", align = "ALIGN_DELTA", reduce = "REDUCE_PERCENTILE_95", by = [] },
      ],
      [for group in service.instance_groups : { title = "${name}: machines of ${group}", filter = "metric.type = \"compute.googleapis.com/instance_group/size\" AND resource.type = \"instance_group\" AND resource.labels.instance_group_name = \"${group}\" AND ${local.here}", align = "ALIGN_MEAN", reduce = "REDUCE_SUM", by = [] }],
      [for group in service.instance_groups : { title = "${name}: processors of ${group}", filter = "metric.type = \"compute.googleapis.com/instance/cpu/utilization\" AND resource.type = \"gce_instance\" AND metadata.system_labels.instance_group = \"${group}\" AND ${local.here}", align = "ALIGN_MEAN", reduce = "REDUCE_MEAN", by = [] }],
      [for group in service.instance_groups : { title = "${name}: memory of ${group}, by Ops Agent, %", filter = "metric.type = \"agent.googleapis.com/memory/percent_used\" AND resource.type = \"gce_instance\" AND metadata.system_labels.instance_group = \"${group}\" AND metric.labels.state = \"used\" AND ${local.here}", align = "ALIGN_MEAN", reduce = "REDUCE_MAX", by = [] }],
      [for group in service.instance_groups : { title = "${name}: memory of ${group}, by the system's own agent, %", filter = "metric.type = \"compute.googleapis.com/guest/memory/percent_used\" AND resource.type = \"gce_instance\" AND metadata.system_labels.instance_group = \"${group}\" AND metric.labels.state = \"used\" AND ${local.here}", align = "ALIGN_MEAN", reduce = "REDUCE_MAX", by = [] }],
    ) if service.kind == "load_balancer"]),
  )

  # Cloud Monitoring knows no prices. These are the quantities that most of the bill is made of.
  charts_cost = [for title, chart in {
    "Cloud Run: billable seconds a second, by service" = { filter = "metric.type = \"run.googleapis.com/container/billable_instance_time\" AND resource.type = \"cloud_run_revision\"", align = "ALIGN_RATE", by = ["resource.label.service_name"] }
    "Cloud SQL: bytes on disks, by instance"           = { filter = "metric.type = \"cloudsql.googleapis.com/database/disk/bytes_used\" AND resource.type = \"cloudsql_database\"", align = "ALIGN_MEAN", by = ["resource.label.database_id"] }
    "Cloud SQL: processors reserved, by instance"      = { filter = "metric.type = \"cloudsql.googleapis.com/database/cpu/reserved_cores\" AND resource.type = \"cloudsql_database\"", align = "ALIGN_MAX", by = ["resource.label.database_id"] }
    "Cloud Storage: bytes, by bucket"                  = { filter = "metric.type = \"storage.googleapis.com/storage/total_bytes\" AND resource.type = \"gcs_bucket\"", align = "ALIGN_MAX", by = ["resource.label.bucket_name"] }
    "Cloud Logging: bytes ingested a second"           = { filter = "metric.type = \"logging.googleapis.com/billing/bytes_ingested\"", align = "ALIGN_RATE", by = ["metric.label.resource_type"] }
    "Cloud Monitoring: bytes ingested a second"        = { filter = "metric.type = \"monitoring.googleapis.com/billing/bytes_ingested\"", align = "ALIGN_RATE", by = ["metric.label.metric_domain"] }
    "Pub/Sub: bytes a second, by subscription"         = { filter = "metric.type = \"pubsub.googleapis.com/subscription/byte_cost\" AND resource.type = \"pubsub_subscription\"", align = "ALIGN_RATE", by = ["resource.label.subscription_id"] }
    "Machines: processors reserved, by zone"           = { filter = "metric.type = \"compute.googleapis.com/instance/cpu/reserved_cores\" AND resource.type = \"gce_instance\"", align = "ALIGN_MAX", by = ["resource.label.zone"] }
  } : merge(chart, { title = title, reduce = "REDUCE_SUM" })]
}
