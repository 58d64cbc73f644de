mock_provider "google" {}

variables {
  project    = "feel-august-platform"
  name       = "platform"
  data_class = "phi"
  regions = {
    us-central1 = { cidr = "10.10.0.0/20" }
  }
  vpn = {
    clinic = {
      region         = "us-central1"
      peer_asn       = 65001
      peer_addresses = ["203.0.113.1", "203.0.113.2"]
      sessions       = ["169.254.16.0/30", "169.254.16.4/30"]
      cidrs          = ["192.168.10.0/24", "10.200.0.0/16"]
    }
  }
  vpn_secrets = { clinic = "not a secret" }
}

run "two_tunnels" {
  command = plan

  assert {
    condition     = length(google_compute_vpn_tunnel.site) == 2 && alltrue([for tunnel in google_compute_vpn_tunnel.site : tunnel.ike_version == 2 && tunnel.shared_secret == null && tunnel.shared_secret_wo_version == "1"])
    error_message = "A site must have two tunnels, with IKEv2, and a secret that is not in the state."
  }

  assert {
    condition     = google_compute_router_interface.site["clinic-1"].ip_range == "169.254.16.5/30" && google_compute_router_peer.site["clinic-1"].peer_ip_address == "169.254.16.6"
    error_message = "The first host of a session must be this side, the second the peer."
  }

  assert {
    condition = google_compute_router_route_policy.site["clinic"].type == "ROUTE_POLICY_TYPE_IMPORT" && [for term in google_compute_router_route_policy.site["clinic"].terms : [term.priority, one(term.match).expression, one(term.actions).expression]] == [
      [1, "destination.inAnyRange(prefix('10.200.0.0/16').orLonger(), prefix('192.168.10.0/24').orLonger())", "accept()"],
      [2, "destination.inAnyRange(prefix('0.0.0.0/0').orLonger())", "drop()"],
    ]
    error_message = "Only the declared ranges may be learned."
  }

  assert {
    condition     = alltrue([for peer in google_compute_router_peer.site : peer.import_policies == tolist(["declared-ranges"])])
    error_message = "Every session must be held to them."
  }

  assert {
    condition     = !anytrue([for name, rule in google_compute_network_firewall_policy_rule.rule : contains(coalesce(rule.match[0].src_ip_ranges, []), "10.200.0.0/16")])
    error_message = "A connection alone must let nothing in."
  }
}
