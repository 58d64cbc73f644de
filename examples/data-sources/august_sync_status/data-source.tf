data "august_sync_status" "billing" {
  endpoint = august_sync_pipeline.billing.endpoint
  audience = august_sync_pipeline.billing.audience
  pipeline = august_sync_pipeline.billing.name
  max_lag  = "1h" # it is synced every 15 minutes
}

# A check warns after every plan and apply, and stops neither.
check "billing_is_up_to_date" {
  assert {
    condition = data.august_sync_status.billing.healthy
    error_message = join("\n", [
      for finding in data.august_sync_status.billing.findings : "${finding.code}: ${finding.message}"
      if finding.severity != "info"
    ])
  }
}

# What the newest comparison with DrChrono found, and could not repair.
output "drift_left" {
  value = try(data.august_sync_status.billing.last_reconcile.left, null)
}

output "books_that_differ" {
  description = "Where two records of the same money disagree now, counted by reason."
  value = {
    for mismatch in coalesce(data.august_sync_status.billing.mismatches, []) : mismatch.reason => mismatch.count
    if mismatch.severity == "fault"
  }
}
