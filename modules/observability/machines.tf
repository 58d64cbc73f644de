# Ops Agent measures these in machines or, on Container-Optimized OS, which it is not made for, the system's own agent. Terraform may come before
# either has: an alert on a metric that is not known yet would be refused in any other language than PromQL.
locals {
  agent_alerts = merge([for group, name in local.groups : {
    "${group}-memory" = { urgency = "ticket", lasts = 900, title = "${name}'s machines run out of memory", query = "max(agent_googleapis_com:memory_percent_used{monitored_resource=\"gce_instance\",state=\"used\",metadata_system_instance_group=\"${group}\"} or compute_googleapis_com:guest_memory_percent_used{monitored_resource=\"gce_instance\",state=\"used\",metadata_system_instance_group=\"${group}\"}) > 90" }
    "${group}-disk"   = { urgency = "ticket", lasts = 900, title = "${name}'s disks fill", query = "max(agent_googleapis_com:disk_percent_used{monitored_resource=\"gce_instance\",state=\"used\",metadata_system_instance_group=\"${group}\"} or compute_googleapis_com:guest_disk_percent_used{monitored_resource=\"gce_instance\",metadata_system_instance_group=\"${group}\"}) > 85" }
  }]...)
}
