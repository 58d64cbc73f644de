output "firewall_policy" {
  description = "Name of the network's firewall policy, for rules of a service's own; priorities from 10000 to 19999 are left free for them."
  value       = google_compute_network_firewall_policy.network.name
}

output "nat_addresses" {
  description = "Fixed public addresses that each region calls the internet from, by region, for partners' allow lists."
  value       = local.nat_addresses
}

output "network" {
  description = "The network, once its firewall, routes and names are in place: what other modules take as `network`."
  value       = local.network
}

output "private_services" {
  description = "The range of private services access, once it is connected; null without one."
  value       = local.private_services
}

output "subnetworks" {
  description = "The subnetwork of each region, by region: id, name, region, self_link and cidr."
  value       = local.subnetworks
}
