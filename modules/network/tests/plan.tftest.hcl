mock_provider "google" {
  override_during = plan

  mock_resource "google_compute_network" {
    defaults = {
      id        = "projects/feel-august-platform/global/networks/platform"
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-platform/global/networks/platform"
    }
  }
}

variables {
  project    = "feel-august-platform"
  name       = "platform"
  data_class = "phi"
  regions = {
    us-central1 = { cidr = "10.10.0.0/20" }
    us-east1    = { cidr = "10.10.16.0/20" }
  }
}

run "by_default" {
  command = plan

  assert {
    condition     = !google_compute_network.network.auto_create_subnetworks && google_compute_network.network.delete_default_routes_on_create
    error_message = "The network must begin without subnetworks and routes."
  }

  assert {
    condition     = google_compute_network.network.network_firewall_policy_enforcement_order == "BEFORE_CLASSIC_FIREWALL"
    error_message = "The policy must come before rules that somebody adds to the network itself."
  }

  assert {
    condition     = toset(keys(google_compute_network_firewall_policy_rule.rule)) == toset(["deny-egress", "deny-ingress", "google-apis", "partners", "within"])
    error_message = "Nothing may be let in by default, and nothing out but what is named."
  }

  assert {
    condition = alltrue([for direction in ["ingress", "egress"] : (
      google_compute_network_firewall_policy_rule.rule["deny-${direction}"].action == "deny" &&
      google_compute_network_firewall_policy_rule.rule["deny-${direction}"].direction == upper(direction) &&
      google_compute_network_firewall_policy_rule.rule["deny-${direction}"].match[0].layer4_configs[0].ip_protocol == "all" &&
      coalescelist(google_compute_network_firewall_policy_rule.rule["deny-${direction}"].match[0].src_ip_ranges, google_compute_network_firewall_policy_rule.rule["deny-${direction}"].match[0].dest_ip_ranges)[0] == "0.0.0.0/0" &&
      google_compute_network_firewall_policy_rule.rule["deny-${direction}"].target_service_accounts == null
    )])
    error_message = "Whatever is not allowed must be denied to everything, in both directions."
  }

  assert {
    condition     = alltrue([for rule in google_compute_network_firewall_policy_rule.rule : rule.enable_logging])
    error_message = "Every rule must log."
  }

  assert {
    condition = alltrue([for name, rule in google_compute_network_firewall_policy_rule.rule :
      startswith(name, "deny-") || rule.priority < min([for denied, rule in google_compute_network_firewall_policy_rule.rule : rule.priority if startswith(denied, "deny-")]...)
    ])
    error_message = "The denials must come last."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.rule["partners"].match[0].dest_fqdns == tolist(["app.drchrono.com", "coda.io"])
    error_message = "DrChrono and Coda, and no other name, must be reached by default."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.rule["partners"].match[0].layer4_configs[0].ports == tolist(["443"])
    error_message = "Partners must be reached over TLS only."
  }

  assert {
    condition     = google_compute_route.internet[0].dest_range == "0.0.0.0/0" && google_compute_route.internet[0].next_hop_gateway == "default-internet-gateway"
    error_message = "There must be a route to the partners."
  }

  assert {
    condition     = toset(keys(google_compute_address.nat)) == toset(["us-central1-0", "us-central1-1", "us-east1-0", "us-east1-1"])
    error_message = "Each region must call from two fixed addresses of its own."
  }

  assert {
    condition     = alltrue([for nat in google_compute_router_nat.region : nat.nat_ip_allocate_option == "MANUAL_ONLY" && nat.source_subnetwork_ip_ranges_to_nat == "LIST_OF_SUBNETWORKS" && nat.log_config[0].enable])
    error_message = "NAT must use the fixed addresses, and log."
  }

  assert {
    condition     = alltrue([for subnetwork in google_compute_subnetwork.region : subnetwork.private_ip_google_access])
    error_message = "Google's APIs must be reached without public addresses."
  }

  assert {
    condition = alltrue([for subnetwork in google_compute_subnetwork.region : (
      subnetwork.log_config[0].flow_sampling == 1 && subnetwork.log_config[0].aggregation_interval == "INTERVAL_5_SEC" && subnetwork.log_config[0].metadata == "INCLUDE_ALL_METADATA"
    )])
    error_message = "Flow logs must be those that CIS 3.8 asks for."
  }

  assert {
    condition     = google_dns_policy.network.enable_logging
    error_message = "DNS queries must be logged (CIS 2.12)."
  }

  assert {
    condition     = output.subnetworks["us-east1"].cidr == "10.10.16.0/20" && output.subnetworks["us-east1"].region == "us-east1"
    error_message = "Subnetworks must be told by region."
  }

  assert {
    condition     = alltrue([for zone in google_dns_managed_zone.google : zone.visibility == "private"])
    error_message = "Names of Google's APIs must be private to the network."
  }

  assert {
    condition     = google_dns_record_set.google["googleapis.com"].rrdatas == tolist(["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"])
    error_message = "googleapis.com must be at the addresses of private.googleapis.com."
  }

  assert {
    condition = alltrue([for domain in ["gcr.io", "googleapis.com", "pkg.dev", "run.app"] : (
      google_dns_record_set.google[domain].type == "A" &&
      google_dns_record_set.google_names[domain].type == "CNAME" &&
      google_dns_record_set.google_names[domain].name == "*.${domain}." && google_dns_record_set.google_names[domain].rrdatas == tolist(["${domain}."])
    )])
    error_message = "Every name of Google's APIs must lead to these addresses."
  }

  assert {
    condition     = alltrue([for route in google_compute_route.google_apis : route.next_hop_gateway == "default-internet-gateway"])
    error_message = "The addresses of Google's APIs are behind the gateway of that name."
  }

  assert {
    condition     = google_compute_route.google_apis["vip"].dest_range == "199.36.153.8/30" && contains(google_compute_network_firewall_policy_rule.rule["google-apis"].match[0].dest_ip_ranges, "199.36.153.8/30")
    error_message = "The addresses of Google's APIs must have a route, and be let through."
  }

  assert {
    condition     = alltrue([for policy in google_network_connectivity_service_connection_policy.cloud_sql : policy.service_class == "google-cloud-sql"]) && length(google_network_connectivity_service_connection_policy.cloud_sql) == 2
    error_message = "Cloud SQL must be able to make its endpoints in each region."
  }

  assert {
    condition     = output.private_services == null && length(google_service_networking_connection.private_services) == 0
    error_message = "There must be no peering, not even with Google's services, unless it is asked for."
  }

  assert {
    condition     = google_org_policy_policy.peering[0].spec[0].rules[0].deny_all == "TRUE" && google_org_policy_policy.peering[0].name == "projects/feel-august-platform/policies/compute.restrictVpcPeering"
    error_message = "The project must refuse peerings."
  }
}

