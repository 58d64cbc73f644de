terraform {
  required_version = ">= 1.11"

  required_providers {
    august = {
      source = "registry.terraform.io/feel-august/august"
    }
  }
}
