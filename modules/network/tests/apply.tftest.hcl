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
      project         = "feel-august-platform"
      name            = "platform"
      id              = "projects/feel-august-platform/global/networks/platform"
      self_link       = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/global/networks/platform"
      data_class      = "phi"
      firewall_policy = "platform"
      cidrs           = ["10.10.0.0/20"]
    }
    error_message = "The network must be told whole."
  }

  assert {
    condition     = output.nat_addresses == { us-central1 = ["198.51.100.7", "198.51.100.7"] }
    error_message = "The addresses that partners see must be told."
  }

  assert {
    condition = (
      google_compute_router_nat.region["us-central1"].nat_ips == toset(["https://www.googleapis.com/compute/v1/projects/feel-august-platform/regions/us-central1/addresses/platform"]) &&
      one(google_compute_router_nat.region["us-central1"].subnetwork).name == output.subnetworks["us-central1"].id &&
      one(google_compute_router_nat.region["us-central1"].subnetwork).source_ip_ranges_to_nat == toset(["PRIMARY_IP_RANGE"])
    )
    error_message = "NAT must call from these addresses, for the subnetwork."
  }

  assert {
    condition     = output.subnetworks["us-central1"].id == "projects/feel-august-platform/regions/us-central1/subnetworks/platform-us-central1"
    error_message = "The subnetwork must be told by its id."
  }

  # A rule is known by its priority; those from 10000 to 19999 are for services, whose rules come before the denials.
  assert {
    condition = { for name, rule in google_compute_network_firewall_policy_rule.rule : name => rule.priority } == {
      iap            = 1000
      load-balancing = 1100
      google-apis    = 3000
      within         = 3100
      partners       = 3200
      deny-ingress   = 60000
      deny-egress    = 60001
    }
    error_message = "Priorities must stay what they are."
  }

  assert {
    condition = alltrue([for name, rule in google_compute_network_firewall_policy_rule.rule :
      rule.action == "allow" && one(one(rule.match).layer4_configs).ip_protocol == "tcp" && length(one(one(rule.match).layer4_configs).ports) > 0
      if !startswith(name, "deny-")
    ])
    error_message = "What is let through is TCP, to ports that are named."
  }

  assert {
    condition = alltrue([for rule in google_compute_network_firewall_policy_rule.rule :
      rule.direction == (length(coalesce(one(rule.match).src_ip_ranges, [])) > 0 ? "INGRESS" : "EGRESS")
    ])
    error_message = "What names a source comes in, all else goes out."
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
