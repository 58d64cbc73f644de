# What the configuration promises, without a cloud: `TF_WORKSPACE=production terraform test`. The provider is mocked, so an apply
# makes nothing.

mock_provider "august" {
  mock_resource "august_runtime_image" {
    defaults = {
      image = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  mock_resource "august_sync_runtime" {
    defaults = {
      uri      = "https://august-sync.example.test"
      audience = "august-sync:feel-august-platform:us-central1:august-sync"
    }
  }
}

variables {
  registry = "us-central1-docker.pkg.dev"
}

run "the_database_survives_a_zone" {
  assert {
    condition     = august_cloudsql_ha_policy.platform.availability_type == "REGIONAL"
    error_message = "The database is in one zone."
  }

  assert {
    condition     = august_cloudsql_ha_policy.platform.point_in_time_recovery.retention_days == 7
    error_message = "The database cannot be taken back seven days."
  }
}

run "it_is_deployed_by_digest" {
  assert {
    condition     = strcontains(module.sync.sync.image, "@sha256:")
    error_message = "A tag may be another image tomorrow."
  }
}

run "all_pipelines_run_on_this_runtime" {
  assert {
    condition     = output.pipelines == { billing = "billing", labs = "labs", patients = "patients" }
    error_message = "The outputs name the pipelines."
  }

  assert {
    condition = alltrue([
      for pipeline in module.sync.pipelines : pipeline.endpoint == module.sync.sync.uri
    ])
    error_message = "A pipeline is declared elsewhere."
  }
}

# The summaries tell how many and how much; who, stays in the database.
run "nothing_in_coda_tells_of_a_patient" {
  assert {
    condition = alltrue(flatten([
      for pipeline in module.sync.pipelines : [
        for view in coalesce(pipeline.coda_views, {}) : view.phi_columns == null
      ]
    ]))
    error_message = "A column that tells something of a patient goes to Coda."
  }
}

run "no_drill_without_a_name" {
  assert {
    condition     = output.recovery_drills == { failover = null, restore = null }
    error_message = "A drill takes the database away for seconds, and runs only when it is named."
  }
}

run "a_named_drill_is_planned" {
  variables {
    drill = "2027-Q1"
  }

  assert {
    condition     = length(august_recovery_drill.failover) == 1 && length(august_recovery_drill.restore) == 1
    error_message = "Both drills run when they are named."
  }
}

run "no_refresh_without_a_name" {
  assert {
    condition     = output.anonymised == null && output.dataset == null
    error_message = "Staging's data is refreshed when that is named, and not before."
  }
}
