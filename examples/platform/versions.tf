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
  #   terraform init -backend-config=environments/production.gcs.tfbackend
  #   terraform workspace select -or-create production
  backend "gcs" {}
}

# Each environment is applied as its own account, in its own project: with the other's credentials nothing can be done here.
provider "google" {
  project                     = local.project
  region                      = local.region
  impersonate_service_account = local.deployer
}

provider "august" {
  project                     = local.project
  region                      = local.region
  impersonate_service_account = local.deployer
}
