# That an apply ends, and what a pipeline is given.

mock_provider "google" {
  mock_data "google_kms_crypto_key_version" {
    defaults = {
      name       = "projects/feel-august-platform-staging/locations/us-central1/keyRings/deliver-attestation/cryptoKeys/deliver-built/cryptoKeyVersions/1"
      public_key = [{ pem = "-----BEGIN PUBLIC KEY-----", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "deliver@feel-august-platform-staging.iam.gserviceaccount.com"
      member = "serviceAccount:deliver@feel-august-platform-staging.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform-staging/serviceAccounts/deliver@feel-august-platform-staging.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_iam_workload_identity_pool_provider" {
    defaults = {
      name = "projects/123456789012/locations/global/workloadIdentityPools/deliver-github/providers/github"
    }
  }
}

variables {
  project             = "feel-august-platform-staging"
  project_number      = "123456789012"
  environment         = "staging"
  deletion_protection = false

  github = {
    repository    = "feel-august/platform"
    owner_id      = "1001"
    repository_id = "2002"
  }
}

run "delivered" {
  assert {
    condition     = output.delivery.repositories.august.url == "us-central1-docker.pkg.dev/feel-august-platform-staging/august"
    error_message = "The registry's address is not one to push to."
  }

  assert {
    condition     = output.delivery.workload_identity_provider == "projects/123456789012/locations/global/workloadIdentityPools/deliver-github/providers/github" && output.delivery.workload_identity_pool == "deliver-github"
    error_message = "A job is not told where to show its token."
  }

  assert {
    condition     = keys(output.delivery.service_accounts) == ["apply", "build", "plan"]
    error_message = "An account is missing."
  }

  assert {
    condition     = endswith(output.delivery.attestor.key_version, "/cryptoKeyVersions/1") && startswith(output.delivery.attestor.key_version, "projects/")
    error_message = "The key is not told by its version, as what signs wants it."
  }

  assert {
    condition     = toset([for grant in values(google_service_account_iam_member.github) : basename(grant.member)]) == toset(["staging", "staging-build", "staging-plan"])
    error_message = "Staging is applied from another environment."
  }

  assert {
    condition     = google_artifact_registry_repository.this["august"].deletion_policy == "DELETE" && google_kms_crypto_key.attestor.deletion_policy == "DELETE"
    error_message = "What is not protected cannot be deleted."
  }
}
