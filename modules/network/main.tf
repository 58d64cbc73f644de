# The network and its subnetworks. Nothing is made by default, no route and no subnetwork, and no peering at all:
# what else is in the network is declared beside this file.
resource "google_compute_network" "network" {
  project     = var.project
  name        = var.name
  description = "Carries ${var.data_class == "phi" ? "patients' data" : "no patients' data"}."

  auto_create_subnetworks         = false
  delete_default_routes_on_create = true
  routing_mode                    = "GLOBAL" # What a site announces in one region is known in the other.

  # A rule that somebody adds to the network itself does not come before the policy.
  network_firewall_policy_enforcement_order = "BEFORE_CLASSIC_FIREWALL"

  lifecycle {
    precondition {
      condition     = length(local.overlapping) == 0
      error_message = "Ranges overlap: ${join("; ", local.overlapping)}. Choose ranges that are disjoint, across data classes and environments too: only then can no route, now or later, lead from one into the other."
    }

    precondition {
      condition     = length(local.mixed) == 0
      error_message = "Network(s) ${join(", ", local.mixed)} of the other data class are in project ${var.project} too. Give each data class a project of its own: permissions, perimeters and policies end at a project."
    }

    precondition {
      condition     = length(local.leaking) == 0
      error_message = "private_traffic would open a way between networks that are kept apart: ${join("; ", local.leaking)}. Remove the ranges; a database is reached by the module peering, which joins no networks."
    }
  }
}

resource "google_compute_subnetwork" "region" {
  for_each = var.regions

  project       = var.project
  name          = "${var.name}-${each.key}"
  network       = google_compute_network.network.id
  region        = each.key
  ip_cidr_range = each.value.cidr

  private_ip_google_access = true

  log_config {
    aggregation_interval = var.flow_logs.interval
    flow_sampling        = var.flow_logs.sampling
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Keeps whoever may administer networks from joining this one to another, by the console too.
resource "google_org_policy_policy" "peering" {
  count = var.restrict_peering ? 1 : 0

  name   = "projects/${var.project}/policies/compute.restrictVpcPeering"
  parent = "projects/${var.project}"

  spec {
    rules {
      deny_all = "TRUE"
    }
  }
}

locals {
  network = {
    project         = var.project
    name            = var.name
    id              = google_compute_network.network.id
    self_link       = google_compute_network.network.self_link
    data_class      = var.data_class
    firewall_policy = google_compute_network_firewall_policy.network.name
    cidrs           = concat([for region in keys(var.regions) : var.regions[region].cidr], var.private_services[*].cidr)
  }

  subnetworks = { for region, subnetwork in google_compute_subnetwork.region : region => {
    id        = subnetwork.id
    name      = "${var.name}-${region}"
    region    = region
    self_link = subnetwork.self_link
    cidr      = var.regions[region].cidr
  } }
}
