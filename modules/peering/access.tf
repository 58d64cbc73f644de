# Who may come in by the endpoint: each service as itself, signed in by IAM, without a password, on this instance only. It is made in
# the database's project, so that only whoever administers that can make it.
locals {
  _granted = var.grant ? var.service_accounts : {}

  _this_instance = "resource.type == \"sqladmin.googleapis.com/Instance\" && resource.name == \"projects/${var.database.project}/instances/${var.database.instance}\""

  # What the user of a service account is called in PostgreSQL.
  database_users = { for service, email in var.service_accounts : service => trimsuffix(email, ".gserviceaccount.com") }
}

resource "google_project_iam_member" "connect" {
  for_each = local._granted

  project = var.database.project
  role    = "roles/cloudsql.client"
  member  = "serviceAccount:${each.value}"

  condition {
    title       = "${var.database.instance} only"
    description = "Connect to ${var.database.instance}, and to no other instance."
    expression  = local._this_instance
  }
}

resource "google_project_iam_member" "sign_in" {
  for_each = local._granted

  project = var.database.project
  role    = "roles/cloudsql.instanceUser"
  member  = "serviceAccount:${each.value}"

  condition {
    title       = "${var.database.instance} only"
    description = "Sign in to ${var.database.instance}, and to no other instance."
    expression  = local._this_instance
  }
}

resource "google_sql_user" "service" {
  for_each = local._granted

  project        = var.database.project
  instance       = var.database.instance
  type           = "CLOUD_IAM_SERVICE_ACCOUNT"
  name           = local.database_users[each.key]
  database_roles = lookup(var.database_roles, each.key, [])
}
