terraform {
  required_version = ">= 1.11"

  required_providers {
    august = {
      source = "registry.terraform.io/feel-august/august"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 7.17, < 8.0"
    }
  }

  # Each environment has a bucket of its own, which only its own identities reach:
  #   terraform init -backend-config=production.gcs.tfbackend
  #   terraform workspace select -or-create production
  backend "gcs" {}
}

# A pipeline comes as the environment's own account, a person acts as it (act_as): an account of the other environment can do nothing
# in this project.
provider "google" {
  project                     = local.project
  region                      = local.region
  impersonate_service_account = var.act_as
}

provider "august" {
  project                     = local.project
  region                      = local.region
  impersonate_service_account = var.act_as
}
