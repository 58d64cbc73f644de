locals {
  pipelines = {
    billing = { dataset = "billing", schedule = "*/15 * * * *", reconcile = { schedule = "0 4 * * 0" } }
    labs    = { dataset = "labs", schedule = "0 */6 * * *" }
  }

  calls = provider::august::api_call_budget(
    {
      visits               = 20000 # of the practice, in all
      visits_per_day       = 60
      other_calls_per_hour = 50 # reads after webhooks, another program with the same application
    },
    local.pipelines,
  )
}

resource "terraform_data" "pipelines" {
  input = local.pipelines

  lifecycle {
    precondition {
      condition     = local.calls.fits
      error_message = local.calls.explanation
    }
  }
}

# Not wrong, and worth a warning: a full sync takes longer than a night.
check "full_sync" {
  assert {
    condition     = local.calls.full_hours != null && local.calls.full_hours <= 8
    error_message = local.calls.explanation
  }
}
