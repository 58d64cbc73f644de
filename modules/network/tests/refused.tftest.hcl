# What the variables refuse. Those of one run are each refused for a reason of its own; one that refers to another is not looked at
# when that one is refused, so that vpn has runs without regions.
mock_provider "google" {}

variables {
  project    = "feel-august-platform"
  name       = "platform"
  data_class = "phi"
  regions    = { us-central1 = { cidr = "10.10.0.0/20" } }
}

run "open" {
  command = plan

  variables {
    data_class       = "secret"
    egress           = { fqdns = ["*.drchrono.com"] }
    flow_logs        = { sampling = 0 }
    google_apis      = "public"
    iap              = { members = ["group:oncall@example.com"] } # and every instance
    name             = "Platform"
    project          = "123456789012"
    private_services = { cidr = "10.64.0.0/20" } # is a peering, while restrict_peering is true
    private_traffic  = { open = { priority = 2000, direction = "INGRESS", cidrs = ["0.0.0.0/0"], ports = [443] } }
    regions          = { us-central1 = { cidr = "8.8.0.0/20" } }
  }

  expect_failures = [
    var.data_class, var.egress, var.flow_logs, var.google_apis, var.iap, var.name, var.project, var.private_traffic, var.regions, var.restrict_peering,
  ]
}

run "wrong" {
  command = plan

  variables {
    egress           = { nat_addresses = 0 }
    flow_logs        = { interval = "INTERVAL_1_SEC" }
    iap              = { members = ["allAuthenticatedUsers"], secure_tags = ["tagValues/1"] }
    load_balancing   = { ports = [] }
    private_services = { cidr = "10.64.0.0/29" }
    restrict_peering = false
    private_traffic = {
      one = { priority = 2000, direction = "INGRESS", cidrs = ["10.0.0.0/8"], ports = [443] }
      two = { priority = 2000, direction = "EGRESS", cidrs = ["10.0.0.0/8"], ports = [443] }
    }
    regions = { us-central1 = { cidr = "10.10.0.1/20" } }
  }

  expect_failures = [var.egress, var.flow_logs, var.iap, var.load_balancing, var.private_services, var.private_traffic, var.regions]
}

run "small_or_too_large" {
  command = plan

  variables {
    iap             = { members = [], secure_tags = ["tagValues/1"] }
    private_traffic = { sideways = { priority = 2000, direction = "SIDEWAYS", cidrs = ["10.0.0.0/8"], ports = [443] } }
    regions         = { us-central1 = { cidr = "10.10.0.0/27" } }
  }

  expect_failures = [var.iap, var.private_traffic, var.regions]
}

run "a_zone_and_all_ports" {
  command = plan

  variables {
    egress  = { fqdns = [for number in range(101) : "host-${number}.example.com"] }
    iap     = { members = ["group:oncall@example.com"], secure_tags = ["tagValues/1"], ports = [] }
    regions = { us-central1-a = { cidr = "10.10.0.0/20" } }
  }

  expect_failures = [var.egress, var.iap, var.regions]
}

run "no_region" {
  command = plan

  variables {
    regions                 = {}
    private_services        = { cidr = "10.64.0.0/20" }
    private_service_connect = { connections = 0 }
    private_traffic         = { nothing = { priority = 2000, direction = "INGRESS", cidrs = [], ports = [443] } }
  }

  expect_failures = [var.private_service_connect, var.private_traffic, var.regions, var.restrict_peering]
}

run "vpn_elsewhere" {
  command = plan

  variables {
    vpn = {
      clinic = {
        region         = "us-west1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["10.200.0.0/16"]
      }
    }
  }

  expect_failures = [var.vpn]
}

run "vpn_to_one_address" {
  command = plan

  variables {
    vpn = {
      clinic = {
        region         = "us-central1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.1"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["10.200.0.0/16"]
      }
    }
  }

  expect_failures = [var.vpn]
}

run "vpn_with_one_session" {
  command = plan

  variables {
    vpn = {
      clinic = {
        region         = "us-central1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.0/30"]
        cidrs          = ["10.200.0.0/16"]
      }
    }
  }

  expect_failures = [var.vpn]
}

run "vpn_with_everything_behind_it" {
  command = plan

  variables {
    vpn = {
      clinic = {
        region         = "us-central1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["0.0.0.0/0"]
      }
    }
  }

  expect_failures = [var.vpn]
}

run "vpn_with_itself" {
  command = plan

  variables {
    vpn = {
      clinic = {
        region         = "us-central1"
        peer_asn       = 64514
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["10.200.0.0/16"]
      }
    }
  }

  expect_failures = [var.vpn]
}

run "vpn_with_a_long_name" {
  command = plan

  variables {
    vpn = {
      clinic-in-the-south = {
        region         = "us-central1"
        peer_asn       = 65001
        peer_addresses = ["203.0.113.1", "203.0.113.2"]
        sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
        cidrs          = ["10.200.0.0/16"]
      }
    }
  }

  expect_failures = [var.vpn]
}
