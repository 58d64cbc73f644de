# What a delivery refuses.

mock_provider "google" {
  override_during = plan

  mock_data "google_kms_crypto_key_version" {
    defaults = {
      public_key = [{ pem = "-----BEGIN PUBLIC KEY-----", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "deliver@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:deliver@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/deliver@feel-august-platform.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_binary_authorization_attestor" {
    defaults = {
      id = "projects/feel-august-platform/attestors/deliver-built"
    }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"

  github = {
    repository    = "feel-august/platform"
    owner_id      = "1001"
    repository_id = "2002"
  }

  state = { bucket = "feel-august-state", prefix = "platform/production" }
}

run "an_owner_by_name" {
  command = plan

  variables {
    github = { repository = "feel-august/platform", owner_id = "feel-august", repository_id = "2002" }
  }

  expect_failures = [var.github]
}

run "one_environment_for_two_accounts" {
  command = plan

  variables {
    github = { repository = "feel-august/platform", owner_id = "1001", repository_id = "2002", environments = { plan = ["production"] } }
  }

  expect_failures = [google_iam_workload_identity_pool_provider.github]
}

run "an_environment_that_would_end_the_condition" {
  command = plan

  variables {
    github = { repository = "feel-august/platform", owner_id = "1001", repository_id = "2002", environments = { plan = ["a\"] || true"] } }
  }

  expect_failures = [var.github]
}

run "an_apply_account_that_owns" {
  command = plan

  variables {
    apply_roles = ["roles/owner"]
  }

  expect_failures = [var.apply_roles]
}

run "an_apply_account_that_widens_roles" {
  command = plan

  variables {
    apply_roles = ["roles/iam.roleAdmin"]
  }

  expect_failures = [var.apply_roles]
}

run "an_apply_account_that_lets_others_in" {
  command = plan

  variables {
    apply_roles = ["roles/iam.workloadIdentityPoolAdmin"]
  }

  expect_failures = [var.apply_roles]
}

run "a_plan_account_that_changes" {
  command = plan

  variables {
    plan_roles = ["roles/cloudsql.admin"]
  }

  expect_failures = [var.plan_roles]
}

run "a_plan_account_that_reads_objects" {
  command = plan

  variables {
    plan_roles = ["roles/storage.objectViewer"]
  }

  expect_failures = [var.plan_roles]
}

run "roles_that_make_others" {
  command = plan

  variables {
    grantable_roles = ["roles/resourcemanager.projectIamAdmin"]
  }

  expect_failures = [var.grantable_roles]
}

run "everything_exempt" {
  command = plan

  variables {
    binary_authorization = { exempt_images = ["*"] }
  }

  expect_failures = [var.binary_authorization]
}

run "a_mode_that_is_none" {
  command = plan

  variables {
    binary_authorization = { mode = "off" }
  }

  expect_failures = [var.binary_authorization]
}

run "production_unscanned" {
  command = plan

  variables {
    repositories = { august = { scan = false } }
  }

  expect_failures = [var.repositories]
}

run "everybody_pulls" {
  command = plan

  variables {
    repositories = { august = { readers = { all = "allUsers" } } }
  }

  expect_failures = [var.repositories]
}

run "images_gone_in_a_day" {
  command = plan

  variables {
    repositories = { august = { keep_days = 1 } }
  }

  expect_failures = [var.repositories]
}

run "a_key_of_another_region" {
  command = plan

  variables {
    kms_key = "projects/p/locations/us-east1/keyRings/r/cryptoKeys/k"
  }

  expect_failures = [var.kms_key]
}

run "a_consumer_that_is_the_project" {
  command = plan

  variables {
    consumers = { itself = "123456789012" }
  }

  expect_failures = [var.consumers]
}

run "the_state_of_all_environments" {
  command = plan

  variables {
    state = { bucket = "feel-august-state", prefix = "" }
  }

  expect_failures = [var.state]
}

run "a_project_by_its_number" {
  command = plan

  variables {
    project = "123456789012"
  }

  expect_failures = [var.project]
}

run "a_project_number_that_is_a_name" {
  command = plan

  variables {
    project_number = "feel-august-platform"
  }

  expect_failures = [var.project_number]
}

run "an_environment_that_is_none" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

run "a_name_that_is_too_long" {
  command = plan

  variables {
    name = "deliver-to-the-platform"
  }

  expect_failures = [var.name]
}

run "a_repository_by_its_address" {
  command = plan

  variables {
    github = { repository = "https://github.com/feel-august/platform", owner_id = "1001", repository_id = "2002" }
  }

  expect_failures = [var.github]
}

run "a_branch_that_would_end_the_condition" {
  command = plan

  variables {
    github = { repository = "feel-august/platform", owner_id = "1001", repository_id = "2002", branch = "main\" || true" }
  }

  expect_failures = [var.github]
}

run "an_attestor_by_its_name" {
  command = plan

  variables {
    binary_authorization = { attestors = ["deliver-built"] }
  }

  expect_failures = [var.binary_authorization]
}

run "a_key_level_that_is_none" {
  command = plan

  variables {
    binary_authorization = { key_level = "PAPER" }
  }

  expect_failures = [var.binary_authorization]
}

run "a_consumer_by_its_name" {
  command = plan

  variables {
    consumers = { staging = "feel-august-platform-staging" }
  }

  expect_failures = [var.consumers]
}

run "a_registry_with_capitals" {
  command = plan

  variables {
    repositories = { August = {} }
  }

  expect_failures = [var.repositories]
}
