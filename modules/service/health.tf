# Two checks. Whoever is not ready gets no requests after ten seconds; only who has not answered for two and a half
# minutes is replaced, for a slow database must not cost the instances that wait for it.
resource "google_compute_health_check" "ready" {
  count = var.cloud_run == null ? 1 : 0

  project             = var.project
  name                = "${var.name}-ready"
  check_interval_sec  = 5
  timeout_sec         = 4
  healthy_threshold   = 2
  unhealthy_threshold = 2

  dynamic "https_health_check" {
    for_each = var.instances.protocol == "HTTPS" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.ready_path
    }
  }

  dynamic "http2_health_check" {
    for_each = var.instances.protocol == "HTTP2" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.ready_path
    }
  }

  dynamic "http_health_check" {
    for_each = var.instances.protocol == "HTTP" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.ready_path
    }
  }

  log_config {
    enable = true
  }
}

resource "google_compute_health_check" "live" {
  count = var.cloud_run == null ? 1 : 0

  project             = var.project
  name                = "${var.name}-live"
  check_interval_sec  = 30
  timeout_sec         = 10
  healthy_threshold   = 1
  unhealthy_threshold = 5

  dynamic "https_health_check" {
    for_each = var.instances.protocol == "HTTPS" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.live_path
    }
  }

  dynamic "http2_health_check" {
    for_each = var.instances.protocol == "HTTP2" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.live_path
    }
  }

  dynamic "http_health_check" {
    for_each = var.instances.protocol == "HTTP" ? [true] : []

    content {
      port         = var.instances.port
      request_path = var.instances.health.live_path
    }
  }

  log_config {
    enable = true
  }
}