run "other_than_by_default" {
  command = plan

  variables {
    egress           = { fqdns = [] }
    google_apis      = "restricted"
    private_services = { cidr = "10.64.0.0/20" }
    restrict_peering = false
  }

  assert {
    condition     = length(google_compute_route.internet) == 0 && length(google_compute_router_nat.region) == 0 && length(google_compute_address.nat) == 0
    error_message = "A network that names nothing on the internet must have no route to it."
  }

  assert {
    condition     = !contains(keys(google_compute_network_firewall_policy_rule.rule), "partners")
    error_message = "A rule without names would match every address."
  }

  assert {
    condition     = google_dns_record_set.google["googleapis.com"].rrdatas[0] == "199.36.153.4" && google_compute_route.google_apis["vip"].dest_range == "199.36.153.4/30"
    error_message = "Within a perimeter, only restricted.googleapis.com may be reached."
  }

  assert {
    condition     = !contains(google_compute_network_firewall_policy_rule.rule["google-apis"].match[0].dest_ip_ranges, "199.36.153.8/30")
    error_message = "private.googleapis.com must not be let through beside it."
  }

  assert {
    condition     = google_service_networking_connection.private_services[0].service == "servicenetworking.googleapis.com" && google_compute_global_address.private_services[0].purpose == "VPC_PEERING" && google_compute_global_address.private_services[0].address == "10.64.0.0" && google_compute_global_address.private_services[0].prefix_length == 20
    error_message = "The range must be the one that was given."
  }

  assert {
    condition     = contains(output.network.cidrs, "10.64.0.0/20") && contains(google_compute_network_firewall_policy_rule.rule["within"].match[0].dest_ip_ranges, "10.64.0.0/20")
    error_message = "The range must be known to others as the network's, and be reached."
  }
}

