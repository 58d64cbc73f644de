# The same on a cloud, for real: applied, looked at, and destroyed. On the local one:
#   eval "$(august-local env)"; TF_WORKSPACE=staging terraform test -test-directory=tests/cloud

run "everything_is_made" {
  assert {
    condition     = module.sync.sync.ready && module.sync.sync.problem == null
    error_message = "The runtime is deployed and does not run."
  }

  assert {
    condition     = startswith(output.runtime.webhook_url, output.runtime.uri)
    error_message = "The webhook is not at the runtime's address."
  }

  assert {
    condition     = module.sync.sync.image == output.image && strcontains(output.image, module.sync.sync.digest)
    error_message = "What runs is not what was pushed."
  }

  assert {
    condition     = alltrue([for pipeline in module.sync.pipelines : pipeline.generation == 1])
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
    condition     = module.sync.sync.ready && module.sync.sync.revision != ""
    error_message = "The second apply would deploy again."
  }

  assert {
    condition     = alltrue([for pipeline in module.sync.pipelines : pipeline.generation == 1])
    error_message = "The second apply would declare a pipeline again."
  }
}
