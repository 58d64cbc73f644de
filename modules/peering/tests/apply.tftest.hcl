mock_provider "google" {
  mock_resource "google_compute_address" {
    defaults = {
      address   = "10.20.0.5"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-website/regions/us-central1/addresses/website-database"
    }
  }
}

run "whole" {
  variables {
    project    = "feel-august-website"
    name       = "website"
    network    = { id = "projects/feel-august-website/global/networks/website" }
    subnetwork = { id = "projects/feel-august-website/regions/us-central1/subnetworks/website-us-central1", region = "us-central1" }
    database = {
      project                = "feel-august-platform"
      instance               = "platform"
      connection_name        = "feel-august-platform:us-central1:platform"
      region                 = "us-central1"
      psc_service_attachment = "projects/x-tp/regions/us-central1/serviceAttachments/a-0123456789ab-psc-service-attachment"
      dns_name               = "0123456789ab.3fqp9bm8nzyts.us-central1.sql.goog."
    }
    service_accounts = { website = "website@feel-august-website.iam.gserviceaccount.com" }
    port             = 5432
  }

  assert {
    condition     = output.connection.address == "10.20.0.5" && output.connection.port == 5432 && output.connection.database_users == { website = "website@feel-august-website.iam" }
    error_message = "The connection must be told once it is there."
  }
}
