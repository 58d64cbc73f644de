terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.17, < 8.0"
    }
    august = {
      source = "registry.terraform.io/feel-august/august"
    }
  }
}
