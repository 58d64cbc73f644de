mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = {
      url       = "gs://feel-august-platform-documents"
      self_link = "https://www.googleapis.com/storage/v1/b/feel-august-platform-documents"
    }
  }
}

run "whole" {
  variables {
    project        = "feel-august-platform"
    name           = "feel-august-platform-documents"
    kms_key        = "projects/feel-august-platform/locations/us/keyRings/platform/cryptoKeys/storage"
    project_number = "123456789"
    retention      = { days = 2192 }
    iam = {
      reports = {
        role      = "roles/storage.objectUser"
        member    = "serviceAccount:reports@feel-august-platform.iam.gserviceaccount.com"
        condition = { title = "reports", expression = "resource.name.startsWith(\"projects/_/buckets/feel-august-platform-documents/objects/reports/\")" }
      }
    }
  }

  assert {
    condition = output.bucket == {
      project   = "feel-august-platform"
      name      = "feel-august-platform-documents"
      url       = "gs://feel-august-platform-documents"
      self_link = "https://www.googleapis.com/storage/v1/b/feel-august-platform-documents"
      location  = "US"
      regions   = tolist(["us-central1", "us-east1"])
      kms_key   = "projects/feel-august-platform/locations/us/keyRings/platform/cryptoKeys/storage"
    }
    error_message = "The bucket must be told whole."
  }
}
