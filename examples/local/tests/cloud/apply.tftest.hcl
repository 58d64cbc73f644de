# The same on a cloud, for real: applied, looked at, and destroyed. On the local one:
#   eval "$(august-local env)"; TF_WORKSPACE=staging terraform test -test-directory=tests/cloud

run "everything_is_made" {
  assert {
    condition     = august_sync_runtime.sync.ready && august_sync_runtime.sync.problem == null
    error_message = "The runtime is deployed and does not run."
  }

  assert {
    condition     = startswith(output.runtime.webhook_url, output.runtime.uri)
    error_message = "The webhook is not at the runtime's address."
  }

  assert {
    condition     = august_runtime_image.sync.image == output.image && strcontains(output.image, august_runtime_image.sync.digest)
    error_message = "What runs is not what was pushed."
  }

  assert {
    condition     = august_sync_pipeline.billing.generation == 1 && august_sync_pipeline.labs.generation == 1
    error_message = "A pipeline was declared more than once."
  }

  assert {
    condition     = august_cloudsql_ha_policy.platform.zone != august_cloudsql_ha_policy.platform.secondary_zone
    error_message = "The standby is where the primary is."
  }
}

# Terraform refuses to assert on what it will know only after an apply: that these are known says that nothing is deployed again.
run "a_second_plan_changes_nothing" {
  command = plan

  assert {
    condition     = august_sync_runtime.sync.ready && august_sync_runtime.sync.revision != ""
    error_message = "The second apply would deploy again."
  }

  assert {
    condition     = august_sync_pipeline.billing.generation == 1 && august_sync_pipeline.labs.generation == 1
    error_message = "The second apply would declare a pipeline again."
  }
}
