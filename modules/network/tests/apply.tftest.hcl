mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = {
      id        = "projects/feel-august-platform/global/networks/platform"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/global/networks/platform"
    }
  }

  mock_resource "google_compute_subnetwork" {
    defaults = {
      id        = "projects/feel-august-platform/regions/us-central1/subnetworks/platform-us-central1"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/regions/us-central1/subnetworks/platform-us-central1"
    }
  }

  mock_resource "google_compute_address" {
    defaults = {
      address   = "198.51.100.7"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/regions/us-central1/addresses/platform"
    }
  }
}

variables {
  project    = "feel-august-platform"
  name       = "platform"
  data_class = "phi"
  regions = {
    us-central1 = { cidr = "10.10.0.0/20" }
  }
  iap = {
    members     = ["group:oncall@example.com"]
    secure_tags = ["tagValues/123"]
  }
  load_balancing = { ports = [8080] }
  vpn = {
    clinic = {
      region         = "us-central1"
      peer_asn       = 65001
      peer_addresses = ["203.0.113.1", "203.0.113.2"]
      sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
      cidrs          = ["10.200.0.0/16"]
    }
  }
  vpn_secrets = { clinic = "not a secret" }
}

run "whole" {
  assert {
    condition = output.network == {
      project    = "feel-august-platform"
      name       = "platform"
      id         = "projects/feel-august-platform/global/networks/platform"
      self_link  = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/global/networks/platform"
      data_class = "phi"
      cidrs      = ["10.10.0.0/20"]
    }
    error_message = "The network must be told whole."
  }

  assert {
    condition     = output.nat_addresses == { us-central1 = ["198.51.100.7", "198.51.100.7"] }
    error_message = "The addresses that partners see must be told."
  }

  assert {
    condition     = output.subnetworks["us-central1"].id == "projects/feel-august-platform/regions/us-central1/subnetworks/platform-us-central1"
    error_message = "The subnetwork must be told by its id."
  }

  # What the output firewall_policy promises to rules of services.
  assert {
    condition     = output.firewall_policy == "platform" && !anytrue([for rule in google_compute_network_firewall_policy_rule.rule : rule.priority >= 10000 && rule.priority < 20000])
    error_message = "Priorities from 10000 to 19999 must be free."
  }

  assert {
    condition     = alltrue([for name, rule in google_compute_network_firewall_policy_rule.rule : rule.action == "allow" || rule.priority >= 20000])
    error_message = "Rules of services must come before the denials."
  }
}

# One may tell this network of the other that it is kept apart from by passing the output on, whole.
run "the_output_is_an_input" {
  command = plan

  variables {
    project        = "feel-august-website"
    name           = "website"
    data_class     = "general"
    regions        = { us-central1 = { cidr = "10.10.8.0/22" } }
    iap            = null
    load_balancing = null
    vpn            = {}
    separate_from  = { platform = run.whole.network }
  }

  expect_failures = [google_compute_network.network]
}
