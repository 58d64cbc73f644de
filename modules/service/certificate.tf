# Certificates are proved by DNS, so that they are there before the first request, and renewed while nothing points here.
resource "google_certificate_manager_dns_authorization" "host" {
  for_each = var.hosts

  project = var.project
  name    = "${var.name}-${local.slug[each.key]}"
  domain  = each.key
  type    = "PER_PROJECT_RECORD" # production and staging may both prove a domain.
  labels  = local.labels
}

resource "google_certificate_manager_certificate" "host" {
  for_each = var.hosts

  project = var.project
  name    = "${var.name}-${local.slug[each.key]}"
  labels  = local.labels

  managed {
    domains            = [each.key]
    dns_authorizations = [google_certificate_manager_dns_authorization.host[each.key].id]
  }
}

resource "google_certificate_manager_certificate_map" "front" {
  for_each = local.fronts

  project = var.project
  name    = "${var.name}-${each.key}"
  labels  = local.labels
}

# No entry is the map's primary: a client that asks for another name gets no certificate, and no further.
resource "google_certificate_manager_certificate_map_entry" "host" {
  for_each = var.hosts

  project      = var.project
  name         = "${var.name}-${local.slug[each.key]}"
  map          = google_certificate_manager_certificate_map.front[each.value.tls_exception == null ? "tls13" : "tls12"].name
  hostname     = each.key
  certificates = [google_certificate_manager_certificate.host[each.key].id]
  labels       = local.labels
}

resource "google_dns_record_set" "host" {
  for_each = var.dns_zone == null ? {} : local.dns_records

  project      = var.dns_zone.project
  managed_zone = var.dns_zone.name
  name         = each.value.name
  type         = each.value.type
  ttl          = 300
  rrdatas      = [each.value.data]
}
