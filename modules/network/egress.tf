# How the internet is reached: by a route that is there only when names are given, and from fixed addresses, so that
# partners can put them on their lists.
locals {
  reaches_internet = length(var.egress.fqdns) > 0

  _calls_from = local.reaches_internet ? var.regions : {}
  _addresses = merge([for region in keys(local._calls_from) : {
    for number in range(var.egress.nat_addresses) : "${region}-${number}" => region
  }]...)

  nat_addresses = { for region, _ in local._calls_from : region => [
    for number in range(var.egress.nat_addresses) : google_compute_address.nat["${region}-${number}"].address
  ] }
}

resource "google_compute_route" "internet" {
  count = local.reaches_internet ? 1 : 0

  project          = var.project
  name             = "${var.name}-internet"
  description      = "To the names in egress.fqdns; the firewall denies all others."
  network          = google_compute_network.network.id
  dest_range       = "0.0.0.0/0"
  next_hop_gateway = "default-internet-gateway"
}

resource "google_compute_address" "nat" {
  for_each = local._addresses

  project      = var.project
  name         = "${var.name}-nat-${each.key}"
  region       = each.value
  address_type = "EXTERNAL"
  labels       = var.labels

  lifecycle {
    # The NAT is moved to the new address before the old one is let go.
    create_before_destroy = true
  }
}

resource "google_compute_router" "nat" {
  for_each = local._calls_from

  project = var.project
  name    = "${var.name}-nat-${each.key}"
  region  = each.key
  network = google_compute_network.network.id
}

resource "google_compute_router_nat" "region" {
  for_each = local._calls_from

  project = var.project
  name    = "${var.name}-${each.key}"
  region  = each.key
  router  = google_compute_router.nat[each.key].name

  nat_ip_allocate_option = "MANUAL_ONLY"
  nat_ips                = [for number in range(var.egress.nat_addresses) : google_compute_address.nat["${each.key}-${number}"].self_link]

  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.region[each.key].id
    source_ip_ranges_to_nat = ["PRIMARY_IP_RANGE"]
  }

  # Few destinations and many connections to each: ports are given out as they are needed.
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false
  min_ports_per_vm                    = 64

  log_config {
    enable = true
    filter = "ALL"
  }
}
