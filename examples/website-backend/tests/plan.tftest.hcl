# What the modules refuse, they refuse here too.

mock_provider "google" {}

mock_provider "august" {}

run "staging_is_the_same_configuration" {
  command = plan

  variables {
    platform = {
      environment    = "staging"
      region         = "us-central1"
      project        = "feel-august-website-staging"
      project_number = "444444444444"

      database = {
        project                = "feel-august-platform-staging"
        instance               = "platform"
        connection_name        = "feel-august-platform-staging:us-central1:platform"
        region                 = "us-central1"
        psc_service_attachment = "projects/a1b2c3d4e5f6-tp/regions/us-central1/serviceAttachments/a-0123456789ab-psc-service-attachment"
        dns_name               = "0123456789ab.a1b2c3d4e5f6.us-central1.sql.goog."
      }
    }
  }

  assert {
    condition     = module.database.connection.database_users == { website = "website@feel-august-website-staging.iam" }
    error_message = "Staging's service signs in as production's."
  }
}
