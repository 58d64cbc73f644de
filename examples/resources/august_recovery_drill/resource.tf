# An outage of seconds to a minute or two: on staging first, in production in hours of little traffic.
resource "august_recovery_drill" "failover" {
  instance = august_cloudsql_ha_policy.platform.instance
  kind     = "failover"
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience

  # A change of any value runs the drill again.
  triggers = {
    quarter = "2027-Q1"
  }
}

# Production goes on serving; the clone costs what an instance costs for as long as it exists.
resource "august_recovery_drill" "restore" {
  instance = august_cloudsql_ha_policy.platform.instance
  kind     = "point_in_time_restore"
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  max_rto  = "45m"

  triggers = {
    month = "2027-01"
  }
}

output "measured_recovery" {
  value = {
    failover_seconds  = august_recovery_drill.failover.rto_seconds
    lost_rows         = august_recovery_drill.failover.lost_rows
    restore_seconds   = august_recovery_drill.restore.rto_seconds
    recoverable_after = august_recovery_drill.restore.recoverable_after_seconds
  }
}
