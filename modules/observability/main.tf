# What the other files have in common.
locals {
  labels   = merge(var.labels, { environment = var.environment })
  page     = var.environment == "production" ? "page" : "ticket"
  severity = { page = "CRITICAL", ticket = "WARNING" }

  groups = merge([for name, service in var.services : { for group in service.instance_groups : group => name }]...)

  # Filters of Cloud Monitoring: whose metrics. Other projects may be seen from here, with services of the same name.
  here = "resource.labels.project_id = \"${var.project}\""
  run = merge(
    { for name, service in var.services : name => "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${name}\" AND resource.labels.location = \"${service.region}\" AND ${local.here}" if service.kind == "cloud_run" },
    { for sync in var.sync[*] : "sync" => "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${sync.name}\" AND resource.labels.location = \"${sync.region}\" AND ${local.here}" },
  )
  balancer = { for name, service in var.services : name => "resource.type = \"https_lb_rule\" AND resource.labels.url_map_name = \"${service.url_map}\" AND ${local.here}" if service.kind == "load_balancer" }
}

# Further projects whose metrics are seen from this one.
resource "google_monitoring_monitored_project" "this" {
  for_each = var.monitored_projects

  metrics_scope = var.project
  name          = each.key
}

# A drill's figures are in the state and nowhere else, so a plan is where they can be held against the promise.
check "recovery_drills" {
  assert {
    condition     = alltrue([for drill in values(var.recovery_drills) : drill.passed && coalesce(drill.lost_rows, 0) == 0])
    error_message = "A recovery drill did not pass: ${join(", ", [for name, drill in var.recovery_drills : name if !(drill.passed && coalesce(drill.lost_rows, 0) == 0)])}. Its `failure` says why."
  }

  assert {
    condition     = alltrue([for drill in values(var.recovery_drills) : coalesce(drill.rto_seconds, 0) <= coalesce(drill.promise_seconds, var.objectives.recovery_seconds)])
    error_message = "A recovery took longer than was promised: ${join(", ", [for name, drill in var.recovery_drills : "${name} ${drill.rto_seconds} s of ${coalesce(drill.promise_seconds, var.objectives.recovery_seconds)}" if coalesce(drill.rto_seconds, 0) > coalesce(drill.promise_seconds, var.objectives.recovery_seconds)])}."
  }

  assert {
    condition     = alltrue([for drill in values(var.recovery_drills) : timecmp(timeadd(drill.ran_at, "2400h"), plantimestamp()) > 0])
    error_message = "A promise of recovery that was not rehearsed for 100 days is a hope: change the triggers of ${join(", ", [for name, drill in var.recovery_drills : name if timecmp(timeadd(drill.ran_at, "2400h"), plantimestamp()) <= 0])}."
  }
}
