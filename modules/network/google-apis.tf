# Google's APIs have addresses of their own within the network, so that reaching them needs no way to the internet.
locals {
  _google_apis = {
    private    = { range = "199.36.153.8/30", addresses = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"] }
    restricted = { range = "199.36.153.4/30", addresses = ["199.36.153.4", "199.36.153.5", "199.36.153.6", "199.36.153.7"] }
  }

  google_apis = local._google_apis[var.google_apis]

  # The second range is where some APIs' answers direct a client that comes from either of the first.
  google_apis_ranges = [local.google_apis.range, "34.126.0.0/18"]

  _google_domains = toset(["gcr.io", "googleapis.com", "pkg.dev", "run.app"])
}

resource "google_compute_route" "google_apis" {
  for_each = { vip = local.google_apis_ranges[0], direct = local.google_apis_ranges[1] }

  project          = var.project
  name             = "${var.name}-google-apis-${each.key}"
  description      = "To Google's APIs, within Google's network."
  network          = google_compute_network.network.id
  dest_range       = each.value
  next_hop_gateway = "default-internet-gateway"
}

resource "google_dns_managed_zone" "google" {
  for_each = local._google_domains

  project     = var.project
  name        = "${var.name}-${replace(each.key, ".", "-")}"
  description = "${each.key} at its addresses for ${var.google_apis} access."
  dns_name    = "${each.key}."
  visibility  = "private"
  labels      = var.labels

  private_visibility_config {
    networks {
      network_url = google_compute_network.network.id
    }
  }
}

resource "google_dns_record_set" "google" {
  for_each = local._google_domains

  project      = var.project
  managed_zone = google_dns_managed_zone.google[each.key].name
  name         = "${each.key}."
  type         = "A"
  ttl          = 300
  rrdatas      = local.google_apis.addresses
}

resource "google_dns_record_set" "google_names" {
  for_each = local._google_domains

  project      = var.project
  managed_zone = google_dns_managed_zone.google[each.key].name
  name         = "*.${each.key}."
  type         = "CNAME"
  ttl          = 300
  rrdatas      = ["${each.key}."]
}

# Every name that anything in the network asks for is logged (CIS 2.12): what a firewall cannot see, DNS tells.
resource "google_dns_policy" "network" {
  project        = var.project
  name           = var.name
  enable_logging = true

  networks {
    network_url = google_compute_network.network.id
  }
}
