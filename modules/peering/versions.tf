terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source = "hashicorp/google"
      # 7.18 lets users be members of roles of the database.
      version = ">= 7.18, < 8.0"
    }
  }
}
