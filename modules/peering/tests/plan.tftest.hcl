mock_provider "google" {
  override_during = plan

  mock_resource "google_compute_address" {
    defaults = {
      address   = "10.20.0.5"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-website/regions/us-central1/addresses/website-database"
    }
  }
}

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
    consumer_projects      = ["feel-august-platform", "feel-august-website"]
  }
  service_accounts = {
    website = "website@feel-august-website.iam.gserviceaccount.com"
    intake  = "intake@feel-august-website.iam.gserviceaccount.com"
  }
  database_roles = { website = ["website_reader"] }
}

run "one_endpoint_for_each_as_itself" {
  command = plan

  assert {
    condition = (
      google_compute_forwarding_rule.endpoint.load_balancing_scheme == "" &&
      google_compute_forwarding_rule.endpoint.target == var.database.psc_service_attachment &&
      google_compute_forwarding_rule.endpoint.network == var.network.id &&
      google_compute_forwarding_rule.endpoint.allow_psc_global_access && google_compute_forwarding_rule.endpoint.recreate_closed_psc
    )
    error_message = "The endpoint must lead from the services' network, in every region, to the database's service attachment, and be made anew when it was closed."
  }

  assert {
    condition     = google_compute_address.endpoint.address_type == "INTERNAL" && google_compute_address.endpoint.subnetwork == var.subnetwork.id
    error_message = "The endpoint must have a private address in the subnetwork."
  }

  assert {
    condition     = google_dns_managed_zone.database.visibility == "private" && google_dns_record_set.database.type == "A" && google_dns_record_set.database.name == "0123456789ab.3fqp9bm8nzyts.us-central1.sql.goog." && google_dns_record_set.database.rrdatas == tolist(["10.20.0.5"])
    error_message = "The instance's name must lead to the endpoint, within the network only."
  }

  assert {
    condition = output.connection == {
      address         = "10.20.0.5"
      dns_name        = "0123456789ab.3fqp9bm8nzyts.us-central1.sql.goog."
      port            = 3307
      connection_name = "feel-august-platform:us-central1:platform"
      database_users = {
        intake  = "intake@feel-august-website.iam"
        website = "website@feel-august-website.iam"
      }
    }
    error_message = "What a service needs in order to connect must be told whole."
  }

  assert {
    condition = alltrue([for grant in concat(values(google_project_iam_member.connect), values(google_project_iam_member.sign_in)) : (
      grant.project == "feel-august-platform" &&
      grant.condition[0].expression == "resource.type == \"sqladmin.googleapis.com/Instance\" && resource.name == \"projects/feel-august-platform/instances/platform\""
    )])
    error_message = "Every right must end at this instance."
  }

  assert {
    condition     = google_project_iam_member.connect["intake"].role == "roles/cloudsql.client" && google_project_iam_member.sign_in["intake"].role == "roles/cloudsql.instanceUser"
    error_message = "A service must be able to connect and to sign in, and no more."
  }

  assert {
    condition     = alltrue([for user in google_sql_user.service : user.type == "CLOUD_IAM_SERVICE_ACCOUNT" && user.password == null && user.password_wo == null])
    error_message = "Users must have no password."
  }

  assert {
    condition     = google_sql_user.service["website"].name == "website@feel-august-website.iam" && toset(google_sql_user.service["website"].database_roles) == toset(["website_reader"])
    error_message = "A service must have the roles that were given to it."
  }

  assert {
    condition     = length(google_sql_user.service["intake"].database_roles) == 0
    error_message = "A service must have no role that was not given to it."
  }
}

run "a_name_without_its_dot" {
  command = plan

  variables {
    database = {
      project                = "feel-august-platform"
      instance               = "platform"
      connection_name        = "feel-august-platform:us-central1:platform"
      region                 = "us-central1"
      psc_service_attachment = "projects/x-tp/regions/us-central1/serviceAttachments/a"
      dns_name               = "0123456789ab.us-central1.sql.goog"
    }
  }

  assert {
    condition     = google_dns_managed_zone.database.dns_name == "0123456789ab.us-central1.sql.goog." && google_dns_record_set.database.name == google_dns_managed_zone.database.dns_name
    error_message = "Cloud DNS takes names with a dot at the end only."
  }
}

run "the_database_must_accept_the_project" {
  command = plan

  variables {
    project = "feel-august-outreach"
  }

  expect_failures = [google_compute_address.endpoint]
}

run "the_endpoint_is_in_the_databases_region" {
  command = plan

  variables {
    subnetwork = { id = "projects/feel-august-website/regions/us-east1/subnetworks/website-us-east1", region = "us-east1" }
  }

  expect_failures = [google_compute_address.endpoint]
}

run "the_database_must_have_an_attachment" {
  command = plan

  variables {
    database = {
      project                = "feel-august-platform"
      instance               = "platform"
      connection_name        = "feel-august-platform:us-central1:platform"
      region                 = "us-central1"
      psc_service_attachment = null
      dns_name               = null
    }
  }

  expect_failures = [google_compute_forwarding_rule.endpoint]
}

# What the variables refuse, each for a reason of its own; database_roles, which refers to service_accounts, while these are right.
run "refused" {
  command = plan

  variables {
    address        = "10.20.0.0/24"
    database_roles = { website = ["cloudsqlsuperuser"] }
    name           = "Website"
    port           = 5433
    project        = "123456789012"
  }

  expect_failures = [var.address, var.database_roles, var.name, var.port, var.project]
}

run "roles_that_read_everything" {
  command = plan

  variables {
    database_roles = { website = ["pg_read_all_data"] }
  }

  expect_failures = [var.database_roles]
}

run "roles_of_nobody" {
  command = plan

  variables {
    database_roles = { webiste = ["website_reader"] }
  }

  expect_failures = [var.database_roles]
}

run "people" {
  command = plan

  variables {
    database_roles   = {}
    service_accounts = { website = "jane@example.com" }
  }

  expect_failures = [var.service_accounts]
}

run "a_shared_account" {
  command = plan

  variables {
    service_accounts = {
      website = "website@feel-august-website.iam.gserviceaccount.com"
      intake  = "website@feel-august-website.iam.gserviceaccount.com"
    }
  }

  expect_failures = [var.service_accounts]
}

run "nobody" {
  command = plan

  variables {
    database_roles   = {}
    service_accounts = {}
  }

  expect_failures = [var.service_accounts]
}

run "let_in_by_the_databases_own_configuration" {
  command = plan

  variables {
    grant          = false
    database_roles = {}
  }

  assert {
    condition     = length(google_project_iam_member.connect) + length(google_project_iam_member.sign_in) + length(google_sql_user.service) == 0
    error_message = "Something is made in the database's project, where this team has no rights."
  }

  assert {
    condition     = output.connection.database_users["website"] == "website@feel-august-website.iam"
    error_message = "A service is not told what it is called in the database."
  }
}

run "roles_of_users_that_are_made_elsewhere" {
  command = plan

  variables {
    grant = false
  }

  expect_failures = [var.database_roles]
}
