terraform {
  required_version = ">= 1.11"

  required_providers {
    # Before 7.42, a change of settings.ip_configuration.psc_config.allowed_consumer_projects was silently not made.
    google = {
      source  = "hashicorp/google"
      version = ">= 7.42, < 8.0"
    }
    august = {
      source = "registry.terraform.io/feel-august/august"
    }
  }
}
