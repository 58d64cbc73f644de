# What is measured all the time, and wrong beyond a level. `lasts` is how long, in seconds, before somebody is told.
locals {
  database = { for database in var.database[*] : "primary" => "resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${coalesce(database.project, var.project)}:${database.instance}\"" }

  levels = merge(
    { for name, check in google_monitoring_uptime_check_config.this : "${name}-down" => {
      urgency = local.page, title = "${name} does not answer", above = 1, lasts = 60
      filter  = "metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type = \"uptime_url\" AND metric.labels.check_id = \"${check.uptime_check_id}\""
      align   = "ALIGN_NEXT_OLDER", reduce = "REDUCE_COUNT_FALSE", by = ["resource.label.host"], every = 1200
      says    = "More than one checker around the world was not answered for a minute."
    } },

    merge([for sync in var.sync[*] : merge(
      {
        sync-waiting = {
          urgency = local.page, title = "deliveries wait in Pub/Sub", above = 60, lasts = 120
          filter  = "metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.subscription.deliveries}"
          align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "The oldest delivery waits for more than a minute: nothing is lost, and nothing arrives."
        }
        sync-given-up = {
          urgency = local.page, title = "a delivery was given up", above = 0, lasts = 0
          filter  = "metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND ${local.subscription.deliveries}"
          align   = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = [], every = 300
          says    = "Pub/Sub has moved it to the dead-letter topic after its last attempt. It is kept there; publish it again once the cause is mended."
        }
      },
      merge([for dead in sync.dead_letter_subscription[*] : {
        sync-dead-letters = {
          urgency = "ticket", title = "dead letters wait", above = 0, lasts = 300
          filter  = "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${dead}\" AND ${local.here}"
          align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "Deliveries were given up and nobody has looked at them yet. Pub/Sub keeps them for as long as the subscription retains messages, and no longer."
        }
      }]...),
    )]...),

    merge([for database in var.database[*] : merge(
      {
        database-down = {
          urgency = local.page, title = "the database is down", below = 1, lasts = floor(var.objectives.recovery_seconds / 180) * 60
          filter  = "metric.type = \"cloudsql.googleapis.com/database/up\" AND ${local.database.primary}"
          align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "A third of the time in which it has to be back is over: a failover would have ended by now."
        }
        database-alone = {
          urgency = local.page, title = "the database has no standby to take over", below = 1, lasts = 900
          filter  = "metric.type = \"cloudsql.googleapis.com/database/available_for_failover\" AND ${local.database.primary}"
          align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 300
          says    = "The next failure of its zone would be an outage. august_cloudsql_ha_policy tells at the next plan whether availability_type was changed."
        }
        database-cpu = {
          urgency = "ticket", title = "the database's processors are busy", above = 0.8, lasts = 900
          filter  = "metric.type = \"cloudsql.googleapis.com/database/cpu/utilization\" AND ${local.database.primary}"
          align   = "ALIGN_MEAN", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "data.august_index_advice says what would make its work less."
        }
        database-memory = {
          urgency = "ticket", title = "the database's memory is short", above = 0.9, lasts = 900
          filter  = "metric.type = \"cloudsql.googleapis.com/database/memory/utilization\" AND ${local.database.primary}"
          align   = "ALIGN_MEAN", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "A larger tier, or fewer connections: data.august_capacity_advice does the sum."
        }
        database-disk = {
          urgency = local.page, title = "the database's disk fills", above = 0.9, lasts = 300
          filter  = "metric.type = \"cloudsql.googleapis.com/database/disk/utilization\" AND ${local.database.primary}"
          align   = "ALIGN_MEAN", reduce = "REDUCE_MAX", by = [], every = 60
          says    = "A full disk stops the instance. Where it does not grow by itself, enlarge it now."
        }
        database-transactions = {
          urgency = "ticket", title = "the database runs out of transaction numbers", above = 0.5, lasts = 3600
          filter  = "metric.type = \"cloudsql.googleapis.com/database/postgresql/transaction_id_utilization\" AND ${local.database.primary}"
          align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 300
          says    = "Something keeps autovacuum from freezing rows: an old transaction, a replication slot, a prepared transaction."
        }
      },
      merge([for most in database.max_connections[*] : {
        database-connections = {
          urgency = local.page, title = "the database's connections run out", above = floor(most * 0.85), lasts = 300
          filter  = "metric.type = \"cloudsql.googleapis.com/database/postgresql/num_backends\" AND ${local.database.primary}"
          align   = "ALIGN_MAX", reduce = "REDUCE_SUM", by = [], every = 60
          says    = "Of ${most} connections 85 % are taken. provider::august::connection_budget says whose they are meant to be."
        }
      }]...),
      { for replica in database.replicas : "database-replica-${replica}" => {
        urgency = "ticket", title = "the replica ${replica} is behind", above = 300, lasts = 300
        filter  = "metric.type = \"cloudsql.googleapis.com/database/replication/replica_lag\" AND resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${coalesce(database.project, var.project)}:${replica}\""
        align   = "ALIGN_MAX", reduce = "REDUCE_MAX", by = [], every = 60
        says    = "If the region were lost now, so would be what the replica has not got yet."
      } },
    )]...),

    { for name, run in local.run : "${name}-memory" => {
      urgency = "ticket", title = "${name}'s instances run out of memory", above = 0.9, lasts = 600
      filter  = "metric.type = \"run.googleapis.com/container/memory/utilizations\" AND ${run}"
      align   = "ALIGN_PERCENTILE_99", reduce = "REDUCE_MAX", by = [], every = 60
      says    = "An instance that exceeds its memory is ended, with all that it has in hand."
    } },

    { for name, run in local.run : "${name}-cpu" => {
      urgency = "ticket", title = "${name}'s instances are busy", above = 0.9, lasts = 1800
      filter  = "metric.type = \"run.googleapis.com/container/cpu/utilizations\" AND ${run}"
      align   = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = [], every = 60
      says    = "It grows no more, or not fast enough: data.august_capacity_advice does the sum."
    } },

    { for group, name in local.groups : "${group}-cpu" => {
      urgency = "ticket", title = "${name}'s machines are busy", above = 0.8, lasts = 1800
      filter  = "metric.type = \"compute.googleapis.com/instance/cpu/utilization\" AND resource.type = \"gce_instance\" AND metadata.system_labels.instance_group = \"${group}\" AND ${local.here}"
      align   = "ALIGN_MEAN", reduce = "REDUCE_MEAN", by = [], every = 60
      says    = "At 50 % it should have grown: it has reached its largest size, or a zone has no machines."
    } },
  )
}

resource "google_monitoring_alert_policy" "level" {
  for_each = local.levels

  project               = var.project
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = local.severity[each.value.urgency]
  notification_channels = local.told[each.value.urgency]
  user_labels           = merge(local.labels, { urgency = each.value.urgency })

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = can(each.value.below) ? "COMPARISON_LT" : "COMPARISON_GT"
      threshold_value = try(each.value.below, each.value.above)
      duration        = "${each.value.lasts}s"

      aggregations {
        alignment_period     = "${each.value.every}s"
        per_series_aligner   = each.value.align
        cross_series_reducer = each.value.reduce
        group_by_fields      = each.value.by
      }
    }
  }

  documentation {
    subject = "${var.name} ${each.key}"
    content = join("\n\n", compact([each.value.says, var.runbook_url == null ? "" : "${var.runbook_url}#${each.key}"]))
  }
}
