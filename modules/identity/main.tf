# Service accounts, one a service, with what each may do in the project and who may act as it. All of it is additive: whatever else
# the project grants stays as it is.

locals {
  # What no variable may give: everything at once, or the power to give.
  powers = toset([
    "roles/editor", "roles/owner", "roles/viewer",
    "roles/iam.securityAdmin", "roles/iam.serviceAccountKeyAdmin", "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser", "roles/iam.workloadIdentityUser", "roles/resourcemanager.projectIamAdmin",
  ])

  # Predefined roles that reach what patients' data lies in.
  reaches_data = join("|", [
    "^roles/bigquery\\.(admin|dataEditor|dataOwner|dataViewer|filteredDataViewer)$",
    "^roles/cloudkms\\.(admin|cryptoKeyDecrypter|cryptoKeyDecrypterViaDelegation|cryptoKeyEncrypterDecrypter|cryptoOperator)$",
    "^roles/cloudsql\\.(admin|client|editor|instanceUser|studioUser)$",
    "^roles/logging\\.(admin|privateLogViewer|viewAccessor)$",
    "^roles/pubsub\\.(admin|editor|subscriber)$",
    "^roles/secretmanager\\.(admin|secretAccessor)$",
    "^roles/storage\\.(admin|objectAdmin|objectUser|objectViewer|legacy.*)$",
  ])

  custom_role = { for id, role in google_project_iam_custom_role.this : "custom/${id}" => role.name }

  # One grant a key, of values that are known at plan.
  account_roles = merge([for id, account in var.service_accounts : {
    for role in account.roles : "${id}/${role}" => { account = id, role = role }
  }]...)
  group_roles = merge([for key, grant in var.groups : {
    for role in grant.roles : "${key}/${role}" => { group = grant.group, role = role }
  }]...)
  users = merge([for id, account in var.service_accounts : {
    for key, member in account.users : "${id}/${key}" => { account = id, member = member }
  }]...)
  impersonators = merge([for id, account in var.service_accounts : {
    for key, member in account.impersonators : "${id}/${key}" => { account = id, member = member }
  }]...)
}

resource "google_project_iam_custom_role" "this" {
  for_each = var.custom_roles

  project     = var.project
  role_id     = each.key
  title       = each.value.title
  description = each.value.description
  permissions = each.value.permissions
  stage       = "GA"
}

resource "google_service_account" "this" {
  for_each = var.service_accounts

  project      = var.project
  account_id   = each.key
  display_name = each.value.display_name
  description  = each.value.description
}

resource "google_project_iam_member" "service_account" {
  for_each = local.account_roles

  project = var.project
  role    = lookup(local.custom_role, each.value.role, each.value.role)
  member  = google_service_account.this[each.value.account].member
}

resource "google_project_iam_member" "group" {
  for_each = local.group_roles

  project = var.project
  role    = lookup(local.custom_role, each.value.role, each.value.role)
  member  = "group:${each.value.group}"
}

resource "google_service_account_iam_member" "user" {
  for_each = local.users

  service_account_id = google_service_account.this[each.value.account].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}

resource "google_service_account_iam_member" "impersonator" {
  for_each = local.impersonators

  service_account_id = google_service_account.this[each.value.account].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value.member
}
