terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.17, < 8.0" # 7.17 was the first to know TLS 1.3 as a load balancer's floor.
    }
  }
}
