# Staging's project, and what staging is filled with.

resource "google_project" "this" {
  count = var.create_project == null ? 0 : 1

  project_id          = var.project
  name                = coalesce(var.create_project.display_name, var.project)
  billing_account     = var.create_project.billing_account
  folder_id           = var.create_project.folder_id
  org_id              = var.create_project.org_id
  labels              = merge(var.labels, { environment = "staging", data_class = "anonymised" })
  auto_create_network = false
  deletion_policy     = var.deletion_protection ? "PREVENT" : "DELETE"
}

resource "google_project_service" "this" {
  for_each = var.services

  project            = var.project
  service            = each.value
  disable_on_destroy = false

  depends_on = [google_project.this]
}

# Believes nothing that the trusted key has not signed, and refuses a database that looks like production.
resource "august_staging_dataset" "this" {
  count = var.dataset == null ? 0 : 1

  project         = var.project
  location        = var.region
  name            = var.dataset.name
  image           = var.dataset.image
  service_account = var.dataset.service_account
  bucket          = var.dataset.bucket
  public_key      = var.dataset.public_key
  export          = var.dataset.export
  database        = merge(var.dataset.database, { instance = var.database.connection_name })
  triggers        = var.dataset.triggers
  cpu             = var.dataset.cpu
  memory          = var.dataset.memory
  timeout         = var.dataset.timeout
  network         = var.dataset.network

  depends_on = [google_project_service.this]
}

check "production_keeps_no_door_open" {
  assert {
    condition     = var.network == null || length(var.production.cidrs) > 0
    error_message = "Production's address ranges are not known here, so that staging's network is neither held against them nor closed to them: set production.cidrs."
  }
}
