import {
  to = august_cloudsql_ha_policy.platform
  identity = {
    project  = "feel-august-platform"
    instance = "platform"
  }
}
