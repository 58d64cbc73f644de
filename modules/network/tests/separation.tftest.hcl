# What keeps networks apart, proved at plan.
mock_provider "google" {}

variables {
  project    = "feel-august-platform"
  name       = "platform"
  data_class = "phi"
  regions = {
    us-central1 = { cidr = "10.10.0.0/20" }
  }
}

run "apart" {
  command = plan

  variables {
    separate_from = {
      website = { project = "feel-august-website", data_class = "general", cidrs = ["10.20.0.0/20"] }
      staging = { project = "feel-august-platform-staging", data_class = "phi", cidrs = ["10.10.16.0/20", "10.30.0.0/16"] }
    }
  }

  assert {
    condition     = google_compute_network.network.name == "platform"
    error_message = "Networks that do not meet must be accepted."
  }
}

run "same_project" {
  command = plan

  variables {
    separate_from = {
      website = { project = "feel-august-platform", data_class = "general", cidrs = ["10.20.0.0/20"] }
    }
  }

  expect_failures = [google_compute_network.network]
}

run "another_holds_a_part" {
  command = plan

  variables {
    separate_from = {
      staging = { project = "feel-august-platform-staging", data_class = "phi", cidrs = ["10.10.8.0/24"] }
    }
  }

  expect_failures = [google_compute_network.network]
}

run "another_holds_all" {
  command = plan

  variables {
    separate_from = {
      staging = { project = "feel-august-platform-staging", data_class = "phi", cidrs = ["10.0.0.0/8"] }
    }
  }

  expect_failures = [google_compute_network.network]
}

run "regions_overlap" {
  command = plan

  variables {
    regions = {
      us-central1 = { cidr = "10.10.0.0/20" }
      us-east1    = { cidr = "10.10.8.0/21" }
    }
  }

  expect_failures = [google_compute_network.network]
}

run "private_services_overlap" {
  command = plan

  variables {
    restrict_peering = false
    private_services = { cidr = "10.10.0.0/16" }
  }

  expect_failures = [google_compute_network.network]
}

run "a_rule_names_what_is_apart" {
  command = plan

  variables {
    separate_from = {
      website = { project = "feel-august-website", data_class = "general", cidrs = ["10.20.0.0/20"] }
    }
    private_traffic = {
      website = { priority = 2000, direction = "INGRESS", cidrs = ["10.16.0.0/12"], ports = [5432] }
    }
  }

  expect_failures = [google_compute_network.network]
}

run "a_site_leads_to_what_is_apart" {
  command = plan

  variables {
    separate_from = {
      website = { project = "feel-august-website", data_class = "general", cidrs = ["10.20.0.0/20"] }
    }
    vpn = {
      clinic = {
        region         = "us-central1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["10.20.0.0/16"]
      }
    }
    vpn_secrets = { clinic = "not a secret" }
  }

  expect_failures = [google_compute_network.network]
}
