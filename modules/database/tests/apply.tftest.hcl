# What is only known once something was made: what other modules get, and in which order things are there.

mock_provider "google" {
  mock_resource "google_sql_database_instance" {
    defaults = {
      self_link                   = "https://sqladmin.googleapis.com/sql/v1beta4/projects/feel-august-platform/instances/platform"
      dns_name                    = "abcdef.12345.us-central1.sql.goog."
      psc_service_attachment_link = "projects/tenant/regions/us-central1/serviceAttachments/platform"
      private_ip_address          = "10.60.0.3"
    }
  }
}

mock_provider "august" {
  mock_resource "august_recovery_drill" {
    defaults = {
      ran_at      = "2027-01-04T09:00:00Z"
      passed      = true
      rto_seconds = 41
      lost_rows   = 0
    }
  }
}

variables {
  project = "feel-august-platform"
  name    = "platform"
  region  = "us-central1"
  replica = { name = "platform-dr", region = "us-east1" }

  # Terraform 1.11 applies no ephemeral variable in a test that is not set in it.
  passwords = {}

  iam_users = {
    sync = { email = "august-sync@feel-august-platform.iam.gserviceaccount.com" }
  }

  drills = {
    failover = { kind = "failover", endpoint = "https://sync.example.com", triggers = { quarter = "2027-Q1" } }
  }
}

run "an_endpoint_is_what_consumers_get" {
  assert {
    condition     = output.database.instance == "platform"
    error_message = "The policy is on the instance, by the name that its self link ends in."
  }

  assert {
    condition     = output.database.dns_name == "abcdef.12345.us-central1.sql.goog." && output.database.psc_service_attachment == "projects/tenant/regions/us-central1/serviceAttachments/platform"
    error_message = "Consumers get what they make an endpoint of."
  }

  assert {
    condition     = output.database.address == null
    error_message = "Without a peered range there is no private address."
  }

  assert {
    condition     = output.database.version == "POSTGRES_15" && output.database.max_connections == 200
    error_message = "Consumers get what their pools are held against."
  }

  assert {
    condition     = google_sql_user.iam["sync"].instance == "platform"
    error_message = "A user signs in where the policy lets users sign in by IAM."
  }

  assert {
    condition     = google_sql_user.iam["sync"].deletion_policy == "DELETE"
    error_message = "Whoever is taken out stays a user of the database."
  }

  assert {
    condition     = output.drills["failover"] == { ran_at = "2027-01-04T09:00:00Z", max_rto = "15m", passed = true, rto_seconds = 41, lost_rows = 0 }
    error_message = "What a drill measured is told."
  }
}

run "a_private_address_is_what_its_network_gets" {
  variables {
    access = { psa = { network = "projects/feel-august-platform/global/networks/phi" } }
  }

  assert {
    condition     = output.database.address == "10.60.0.3" && output.database.consumer_projects == toset([])
    error_message = "By a peered range, and nobody makes an endpoint."
  }
}

run "what_was_protected_can_be_let_go" {
  variables {
    deletion_protection = false
  }

  assert {
    condition     = !google_sql_database_instance.this.deletion_protection && !august_cloudsql_ha_policy.this.deletion_protection && !august_cloudsql_ha_policy.this.cross_region_replica.deletion_protection
    error_message = "One switch lets go of the instance and of its replica."
  }

  assert {
    condition     = google_sql_database.this["august"].deletion_policy == "DELETE"
    error_message = "And of its databases."
  }

  assert {
    condition     = google_sql_user.iam["sync"].deletion_policy == "ABANDON"
    error_message = "A user that owns tables, and cannot be dropped, keeps the instance from being destroyed."
  }
}
