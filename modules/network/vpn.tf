# Site-to-site connections: two tunnels each, with IKEv2, whose routes are learned by BGP, and of these only the ranges that
# were declared. What may pass through them is said in private_traffic, as of all else.
locals {
  _tunnels = merge([for name, vpn in var.vpn : {
    for side in [0, 1] : "${name}-${side}" => merge(vpn, { name = name, side = side, session = vpn.sessions[side] })
  }]...)
}

resource "google_compute_ha_vpn_gateway" "site" {
  for_each = var.vpn

  project = var.project
  name    = "${var.name}-${each.key}"
  region  = each.value.region
  network = google_compute_network.network.id
  labels  = var.labels
}

resource "google_compute_external_vpn_gateway" "site" {
  for_each = var.vpn

  project         = var.project
  name            = "${var.name}-${each.key}"
  redundancy_type = "TWO_IPS_REDUNDANCY"
  labels          = var.labels

  dynamic "interface" {
    for_each = each.value.peer_addresses
    content {
      id         = interface.key
      ip_address = interface.value
    }
  }
}

resource "google_compute_router" "site" {
  for_each = var.vpn

  project = var.project
  name    = "${var.name}-vpn-${each.key}"
  region  = each.value.region
  network = google_compute_network.network.id

  bgp {
    asn = each.value.asn
  }
}

resource "google_compute_vpn_tunnel" "site" {
  for_each = local._tunnels

  project                         = var.project
  name                            = "${var.name}-${each.key}"
  region                          = each.value.region
  vpn_gateway                     = google_compute_ha_vpn_gateway.site[each.value.name].id
  vpn_gateway_interface           = each.value.side
  peer_external_gateway           = google_compute_external_vpn_gateway.site[each.value.name].id
  peer_external_gateway_interface = each.value.side
  router                          = google_compute_router.site[each.value.name].id
  ike_version                     = 2
  labels                          = var.labels

  shared_secret_wo         = var.vpn_secrets[each.value.name]
  shared_secret_wo_version = each.value.secret_version
}

resource "google_compute_router_interface" "site" {
  for_each = local._tunnels

  project    = var.project
  name       = "${var.name}-${each.key}"
  region     = each.value.region
  router     = google_compute_router.site[each.value.name].name
  ip_range   = "${cidrhost(each.value.session, 1)}/30"
  vpn_tunnel = google_compute_vpn_tunnel.site[each.key].name
}

# A peer that announces anything else, a default route or a network that is kept apart, is not believed.
resource "google_compute_router_route_policy" "site" {
  for_each = var.vpn

  project = var.project
  name    = "declared-ranges"
  region  = each.value.region
  router  = google_compute_router.site[each.key].name
  type    = "ROUTE_POLICY_TYPE_IMPORT"

  terms {
    priority = 1

    match {
      expression = "destination.inAnyRange(${join(", ", [for cidr in sort(each.value.cidrs) : "prefix('${cidr}').orLonger()"])})"
    }

    actions {
      expression = "accept()"
    }
  }

  terms {
    priority = 2

    match {
      expression = "destination.inAnyRange(prefix('0.0.0.0/0').orLonger())"
    }

    actions {
      expression = "drop()"
    }
  }
}

resource "google_compute_router_peer" "site" {
  for_each = local._tunnels

  project         = var.project
  name            = "${var.name}-${each.key}"
  region          = each.value.region
  router          = google_compute_router.site[each.value.name].name
  interface       = google_compute_router_interface.site[each.key].name
  peer_ip_address = cidrhost(each.value.session, 2)
  peer_asn        = each.value.peer_asn
  import_policies = [google_compute_router_route_policy.site[each.value.name].name]
}
