terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source = "hashicorp/google"
      # 7.26 can have a bucket refuse objects that are not encrypted with its key.
      version = ">= 7.26, < 8.0"
    }
  }
}
