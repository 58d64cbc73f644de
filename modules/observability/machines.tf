# Ops Agent measures these in machines, and Terraform may come before it has: an alert on a metric that is not known yet would be refused in
# any other language than PromQL.
locals {
  agent_alerts = merge([for group, name in local.groups : {
    "${group}-memory" = { urgency = "ticket", lasts = 900, title = "${name}'s machines run out of memory", query = "max(agent_googleapis_com:memory_percent_used{monitored_resource=\"gce_instance\",state=\"used\",metadata_system_instance_group=\"${group}\"}) > 90" }
    "${group}-disk"   = { urgency = "ticket", lasts = 900, title = "${name}'s disks fill", query = "max(agent_googleapis_com:disk_percent_used{monitored_resource=\"gce_instance\",state=\"used\",metadata_system_instance_group=\"${group}\"}) > 85" }
  }]...)
}
