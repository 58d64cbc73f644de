# How Google's managed services come into the network: by endpoints that Cloud SQL makes by itself (Private Service
# Connect), or, for what knows no endpoints, by a range that is peered with Google's own network.
resource "google_network_connectivity_service_connection_policy" "cloud_sql" {
  for_each = var.private_service_connect.enabled ? var.regions : {}

  project       = var.project
  name          = "${var.name}-cloud-sql-${each.key}"
  description   = "Cloud SQL makes its endpoints in the subnetwork of the region."
  location      = each.key
  service_class = "google-cloud-sql"
  network       = google_compute_network.network.id
  labels        = var.labels

  psc_config {
    subnetworks = [google_compute_subnetwork.region[each.key].id]
    limit       = var.private_service_connect.connections
  }
}

resource "google_compute_global_address" "private_services" {
  count = var.private_services == null ? 0 : 1

  project       = var.project
  name          = "${var.name}-private-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  network       = google_compute_network.network.id
  address       = split("/", var.private_services.cidr)[0]
  prefix_length = tonumber(split("/", var.private_services.cidr)[1])
  labels        = var.labels
}

resource "google_service_networking_connection" "private_services" {
  count = var.private_services == null ? 0 : 1

  network                 = google_compute_network.network.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = google_compute_global_address.private_services[*].name
}

locals {
  private_services = var.private_services == null ? null : {
    range_name = "${var.name}-private-services"
    cidr       = var.private_services.cidr
  }
}
