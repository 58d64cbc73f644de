# Three accounts, so that none can do all: one builds and signs, one reads what is declared, one applies.

locals {
  accounts = {
    build = "Builds, pushes and signs images for ${var.environment}."
    plan  = "Reads what is declared of ${var.environment}, to plan."
    apply = "Applies what was planned and approved for ${var.environment}."
  }

  plan_roles = coalesce(var.plan_roles, [
    "roles/artifactregistry.reader",
    "roles/binaryauthorization.attestorsViewer",
    "roles/binaryauthorization.policyViewer",
    "roles/browser",
    "roles/certificatemanager.viewer",
    "roles/cloudkms.publicKeyViewer",
    "roles/cloudkms.viewer",
    "roles/cloudsql.viewer",
    "roles/compute.viewer",
    "roles/containeranalysis.notes.viewer",
    "roles/dns.reader",
    "roles/iam.roleViewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/iam.workloadIdentityPoolViewer",
    "roles/monitoring.viewer",
    "roles/privilegedaccessmanager.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
  ])

  apply_roles = coalesce(var.apply_roles, [
    "roles/artifactregistry.admin",
    "roles/binaryauthorization.attestorsAdmin",
    "roles/binaryauthorization.policyEditor",
    "roles/certificatemanager.owner",
    "roles/cloudkms.admin",
    "roles/cloudsql.admin",
    "roles/compute.instanceAdmin.v1",
    "roles/compute.loadBalancerAdmin",
    "roles/compute.networkAdmin",
    "roles/compute.securityAdmin",
    "roles/containeranalysis.notes.editor",
    "roles/dns.admin",
    "roles/iam.roleViewer", # who writes a role that others have may give it anything, whatever may be granted
    "roles/iam.serviceAccountAdmin",
    "roles/iam.workloadIdentityPoolViewer", # and who writes the pool lets in whom it likes
    "roles/iap.admin",
    "roles/iap.settingsAdmin",
    "roles/logging.configWriter",
    "roles/monitoring.editor",
    "roles/monitoring.metricsScopesAdmin",
    "roles/privilegedaccessmanager.admin",
    "roles/pubsub.admin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ])

  # What the modules grant in the whole project; on one resource, its own administrator grants.
  grantable_roles = sort(coalesce(var.grantable_roles, [
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/cloudtrace.agent",
    "roles/containeranalysis.occurrences.editor",
    "roles/logging.bucketWriter",
    "roles/logging.logWriter",
    "roles/logging.viewAccessor",
    "roles/logging.viewer",
    "roles/monitoring.metricWriter",
    "roles/privilegedaccessmanager.projectServiceAgent",
  ]))

  # IAM takes ten roles in one list.
  may_grant = join(" || ", [for roles in chunklist(local.grantable_roles, 10) :
    "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", formatlist("'%s'", roles))}])"
  ])

  state_access = var.state == null ? {} : { apply = "roles/storage.objectUser", plan = "roles/storage.objectViewer" }
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = "Delivery to ${var.environment}: ${each.key}"
  description  = each.value
}

# Settings that a plan compares and that no predefined role shows without showing logs, too, or letting them be changed.
resource "google_project_iam_custom_role" "plan" {
  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_plan"
  title       = "Delivery: settings that a plan compares"
  description = "Reads the settings of logging, of IAP and of the organization's policies for the project, and no log entry."

  permissions = [
    "iap.projects.getSettings",
    "iap.web.getSettings",
    "logging.buckets.get",
    "logging.buckets.list",
    "logging.exclusions.get",
    "logging.exclusions.list",
    "logging.logMetrics.get",
    "logging.logMetrics.list",
    "logging.sinks.get",
    "logging.sinks.list",
    "logging.views.get",
    "logging.views.list",
    "networkconnectivity.serviceConnectionPolicies.get",
    "orgpolicy.policy.get",
  ]
}

resource "google_project_iam_member" "plan" {
  for_each = setunion(local.plan_roles, ["custom"])

  project = var.project
  role    = each.key == "custom" ? google_project_iam_custom_role.plan.name : each.key
  member  = google_service_account.this["plan"].member
}

resource "google_project_iam_member" "apply" {
  for_each = toset(local.apply_roles)

  project = var.project
  role    = each.key
  member  = google_service_account.this["apply"].member
}

# It may grant what is listed, and so not itself what it lacks.
resource "google_project_iam_member" "grants" {
  count = length(local.grantable_roles) > 0 ? 1 : 0

  project = var.project
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.this["apply"].member

  condition {
    title       = "only_listed_roles"
    description = "Grants and takes back the roles that the modules need, and no other."
    expression  = local.may_grant
  }
}

resource "google_service_account_iam_member" "acts_as" {
  for_each = var.acts_as

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this["apply"].member
}

# The state of this environment, and of no other that may lie in the same bucket.
resource "google_storage_bucket_iam_member" "state" {
  for_each = local.state_access

  bucket = var.state.bucket
  role   = each.value
  member = google_service_account.this[each.key].member

  condition {
    title       = "state_of_${var.environment}"
    description = "The bucket itself, to list it, and the objects of one environment."
    expression  = "resource.name == \"projects/_/buckets/${var.state.bucket}\" || resource.name.startsWith(\"projects/_/buckets/${var.state.bucket}/objects/${trimsuffix(var.state.prefix, "/")}/\")"
  }
}

# A saved plan that is to be applied lies beside the state, since it holds values of it. It is made under a name of its own and never
# written over: what is applied is known by its digest.
resource "google_storage_bucket_iam_member" "plans" {
  count = var.state == null ? 0 : 1

  bucket = var.state.bucket
  role   = "roles/storage.objectCreator"
  member = google_service_account.this["plan"].member

  condition {
    title       = "plans_of_${var.environment}"
    description = "Saved plans of one environment, which are kept for the apply."
    expression  = "resource.name.startsWith(\"projects/_/buckets/${var.state.bucket}/objects/${trimsuffix(var.state.prefix, "/")}/plans/\")"
  }
}
