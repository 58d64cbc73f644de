# What the identities of a project refuse.

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

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
  workload_pools = ["deliver-github"]
  organization   = { id = "987654321098", access_policy = "555" }

  custom_roles = {
    claimsReader = {
      title       = "Claims reader"
      description = "Reads claims."
      permissions = ["storage.objects.get"]
    }
  }

  service_accounts = {
    august-sync = {
      display_name = "Sync runtime"
      roles        = ["roles/cloudsql.client", "custom/claimsReader"]
      users        = { apply = "serviceAccount:deliver-apply@feel-august-platform.iam.gserviceaccount.com" }
    }
  }

  groups = {
    platform = { group = "platform@example.com", roles = ["roles/monitoring.viewer", "roles/cloudsql.viewer"] }
  }

  phi_access = {
    claims-support = {
      eligible  = ["support@example.com"]
      approvers = ["privacy@example.com"]
      notify    = ["privacy-officer@example.com"]
    }
  }
}

run "a_service_that_owns" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", roles = ["roles/owner"] } }
  }

  expect_failures = [var.service_accounts]
}

run "a_service_that_acts_as_every_other" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", roles = ["roles/iam.serviceAccountTokenCreator"] } }
  }

  expect_failures = [var.service_accounts]
}

run "a_custom_role_that_is_none" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", roles = ["custom/nobody"] } }
  }

  expect_failures = [var.service_accounts]
}

run "one_person_attaches_an_account" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", users = { ann = "user:ann@example.com" } } }
  }

  expect_failures = [var.service_accounts]
}

run "a_group_acts_as_a_service_and_is_denied" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", impersonators = { platform = "group:platform@example.com" } } }
  }

  expect_failures = [var.service_accounts]
}

run "a_group_attaches_a_service_and_is_denied" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", users = { platform = "group:platform@example.com" } } }
  }

  expect_failures = [var.service_accounts]
}

run "a_custom_role_that_makes_others" {
  command = plan

  variables {
    custom_roles = { claimsReader = { title = "Claims reader", description = "Reads claims.", permissions = ["resourcemanager.projects.setIamPolicy"] } }
  }

  expect_failures = [var.custom_roles]
}

run "standing_access_to_patients_data" {
  command = plan

  variables {
    groups = { support = { group = "support@example.com", roles = ["roles/cloudsql.instanceUser"] } }
  }

  expect_failures = [var.groups]
}

run "standing_access_by_a_custom_role" {
  command = plan

  variables {
    groups = { support = { group = "support@example.com", roles = ["custom/claimsReader"] } }
  }

  expect_failures = [var.groups]
}

run "a_group_that_edits_everything" {
  command = plan

  variables {
    groups = { support = { group = "support@example.com", roles = ["roles/editor"] } }
  }

  expect_failures = [var.groups]
}

run "a_group_written_as_a_member" {
  command = plan

  variables {
    groups = { support = { group = "user:ann@example.com", roles = ["roles/monitoring.viewer"] } }
  }

  expect_failures = [var.groups]
}

run "approving_oneself" {
  command = plan

  variables {
    phi_access = { claims-support = { eligible = ["support@example.com"], approvers = ["support@example.com"] } }
  }

  expect_failures = [var.phi_access]
}

run "nobody_approves" {
  command = plan

  variables {
    phi_access = { claims-support = { eligible = ["support@example.com"], approvers = [] } }
  }

  expect_failures = [var.phi_access]
}

run "a_grant_of_a_week" {
  command = plan

  variables {
    phi_access = { claims-support = { eligible = ["support@example.com"], approvers = ["privacy@example.com"], max_duration_seconds = 604800 } }
  }

  expect_failures = [var.phi_access]
}

run "a_grant_that_outlives_itself" {
  command = plan

  variables {
    phi_access = { claims-support = { eligible = ["support@example.com"], approvers = ["privacy@example.com"], roles = { "roles/resourcemanager.projectIamAdmin" = null } } }
  }

  expect_failures = [var.phi_access]
}

run "grants_without_an_organization" {
  command = plan

  variables {
    organization = null
  }

  expect_failures = [var.phi_access]
}

run "grants_where_there_is_nothing_to_see" {
  command = plan

  variables {
    data_class = "general"
  }

  expect_failures = [var.phi_access]
}

run "reads_unaudited" {
  command = plan

  variables {
    audit = { log_types = ["ADMIN_READ", "DATA_WRITE"] }
  }

  expect_failures = [var.audit]
}

run "a_pipeline_forgotten" {
  command = plan

  variables {
    workload_pools = null
  }

  expect_failures = [var.workload_pools]
}

