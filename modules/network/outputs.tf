output "nat_addresses" {
  description = "Fixed public addresses that each region calls the internet from, by region, for partners' allow lists."
  value       = local.nat_addresses

  depends_on = [google_compute_router_nat.region]
}

output "network" {
  description = "The network, once its firewall, routes and names are in place: what other modules take as `network`. Rules of a service's own have the priorities 10000 to 19999 of its `firewall_policy`."
  value       = local.network

  depends_on = [
    google_compute_network_firewall_policy_association.network,
    google_compute_route.google_apis,
    google_dns_policy.network,
    google_dns_record_set.google,
    google_dns_record_set.google_names,
    google_network_connectivity_service_connection_policy.cloud_sql,
    google_service_networking_connection.private_services,
  ]
}

output "private_services" {
  description = "The range of private services access, once it is connected: range_name and cidr; null without one."
  value       = local.private_services

  depends_on = [google_service_networking_connection.private_services]
}

output "subnetworks" {
  description = "The subnetwork of each region, by region: id, name, region, self_link and cidr."
  value       = local.subnetworks

  depends_on = [
    google_compute_network_firewall_policy_association.network,
    google_compute_router_nat.region,
  ]
}
