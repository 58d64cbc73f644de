# That an apply ends, and what other modules are given.

mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      id     = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_project_iam_custom_role" {
    defaults = {
      name = "projects/feel-august-platform/roles/claimsReader"
    }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
  workload_pools = []
  organization   = { id = "987654321098", access_policy = "555" }

  access_levels = { office = { regions = ["US"] } }

  custom_roles = {
    claimsReader = { title = "Claims reader", description = "Reads claims.", permissions = ["storage.objects.get"] }
  }

  service_accounts = {
    august-sync = {
      display_name  = "Sync runtime"
      roles         = ["custom/claimsReader"]
      impersonators = { scheduler = "serviceAccount:scheduler@feel-august-platform.iam.gserviceaccount.com" }
    }
  }

  phi_access = {
    claims-support = {
      eligible  = ["support@example.com"]
      approvers = ["privacy@example.com"]
      roles     = { "custom/claimsReader" = "resource.name.startsWith(\"projects/_/buckets/claims\")" }
    }
  }
}

run "given" {
  assert {
    condition     = output.identity.service_accounts["august-sync"].database_user == "august-sync@feel-august-platform.iam"
    error_message = "The account's user in PostgreSQL is not as Cloud SQL names it."
  }

  assert {
    condition     = output.identity.service_accounts["august-sync"].email == "august-sync@feel-august-platform.iam.gserviceaccount.com" && output.identity.service_accounts["august-sync"].member == "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
    error_message = "An account is not told by its email and as a member."
  }

  assert {
    condition     = output.identity.custom_roles.claimsReader == "projects/feel-august-platform/roles/claimsReader" && output.identity.access_levels.office == "accessPolicies/555/accessLevels/office"
    error_message = "A role or an access level is not told by its full name."
  }

  assert {
    condition     = one(google_privileged_access_manager_entitlement.phi["claims-support"].privileged_access[0].gcp_iam_access[0].role_bindings[*].role) == "projects/feel-august-platform/roles/claimsReader" && one(google_privileged_access_manager_entitlement.phi["claims-support"].privileged_access[0].gcp_iam_access[0].role_bindings[*].condition_expression) == "resource.name.startsWith(\"projects/_/buckets/claims\")"
    error_message = "A grant gives its role without the condition that narrows it."
  }

  assert {
    condition     = google_service_account_iam_member.impersonator["august-sync/scheduler"].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "An impersonator cannot act as the account."
  }

  assert {
    condition     = google_project_iam_member.service_account["august-sync/custom/claimsReader"].role == "projects/feel-august-platform/roles/claimsReader"
    error_message = "A custom role is not granted by its full name."
  }
}