run "everybody_exempt" {
  command = plan

  variables {
    human_denial = { exempt = ["principalSet://goog/public:all"] }
  }

  expect_failures = [var.human_denial]
}

run "a_password_is_no_second_factor" {
  command = plan

  variables {
    reauthentication = { session_method = "PASSWORD" }
  }

  expect_failures = [var.reauthentication]
}

run "a_session_of_a_week" {
  command = plan

  variables {
    reauthentication = { max_age_seconds = 604800 }
  }

  expect_failures = [var.reauthentication]
}

run "an_access_level_that_is_none" {
  command = plan

  variables {
    reauthentication = { groups = { support = { group_key = "01d520gv4vjcrht", access_level = "nowhere" } } }
  }

  expect_failures = [var.reauthentication]
}

run "an_access_level_that_asks_for_nothing" {
  command = plan

  variables {
    access_levels = { anywhere = {} }
  }

  expect_failures = [var.access_levels]
}

run "an_access_level_without_a_policy" {
  command = plan

  variables {
    organization  = { id = "987654321098" }
    access_levels = { office = { regions = ["US"] } }
  }

  expect_failures = [var.access_levels]
}

run "patients_data_in_staging" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.data_class]
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

run "a_data_class_that_is_none" {
  command = plan

  variables {
    data_class = "secret"
  }

  expect_failures = [var.data_class]
}

run "a_log_type_that_is_none" {
  command = plan

  variables {
    audit = { log_types = ["ADMIN_READ", "DATA_READ", "EVERYTHING"] }
  }

  expect_failures = [var.audit]
}

run "a_role_id_with_hyphens" {
  command = plan

  variables {
    custom_roles = { claims-reader = { title = "Claims reader", description = "Reads claims.", permissions = ["storage.objects.get"] } }
  }

  expect_failures = [var.custom_roles]
}

run "a_role_that_is_none" {
  command = plan

  variables {
    groups = { platform = { group = "platform@example.com", roles = ["monitoring.viewer"] } }
  }

  expect_failures = [var.groups]
}

run "a_role_of_a_service_that_is_none" {
  command = plan

  variables {
    service_accounts = { august-sync = { display_name = "Sync runtime", roles = ["cloudsql.client"] } }
  }

  expect_failures = [var.service_accounts]
}

run "an_account_id_that_is_too_short" {
  command = plan

  variables {
    service_accounts = { sync = { display_name = "Sync runtime" } }
  }

  expect_failures = [var.service_accounts]
}

run "a_denied_permission_of_the_old_kind" {
  command = plan

  variables {
    human_denial = { permissions = ["storage.objects.get"] }
  }

  expect_failures = [var.human_denial]
}

run "a_trusted_project_by_its_name" {
  command = plan

  variables {
    human_denial = { trusted_projects = { website = "feel-august-website" } }
  }

  expect_failures = [var.human_denial]
}

run "an_organization_by_its_name" {
  command = plan

  variables {
    organization = { id = "feel-august.example" }
  }

  expect_failures = [var.organization]
}

run "an_access_policy_by_its_name" {
  command = plan

  variables {
    organization = { id = "987654321098", access_policy = "default" }
  }

  expect_failures = [var.organization]
}

run "an_entitlement_with_capitals" {
  command = plan

  variables {
    phi_access = { Claims = { eligible = ["support@example.com"], approvers = ["privacy@example.com"] } }
  }

  expect_failures = [var.phi_access]
}

run "an_entitlement_that_ends_with_a_hyphen" {
  command = plan

  variables {
    phi_access = { claims- = { eligible = ["support@example.com"], approvers = ["privacy@example.com"] } }
  }

  expect_failures = [var.phi_access]
}

run "a_grant_to_a_member" {
  command = plan

  variables {
    phi_access = { claims-support = { eligible = ["user:ann@example.com"], approvers = ["privacy@example.com"] } }
  }

  expect_failures = [var.phi_access]
}

run "signing_in_is_no_second_factor" {
  command = plan

  variables {
    reauthentication = { iap_method = "LOGIN" }
  }

  expect_failures = [var.reauthentication]
}

run "an_access_level_with_hyphens" {
  command = plan

  variables {
    access_levels = { the-office = { regions = ["US"] } }
  }

  expect_failures = [var.access_levels]
}

run "sessions_without_an_organization" {
  command = plan

  variables {
    organization     = null
    phi_access       = {}
    reauthentication = { groups = { support = { group_key = "01d520gv4vjcrht" } } }
  }

  expect_failures = [var.reauthentication]
}
