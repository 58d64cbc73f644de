locals {
  backends = merge(google_compute_backend_service.instances, google_compute_backend_service.cloud_run)

  response_headers = [
    "Strict-Transport-Security: max-age=63072000; includeSubDomains",
    "X-Content-Type-Options: nosniff",
  ]

  # Which version of TLS a client speaks is in the log, so that an exception can be shown to be needed, or not.
  logged = ["tls.protocol", "tls.cipher"]
}

resource "google_compute_backend_service" "instances" {
  for_each = var.cloud_run == null ? var.instances.releases : {}

  project                         = var.project
  name                            = "${var.name}-${each.key}"
  load_balancing_scheme           = "EXTERNAL_MANAGED"
  protocol                        = var.instances.protocol
  port_name                       = "service"
  timeout_sec                     = var.instances.timeout_seconds
  connection_draining_timeout_sec = 60
  enable_cdn                      = false # patients' pages are in no cache.
  health_checks                   = [google_compute_health_check.ready[0].id]
  security_policy                 = google_compute_security_policy.armor.id
  custom_response_headers         = local.response_headers
  session_affinity                = var.instances.session_affinity.kind
  affinity_cookie_ttl_sec         = var.instances.session_affinity.kind == "GENERATED_COOKIE" ? var.instances.session_affinity.ttl_seconds : null

  dynamic "strong_session_affinity_cookie" {
    for_each = var.instances.session_affinity.kind == "STRONG_COOKIE_AFFINITY" ? [var.instances.session_affinity] : []

    content {
      name = "august-affinity"
      path = "/"

      ttl {
        seconds = strong_session_affinity_cookie.value.ttl_seconds
      }
    }
  }

  # The primary region is filled first, because the database's primary is there; the others take what it cannot.
  dynamic "backend" {
    for_each = var.instances.regions

    content {
      group                 = google_compute_region_instance_group_manager.instances["${each.key}-${backend.key}"].instance_group
      balancing_mode        = "RATE"
      max_rate_per_instance = var.instances.scaling.requests_per_second
      preference            = backend.key == var.instances.primary_region ? "PREFERRED" : "DEFAULT"
    }
  }

  log_config {
    enable          = true
    sample_rate     = 1
    optional_mode   = "CUSTOM"
    optional_fields = local.logged
  }

  # A release that is taken out leaves the URL map first: Google deletes nothing that is still named.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_region_network_endpoint_group" "cloud_run" {
  for_each = toset(var.cloud_run == null ? [] : var.cloud_run.regions)

  project               = var.project
  name                  = "${var.name}-${substr(sha256(var.cloud_run.service), 0, 8)}" # another service is another group, made before the old one goes
  region                = each.key
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = var.cloud_run.service
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Cloud Run checks its instances itself, keeps sessions itself (session_affinity) and sets its own time limit.
resource "google_compute_backend_service" "cloud_run" {
  for_each = var.cloud_run == null ? {} : { live = true }

  project                 = var.project
  name                    = "${var.name}-${each.key}"
  load_balancing_scheme   = "EXTERNAL_MANAGED"
  protocol                = "HTTPS"
  enable_cdn              = false
  security_policy         = google_compute_security_policy.armor.id
  custom_response_headers = local.response_headers

  dynamic "backend" {
    for_each = google_compute_region_network_endpoint_group.cloud_run

    content {
      group = backend.value.id
    }
  }

  # A region that answers with nothing but errors is left out for a while, where there is another.
  dynamic "outlier_detection" {
    for_each = length(var.cloud_run.regions) > 1 ? [true] : []

    content {
      consecutive_errors           = 5
      enforcing_consecutive_errors = 100
      max_ejection_percent         = 50

      base_ejection_time {
        seconds = 30
      }

      interval {
        seconds = 1
      }
    }
  }

  log_config {
    enable          = true
    sample_rate     = 1
    optional_mode   = "CUSTOM"
    optional_fields = local.logged
  }

  lifecycle {
    create_before_destroy = true
  }
}
