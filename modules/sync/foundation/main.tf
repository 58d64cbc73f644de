# What the sync stands on in a Google project: its account and what that may do, its queue and the shells of its secrets. In
# a local cloud the landing zone makes the same.

locals {
  # Pub/Sub itself moves what is dead: its service agent publishes there, and takes from the subscription.
  pubsub_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_service_account" "sync" {
  project      = var.project
  account_id   = var.name
  display_name = "Sync runtime"
  description  = "What the sync runtime runs as. It has no key: Cloud Run gives it its identity."
}

resource "google_project_iam_member" "sync" {
  for_each = setunion(
    ["roles/cloudsql.client", "roles/cloudsql.instanceUser", "roles/cloudtrace.agent", "roles/monitoring.metricWriter"],
    var.slow_query_log ? ["roles/logging.viewer"] : [],
  )

  project = var.project
  role    = each.key
  member  = google_service_account.sync.member
}

# Who deploys the service, and so lets it run as this account.
resource "google_service_account_iam_member" "deployer" {
  for_each = var.deployers

  service_account_id = google_service_account.sync.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

# Shells and who may read them. No value is in a configuration, a plan or a state: whoever may adds a version.
module "secrets" {
  source = "../../secrets"

  project             = var.project
  project_number      = var.project_number
  name                = var.name
  environment         = var.environment
  regions             = var.regions
  kms_keys            = var.secret_kms_keys
  pubsub_kms_key      = var.kms_key
  labels              = var.labels
  deletion_protection = var.deletion_protection
  alerts              = var.alerts

  secrets = { for name, secret in var.secrets : name => {
    accessors      = { sync = google_service_account.sync.member }
    version_adders = secret.version_adders
    rotation_days  = secret.rotation_days
  } }
}
