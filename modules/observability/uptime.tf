locals {
  uptimes = merge(
    { for name, service in var.services : name => service.uptime if service.uptime != null },
    # The runtime is ready as long as it can take deliveries, be it that the database is away.
    { for sync in var.sync[*] : "sync" => { host = regex("^https://([^/:]+)", sync.uri)[0], path = "/readyz", authenticated = false } },
  )
}

resource "google_monitoring_uptime_check_config" "this" {
  for_each = local.uptimes

  project            = var.project
  display_name       = "${var.name} ${each.key}"
  timeout            = "10s"
  period             = "60s"
  log_check_failures = true
  user_labels        = local.labels

  http_check {
    path         = each.value.path
    port         = 443
    use_ssl      = true
    validate_ssl = true

    dynamic "service_agent_authentication" {
      for_each = each.value.authenticated ? ["OIDC_TOKEN"] : []

      content {
        type = service_agent_authentication.value
      }
    }
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = each.value.host }
  }

  # Another host is another check, and Google deletes none that an alert still names.
  lifecycle {
    create_before_destroy = true
  }
}

# Monitoring's service agent is who asks.
resource "google_cloud_run_v2_service_iam_member" "uptime" {
  for_each = { for name, uptime in local.uptimes : name => var.services[name].region if uptime.authenticated }

  project  = var.project
  location = each.value
  name     = each.key
  role     = "roles/run.invoker"
  member   = "serviceAccount:service-${var.project_number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
}
