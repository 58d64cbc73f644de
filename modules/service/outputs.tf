output "dns_records" {
  description = "DNS records that the hosts need, by host and use (`app.example.com/address`, `app.example.com/authorization`): name, type and data."
  value       = local.dns_records
}

output "service" {
  description = "The service: what dashboards, alerts, budgets of connections and deployments need to know of it."
  value = {
    addresses        = { for front, address in google_compute_global_address.front : front => address.address }
    backend_services = { for release, backend in local.backends : release => backend.name }
    data_class       = var.data_class
    hosts            = { for host, it in var.hosts : host => { tls = it.tls_exception == null ? "TLS_1_3" : "TLS_1_2" } }
    instance_groups  = toset([for group in google_compute_region_instance_group_manager.instances : group.name])
    kind             = var.cloud_run == null ? "instances" : "cloud_run"
    max_instances    = local.max_instances
    name             = var.name
    project          = var.project
    regions          = var.cloud_run == null ? sort(keys(var.instances.regions)) : sort(var.cloud_run.regions)
    service_account  = var.cloud_run == null ? var.instances.service_account : null
    url_maps         = { for front, map in google_compute_url_map.front : front => map.name }
  }
  depends_on = [
    google_compute_global_forwarding_rule.front,
    google_compute_region_autoscaler.instances,
    google_project_iam_member.instances,
  ]
}
