# Registries: what is pushed is scanned, a tag stays where it was put, and what runs is not cleaned away.

resource "google_project_service" "scanning" {
  count = anytrue([for repository in values(var.repositories) : repository.scan]) ? 1 : 0

  project            = var.project
  service            = "containerscanning.googleapis.com" # without it, INHERITED scans nothing and says nothing
  disable_on_destroy = false
}

resource "google_artifact_registry_repository" "this" {
  for_each = var.repositories

  project         = var.project
  location        = var.region
  repository_id   = each.key
  description     = each.value.description
  format          = "DOCKER"
  kms_key_name    = var.kms_key
  labels          = merge(var.labels, { environment = var.environment })
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  docker_config {
    immutable_tags = true
  }

  vulnerability_scanning_config {
    enablement_config = each.value.scan ? "INHERITED" : "DISABLED"
  }

  # What is kept wins over what is deleted.
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = each.value.keep_versions
    }
  }

  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      tag_state  = "ANY"
      older_than = "${each.value.keep_days * 86400}s"
    }
  }

  depends_on = [
    google_kms_crypto_key_iam_member.registry,
    google_project_service.scanning,
  ]
}

resource "google_kms_crypto_key_iam_member" "registry" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each = merge([for name, repository in var.repositories : merge(
    { for key, member in repository.readers : "${name}/${key}" => { repository = name, member = member } },
    { for key, number in var.consumers : "${name}/run/${key}" => {
      repository = name
      member     = "serviceAccount:service-${number}@serverless-robot-prod.iam.gserviceaccount.com"
    } },
  )]...)

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.this[each.value.repository].name
  role       = "roles/artifactregistry.reader"
  member     = each.value.member
}

resource "google_artifact_registry_repository_iam_member" "writer" {
  for_each = merge([for name, repository in var.repositories : merge(
    { for key, member in repository.writers : "${name}/${key}" => { repository = name, member = member } },
    { for use in ["apply", "build"] : "${name}/${var.name}/${use}" => { repository = name, member = google_service_account.this[use].member } },
  )]...)

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.this[each.value.repository].name
  role       = "roles/artifactregistry.writer"
  member     = each.value.member
}
