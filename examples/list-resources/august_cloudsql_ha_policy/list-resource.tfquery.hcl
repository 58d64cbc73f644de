# Every instance that a policy can be put on, with what it is set to now.
list "august_cloudsql_ha_policy" "all" {
  provider         = august
  include_resource = true
  limit            = 20

  config {
    project = "feel-august-platform"
  }
}
