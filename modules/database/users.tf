# Who signs in. Each is let connect to this instance and its replica, and to no other instance of the project.

locals {
  members = { service_account = "serviceAccount", user = "user", group = "group" }

  # IAM's expressions are documented to compare names one by one.
  this_instance = format("resource.type == \"sqladmin.googleapis.com/Instance\" && (%s)", join(" || ", [
    for name in concat([var.name], var.replica[*].name) : "resource.name == \"projects/${var.project}/instances/${name}\""
  ]))
}

resource "google_project_iam_member" "connect" {
  for_each = var.iam_users

  project = var.project
  role    = "roles/cloudsql.client"
  member  = "${local.members[each.value.type]}:${each.value.email}"

  condition {
    title       = "${var.name} only"
    description = "Connect to ${var.name} and its replica, and to no other instance."
    expression  = local.this_instance
  }
}

resource "google_project_iam_member" "sign_in" {
  for_each = var.iam_users

  project = var.project
  role    = "roles/cloudsql.instanceUser"
  member  = "${local.members[each.value.type]}:${each.value.email}"

  condition {
    title       = "${var.name} only"
    description = "Sign in to ${var.name} and its replica, and to no other instance."
    expression  = local.this_instance
  }
}

resource "google_sql_user" "iam" {
  for_each = var.iam_users

  project        = var.project
  instance       = august_cloudsql_ha_policy.this.instance # whose flag lets them sign in
  type           = { service_account = "CLOUD_IAM_SERVICE_ACCOUNT", user = "CLOUD_IAM_USER", group = "CLOUD_IAM_GROUP" }[each.value.type]
  name           = each.value.type == "service_account" ? trimsuffix(each.value.email, ".gserviceaccount.com") : each.value.email
  database_roles = each.value.database_roles

  # PostgreSQL drops no user that owns tables, as who migrates does. On the way to destroying all, they go with the instance.
  deletion_policy = var.deletion_protection ? "DELETE" : "ABANDON"
}

resource "google_sql_user" "password" {
  for_each = var.password_users

  project             = var.project
  instance            = august_cloudsql_ha_policy.this.instance
  name                = each.key
  password_wo         = var.passwords[each.key]
  password_wo_version = each.value.password_version
  database_roles      = each.value.database_roles
}
