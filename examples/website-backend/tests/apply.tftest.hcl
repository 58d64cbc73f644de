# What this team gets, applied against mocks: its own way to the database, a secret that its service reads, and somebody who is told.

mock_provider "google" {}

mock_provider "august" {}

variables {
  platform = {
    environment    = "production"
    region         = "us-central1"
    project        = "feel-august-website"
    project_number = "333333333333"

    database = {
      project                = "feel-august-platform"
      instance               = "platform"
      connection_name        = "feel-august-platform:us-central1:platform"
      region                 = "us-central1"
      psc_service_attachment = "projects/a1b2c3d4e5f6-tp/regions/us-central1/serviceAttachments/a-0123456789ab-psc-service-attachment"
      dns_name               = "0123456789ab.a1b2c3d4e5f6.us-central1.sql.goog."
      consumer_projects      = ["feel-august-website"]
    }
  }
}

run "the_service_reaches_the_database_as_itself" {
  assert {
    condition     = module.database.connection.database_users == { website = "website@feel-august-website.iam" } && module.database.connection.port == 3307
    error_message = "The service is somebody else in the database, or goes past the connector."
  }

  assert {
    condition     = module.database.connection.connection_name == "feel-august-platform:us-central1:platform"
    error_message = "The connection leads to another instance."
  }
}

run "the_secret_is_known_by_its_name" {
  assert {
    condition     = keys(module.secrets.secrets.secrets) == ["website-session"]
    error_message = "There is no secret for the sessions, or one too many."
  }
}

run "there_are_dashboards_objectives_and_somebody_who_is_told" {
  assert {
    condition     = keys(module.observability.observability.channels) == ["on-call"]
    error_message = "Nobody is told."
  }

  assert {
    condition     = length(module.observability.observability.dashboards) > 0 && length(module.observability.observability.objectives) > 0
    error_message = "Nothing is looked at, or nothing is promised."
  }

  assert {
    condition     = module.observability.observability.audit_bucket != null
    error_message = "The audit logs are not kept."
  }
}
