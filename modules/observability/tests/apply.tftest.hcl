mock_provider "google" {
  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/feel-august-platform/notificationChannels/mocked" }
  }

  mock_resource "google_logging_project_sink" {
    defaults = { writer_identity = "serviceAccount:service-1@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  mock_resource "google_monitoring_slo" {
    defaults = { name = "projects/1/services/s/serviceLevelObjectives/mocked" }
  }

  mock_resource "google_logging_project_bucket_config" {
    defaults = { id = "projects/feel-august-platform/locations/us-central1/buckets/audit" }
  }
}

run "everything" {
  command = apply

  variables {
    project            = "feel-august-platform"
    project_number     = "123456789012"
    name               = "august-platform"
    environment        = "production"
    region             = "us-central1"
    channels           = { team = { email = "platform@example.com" }, queue = { pubsub_topic = "projects/feel-august-platform/topics/alerts", urgency = ["page"] } }
    monitored_projects = { "feel-august-website" = "210987654321" }
    budget             = { billing_account = "012345-6789AB-CDEF01", amount = 4000 }
    database           = { instance = "platform", max_connections = 200 }
    sync               = { name = "august-sync", region = "us-central1", uri = "https://august-sync-abc.a.run.app", subscription = "august-sync", prometheus = true }
    services           = { website = { region = "us-central1", uptime = { host = "website-abc.a.run.app", authenticated = true } } }
    runbook_url        = "https://example.com/runbooks"
  }

  assert {
    condition     = output.observability.audit_bucket == "projects/feel-august-platform/locations/us-central1/buckets/audit"
    error_message = "Others are told of the bucket of audit logs."
  }

  assert {
    condition     = length(output.observability.objectives) == length(google_monitoring_slo.this) && alltrue([for name in values(output.observability.objectives) : endswith(name, "/mocked")])
    error_message = "Others are told of the objectives, by their full names."
  }

  assert {
    condition     = toset(keys(output.observability.channels)) == toset(["queue", "team"]) && toset(keys(output.observability.dashboards)) == toset(["cost", "database", "platform", "services", "sync"])
    error_message = "Others are told of the channels and dashboards."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.channel["queue"].topic == "alerts" && google_pubsub_topic_iam_member.channel["queue"].project == "feel-august-platform"
    error_message = "Who publishes alerts may."
  }

  assert {
    condition     = alltrue(flatten([for dashboard in google_monitoring_dashboard.this : [for tile in jsondecode(dashboard.dashboard_json).mosaicLayout.tiles : try(tile.xPos, 1) != 0 && try(tile.yPos, 1) != 0]]))
    error_message = "Cloud Monitoring leaves out what is 0: written down, it is a change at every plan."
  }

  assert {
    condition     = alltrue([for dashboard in google_monitoring_dashboard.this : length(jsondecode(dashboard.dashboard_json).mosaicLayout.tiles) <= 100])
    error_message = "Cloud Monitoring takes no more than 100 widgets."
  }
}

# What alerts name goes after they have changed.
run "less_of_it" {
  command = apply

  variables {
    project        = "feel-august-platform"
    project_number = "123456789012"
    name           = "august-platform"
    environment    = "production"
    region         = "us-central1"
    channels       = { team = { email = "platform@example.com" } }
    services       = { website = { region = "us-central1", uptime = { host = "www.example.com" } } }
  }

  assert {
    condition     = toset(keys(output.observability.objectives)) == toset(["website-availability", "website-latency", "website-uptime"]) && keys(output.observability.channels) == ["team"]
    error_message = "What is no longer asked for is gone."
  }
}
