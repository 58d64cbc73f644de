resource "google_compute_global_address" "front" {
  for_each = local.fronts

  project = var.project
  name    = "${var.name}-${each.key}"
  labels  = local.labels
}

# RESTRICTED is the one profile that Google takes with TLS 1.3, and the strictest with 1.2.
resource "google_compute_ssl_policy" "front" {
  for_each = local.fronts

  project         = var.project
  name            = "${var.name}-${each.key}"
  min_tls_version = each.value.min_tls
  profile         = "RESTRICTED"
}

resource "google_compute_target_https_proxy" "front" {
  for_each = local.fronts

  project         = var.project
  name            = "${var.name}-${each.key}"
  url_map         = google_compute_url_map.front[each.key].id
  ssl_policy      = google_compute_ssl_policy.front[each.key].id
  certificate_map = "//certificatemanager.googleapis.com/${google_certificate_manager_certificate_map.front[each.key].id}"
  tls_early_data  = "DISABLED" # what comes in early can be sent again by somebody else.
  quic_override   = each.key == "tls13" ? "ENABLE" : "DISABLE"

  depends_on = [google_certificate_manager_certificate_map_entry.host]
}

resource "google_compute_global_forwarding_rule" "front" {
  for_each = local.fronts

  project               = var.project
  name                  = "${var.name}-${each.key}"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.front[each.key].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.front[each.key].id
  labels                = local.labels
}

# A browser that comes in the clear is sent to TLS. A partner's webhook is not: it would have sent its body already.
resource "google_compute_url_map" "to_https" {
  count = contains(keys(local.fronts), "tls13") ? 1 : 0

  project = var.project
  name    = "${var.name}-to-https"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "to_https" {
  count = length(google_compute_url_map.to_https)

  project = var.project
  name    = "${var.name}-to-https"
  url_map = google_compute_url_map.to_https[0].id
}

resource "google_compute_global_forwarding_rule" "to_https" {
  count = length(google_compute_url_map.to_https)

  project               = var.project
  name                  = "${var.name}-to-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.front["tls13"].id
  port_range            = "80"
  target                = google_compute_target_http_proxy.to_https[0].id
  labels                = local.labels
}
