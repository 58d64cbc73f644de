data "august_cloudsql_ha_status" "platform" {
  instance = august_cloudsql_ha_policy.platform.instance
}

# A check warns after every plan and apply; a postcondition in the data source would stop them.
check "database_is_highly_available" {
  assert {
    condition = data.august_cloudsql_ha_status.platform.healthy
    error_message = join("\n", [
      for finding in data.august_cloudsql_ha_status.platform.findings : "${finding.code}: ${finding.message}"
      if finding.severity != "info"
    ])
  }
}

output "recovery_window_days" {
  description = "How far back the database can be taken now."
  value       = data.august_cloudsql_ha_status.platform.recovery_window_days
}
