# Recovery, rehearsed: the plan that promises it also measures it. A failover takes the database away for
# seconds, so a drill has a name, and is run only when the name changes.

resource "august_recovery_drill" "failover" {
  count = var.drill == "" ? 0 : 1

  instance = august_cloudsql_ha_policy.platform.instance
  kind     = "failover"
  endpoint = module.sync.sync.uri
  audience = module.sync.sync.audience
  max_rto  = "2m"

  triggers = {
    drill = var.drill
  }
}

# Restores to a clone, compares it and deletes it; the database goes on serving.
resource "august_recovery_drill" "restore" {
  count = var.drill == "" ? 0 : 1

  instance = august_cloudsql_ha_policy.platform.instance
  kind     = "point_in_time_restore"
  endpoint = module.sync.sync.uri
  audience = module.sync.sync.audience

  triggers = {
    drill = var.drill
  }
}
