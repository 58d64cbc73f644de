terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.33, < 8.0" # deletion_policy of a bucket of logs
    }
  }
}
