# What keeps the instance available, recoverable and audited, and the replica that can stand in for it.

locals {
  # Slow statements are logged with their text, in which there may be patients' data: in production Query Insights, which keep
  # statements without their values, find them instead (CIS 6.2.7).
  slow_query_ms = coalesce(var.slow_query_ms, var.environment == "production" ? -1 : 500)

  # What may be tuned by var.flags.
  tuned = {
    idle_in_transaction_session_timeout = "60000"
    log_lock_waits                      = "on"
  }

  # What may not: CIS Google Cloud 6.2.1 to 6.2.8, and that no parameter of a statement is logged.
  kept = {
    "cloudsql.enable_pgaudit"         = "on"
    "cloudsql.iam_authentication"     = "on"
    log_connections                   = "on"
    log_disconnections                = "on"
    log_duration                      = "off"
    log_error_verbosity               = "default"
    log_min_duration_statement        = tostring(local.slow_query_ms)
    log_min_error_statement           = "error"
    log_min_messages                  = "warning"
    log_parameter_max_length          = "0"
    log_parameter_max_length_on_error = "0"
    log_statement                     = "ddl"
    max_connections                   = tostring(var.max_connections)
    "pgaudit.log"                     = join(",", sort(var.audit_classes))
    "pgaudit.log_parameter"           = "off"
  }

  connections = provider::august::connection_budget(
    {
      tier              = var.tier
      edition           = var.edition
      max_connections   = var.max_connections
      other_connections = var.other_connections
      pooling = var.connection_pooling == null ? null : {
        max_pool_size          = try(tonumber(var.connection_pooling.flags["max_pool_size"]), null)
        max_client_connections = try(tonumber(var.connection_pooling.flags["max_client_connections"]), null)
      }
      # The policy gives the replica the instance's max_connections, and never less.
      replicas = { for replica in var.replica[*] : replica.name => { max_connections = var.max_connections } }
    },
    var.services,
  )
}

resource "august_cloudsql_ha_policy" "this" {
  project             = var.project
  instance            = basename(google_sql_database_instance.this.self_link)
  availability_type   = "REGIONAL"
  deletion_protection = var.deletion_protection
  database_flags      = merge(local.tuned, var.flags, local.kept)

  point_in_time_recovery = {
    retention_days = var.backup.recovery_days
  }

  backup = {
    start_time       = var.backup.start_time
    retained_backups = var.backup.retained_backups
    location         = var.backup.location
  }

  maintenance_window = {
    day          = var.maintenance.day
    hour         = var.maintenance.hour
    update_track = coalesce(var.maintenance.update_track, var.environment == "production" ? "week5" : "canary")
  }

  low_traffic_hours       = var.maintenance.low_traffic
  deny_maintenance_period = var.deny_maintenance_period
  connection_pooling      = var.connection_pooling

  insights = {
    query_plans_per_minute  = 5
    record_application_tags = true
    record_client_address   = false
  }

  cross_region_replica = var.replica == null ? null : {
    name                = var.replica.name
    region              = var.replica.region
    tier                = var.replica.tier
    kms_key_name        = var.replica.kms_key
    failover_target     = var.replica.failover_target
    deletion_protection = var.deletion_protection
  }

  lifecycle {
    precondition {
      condition     = local.connections.fits
      error_message = local.connections.explanation
    }
  }
}

resource "august_recovery_drill" "this" {
  for_each = var.drills

  project       = var.project
  instance      = august_cloudsql_ha_policy.this.instance
  kind          = each.value.kind
  endpoint      = each.value.endpoint
  audience      = each.value.audience
  max_rto       = each.value.max_rto
  max_lost_rows = 0
  verify_tables = each.value.verify_tables
  triggers      = each.value.triggers
}

check "slow_queries_hold_no_patients" {
  assert {
    condition     = var.environment != "production" || local.slow_query_ms == -1
    error_message = "Statements of ${local.slow_query_ms} ms and more are logged with their text, and with whatever literals a client has put there: patients' data end up in the log. Leave slow_query_ms out and look at Query Insights, or see to it that who reads the log may read them."
  }
}

check "connections_left" {
  assert {
    condition     = !local.connections.fits || local.connections.left * 10 >= local.connections.have
    error_message = "Less than a tenth of the connections is left.\n${local.connections.explanation}"
  }
}

check "production_outlives_its_region" {
  assert {
    condition     = var.environment != "production" || var.replica != null
    error_message = "When the region ${var.region} fails, production is away until a backup is restored elsewhere, which takes longer than the 15 minutes that are promised: set replica."
  }
}
