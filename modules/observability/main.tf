# What the other files have in common.
locals {
  labels   = merge(var.labels, { environment = var.environment })
  page     = var.environment == "production" ? "page" : "ticket"
  severity = { page = "CRITICAL", ticket = "WARNING" }

  # Seconds that each drill was promised to take: its max_rto, written as Go does ("1h30m"), or the objective.
  recovery_promises = { for name, drill in var.recovery_drills : name => drill.max_rto == null ? var.objectives.recovery_seconds : sum([
    for part in regexall("([0-9.]+)(ms|s|m|h)", drill.max_rto) : tonumber(part[0]) * { ms = 0.001, s = 1, m = 60, h = 3600 }[part[1]]
  ]) }

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
    condition     = alltrue([for name, drill in var.recovery_drills : coalesce(drill.rto_seconds, 0) <= local.recovery_promises[name]])
    error_message = "A recovery took longer than was promised: ${join(", ", [for name, drill in var.recovery_drills : "${name} ${drill.rto_seconds} s of ${local.recovery_promises[name]}" if coalesce(drill.rto_seconds, 0) > local.recovery_promises[name]])}."
  }

  assert {
    condition     = alltrue([for drill in values(var.recovery_drills) : timecmp(timeadd(drill.ran_at, "2400h"), plantimestamp()) > 0])
    error_message = "A promise of recovery that was not rehearsed for 100 days is a hope: change the triggers of ${join(", ", [for name, drill in var.recovery_drills : name if timecmp(timeadd(drill.ran_at, "2400h"), plantimestamp()) <= 0])}."
  }
}
