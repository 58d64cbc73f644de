terraform {
  required_version = ">= 1.11"

  required_providers {
    august = {
      source  = "feel-august/august"
      version = "~> 0.1"
    }
  }
}

provider "august" {
  project = "feel-august-platform"
  region  = "us-central1"

  # Acts as this account in Google Cloud, and signs the ID tokens that the sync runtime asks for.
  impersonate_service_account = "terraform@feel-august-platform.iam.gserviceaccount.com"
}