run "ways_in_and_out_are_named" {
  command = plan

  variables {
    egress = { private_ports = [] }
    iap = {
      members          = ["group:oncall@example.com"]
      service_accounts = ["bastion@feel-august-platform.iam.gserviceaccount.com"]
      ports            = [22, 8080]
      access_level     = "accessPolicies/1/accessLevels/corp"
    }
    load_balancing = { ports = [8080], service_accounts = ["website@feel-august-platform.iam.gserviceaccount.com"] }
    private_traffic = {
      reports = { priority = 2100, direction = "EGRESS", cidrs = ["10.200.0.0/16"], ports = [443] }
      metrics = { priority = 2000, direction = "INGRESS", cidrs = ["10.10.0.0/20"], ports = [9090] }
    }
  }

  assert {
    condition = (
      google_compute_network_firewall_policy_rule.rule["iap"].match[0].src_ip_ranges == tolist(["35.235.240.0/20"]) &&
      google_compute_network_firewall_policy_rule.rule["iap"].match[0].layer4_configs[0].ports == tolist(["22", "8080"]) &&
      google_compute_network_firewall_policy_rule.rule["iap"].target_service_accounts == tolist(["bastion@feel-august-platform.iam.gserviceaccount.com"])
    )
    error_message = "Only Identity-Aware Proxy may come in, to the named instances and ports."
  }

  assert {
    condition     = google_iap_tunnel_iam_member.member["group:oncall@example.com"].role == "roles/iap.tunnelResourceAccessor" && google_iap_tunnel_iam_member.member["group:oncall@example.com"].condition[0].expression == "destination.port in [22, 8080] && \"accessPolicies/1/accessLevels/corp\" in request.auth.access_levels"
    error_message = "The right must end at the ports, and need the access level."
  }

  assert {
    condition = (
      toset(google_compute_network_firewall_policy_rule.rule["load-balancing"].match[0].src_ip_ranges) == toset(["130.211.0.0/22", "35.191.0.0/16"]) &&
      google_compute_network_firewall_policy_rule.rule["load-balancing"].match[0].layer4_configs[0].ports == tolist(["8080"]) &&
      google_compute_network_firewall_policy_rule.rule["load-balancing"].target_service_accounts == tolist(["website@feel-august-platform.iam.gserviceaccount.com"])
    )
    error_message = "Load balancers must reach the named port of the named instances only."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.rule["reports"].match[0].dest_ip_ranges == tolist(["10.200.0.0/16"]) && google_compute_network_firewall_policy_rule.rule["reports"].priority == 2100
    error_message = "Traffic out must be named by where it goes to."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.rule["metrics"].match[0].src_ip_ranges == tolist(["10.10.0.0/20"]) && google_compute_network_firewall_policy_rule.rule["metrics"].direction == "INGRESS"
    error_message = "Traffic in must be named by where it comes from."
  }

  assert {
    condition     = !contains(keys(google_compute_network_firewall_policy_rule.rule), "within")
    error_message = "A rule without ports would allow all of them."
  }
}
