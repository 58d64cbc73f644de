# People reach instances through Identity-Aware Proxy, each as themselves, on the named ports only, and, when an access
# level is given, from a device and with a second factor that meet it. There is no other way in, and no address to attack.
locals {
  _iap_ports = var.iap == null ? "" : join(", ", [for port in sort([for port in var.iap.ports : format("%05d", port)]) : tostring(tonumber(port))])
  _iap_level = try(coalesce(var.iap.access_level), null)
}

resource "google_iap_tunnel_iam_member" "member" {
  for_each = toset(flatten([for iap in var.iap[*] : tolist(iap.members)]))

  project = var.project
  role    = "roles/iap.tunnelResourceAccessor"
  member  = each.value

  condition {
    title      = "${var.name}-iap"
    expression = join(" && ", compact(["destination.port in [${local._iap_ports}]", local._iap_level == null ? "" : "\"${local._iap_level}\" in request.auth.access_levels"]))
  }
}
