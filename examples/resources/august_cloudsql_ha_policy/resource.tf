# The instance itself stays with whoever made it; the policy owns what it declares and nothing else.
resource "august_cloudsql_ha_policy" "platform" {
  instance          = "platform"
  availability_type = "REGIONAL"

  point_in_time_recovery = {
    retention_days = 7
  }

  backup = {
    start_time       = "07:00"
    retained_backups = 30
  }

  # Sunday 08:00 UTC is between one and four in the morning across the United States.
  maintenance_window = {
    day          = "sunday"
    hour         = 8
    update_track = "week5"
  }

  # Sets nothing; the plan fails when the window is outside of them, in winter or in summer.
  low_traffic_hours = {
    from      = "00:00"
    to        = "05:00"
    time_zone = "America/Chicago"
  }

  # No maintenance over the turn of the year, when deductibles start anew and claims pile up.
  deny_maintenance_period = {
    start_date = "12-15"
    end_date   = "01-10"
  }

  database_flags = {
    log_lock_waits                      = "on"
    idle_in_transaction_session_timeout = "60000"
  }

  insights = {
    query_plans_per_minute = 5
  }

  # Made when there is none, taken over when there is; never deleted by the policy.
  cross_region_replica = {
    name   = "platform-dr"
    region = "us-east1"
  }
}

output "zones" {
  description = "Where the database runs, and where it would fail over to."
  value = {
    primary = august_cloudsql_ha_policy.platform.zone
    standby = august_cloudsql_ha_policy.platform.secondary_zone
  }
}
