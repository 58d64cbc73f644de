import {
  to = august_cloudsql_ha_policy.platform
  id = "feel-august-platform/platform"
}
