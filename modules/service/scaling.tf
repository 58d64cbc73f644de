# The signal that asks for the most instances wins: processors above half, memory, requests above what one instance is
# to have, and response times, where the service measures them.
resource "google_compute_region_autoscaler" "instances" {
  for_each = local.groups

  project = var.project
  name    = "${var.name}-${each.value.release}"
  region  = each.value.region
  target  = google_compute_region_instance_group_manager.instances[each.key].id

  autoscaling_policy {
    min_replicas         = each.value.scale.min_instances
    max_replicas         = each.value.scale.max_instances
    cooldown_period      = var.instances.health.initial_delay_seconds
    stabilization_period = 600

    cpu_utilization {
      target            = var.instances.scaling.cpu
      predictive_method = var.instances.scaling.predictive ? "OPTIMIZE_AVAILABILITY" : "NONE"
    }

    load_balancing_utilization {
      target = 0.8
    }

    metric {
      name   = var.instances.scaling.memory_metric
      type   = "GAUGE"
      target = var.instances.scaling.memory_percent
      filter = "resource.type = \"gce_instance\" AND metric.labels.state = \"used\""
    }

    # A gauge that each instance writes, such as its own p95: the autoscaler takes no distribution, so none of the load
    # balancer's latencies.
    dynamic "metric" {
      for_each = var.instances.scaling.response_time == null ? [] : [var.instances.scaling.response_time]

      content {
        name   = metric.value.metric
        type   = "GAUGE"
        target = metric.value.target
        filter = "resource.type = \"gce_instance\""
      }
    }

    # Ten minutes' worst is what a decision to shrink is made by, and a tenth goes at a time.
    scale_in_control {
      time_window_sec = 600

      max_scaled_in_replicas {
        percent = 10
      }
    }
  }
}
