# What the platform promises, in either environment and without a cloud:
#   TF_WORKSPACE=production terraform test

mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = {
      email  = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
    }
  }
}

mock_provider "august" {
  override_during = plan

  mock_resource "august_recovery_drill" {
    defaults = {
      passed      = true
      rto_seconds = 40
      lost_rows   = 0
      ran_at      = "2099-01-01T00:00:00Z"
    }
  }

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
  rehearsal = true
}

run "it_is_one_environment_whole" {
  command = plan

  assert {
    condition     = output.environment.name == terraform.workspace && output.environment.project == local.environments[terraform.workspace].project
    error_message = "The workspace decides the project."
  }

  assert {
    condition = alltrue([
      for project in [module.database.database.project, module.sync.sync.project, module.network.network.project, module.delivery.delivery.project] :
      project == local.project
    ])
    error_message = "A part of the environment is in another project."
  }

  assert {
    condition     = module.database.database.users["website"] == "website@${local.environment.website.project}.iam"
    error_message = "The website's service is not let into the database, and its team has no right to let it in."
  }
}

run "the_other_environment_is_nowhere" {
  command = plan

  assert {
    condition     = length(distinct([for environment in local.environments : environment.project])) == 2 && length(distinct([for environment in local.environments : environment.state_bucket])) == 2
    error_message = "Two environments share a project or a state."
  }

  assert {
    condition     = length(setintersection(local.production.cidrs[*].us-central1, local.staging.cidrs[*].us-central1)) == 0
    error_message = "Two environments share addresses."
  }

  assert {
    condition     = !strcontains(jsonencode(module.database.database.consumer_projects), terraform.workspace == "production" ? "staging" : "feel-august-platform\"")
    error_message = "The database lets the other environment in."
  }
}

run "images_run_by_digest" {
  command = plan

  assert {
    condition     = strcontains(output.images.sync, "@sha256:")
    error_message = "A tag may be another image tomorrow."
  }
}

run "only_one_side_publishes_and_only_the_other_takes_in" {
  command = plan

  assert {
    condition     = (length(module.staging_source) == 1) == (terraform.workspace == "production") && (length(module.staging) == 1) == (terraform.workspace == "staging")
    error_message = "Production publishes, staging takes in."
  }

  assert {
    condition     = output.anonymised == null || try(output.anonymised.export, null) == null
    error_message = "Nothing is published unless a refresh is named."
  }
}

# The plan is Terraform's own here, which was initialised with no bucket: what is not a rehearsal fails.
run "another_state_is_refused" {
  command = plan

  variables {
    rehearsal = false
  }

  expect_failures = [output.environment]
}

run "a_refresh_needs_somebodys_word" {
  command = plan

  variables {
    refresh = "2027-01"
  }

  expect_failures = [var.refresh]
}

run "a_refresh_is_signed" {
  command = plan

  variables {
    refresh     = "2027-01"
    attestation = { by = "Synthetic Officer", expires = "2099-12-31" }
  }

  assert {
    condition     = (length(module.signing_key) == 1) == (terraform.workspace == "production") && alltrue([for key in module.signing_key : keys(key.secrets.secrets) == ["anonymization-signing-key"]])
    error_message = "Production signs what it publishes, with a key that has a place here."
  }
}

# As the README has it: what an administrator applies first. The runtime would not start, without values of its secrets and nobody having
# vouched for its image; a module whose arguments name it brings it along.
run "the_first_apply_leaves_the_runtime_out" {
  command = plan

  plan_options {
    target = [module.delivery, module.sync_foundation]
  }

  assert {
    condition     = module.delivery.delivery.project == local.project && try(output.images.sync, null) == null
    error_message = "The pipeline comes first, and the runtime is none of it."
  }
}
