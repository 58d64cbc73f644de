# For a list of open claims, the newest first, which reads little else. It is made beside those who read and write.
resource "august_index" "open_claims" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  schema   = "drchrono"
  table    = "appointments"
  name     = "appointments_open_claims"

  columns = [
    { column = "billing_status" },
    { column = "scheduled_time", order = "desc" },
  ]
  include = ["doctor"]
  where   = "deleted_at_source IS NULL"
}

# For searches by the beginning of a name that take no notice of case. Its name follows from what it is, so that another
# definition is another index, which is made before this one is dropped.
resource "august_index" "insurer" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  schema   = "drchrono"
  table    = "appointments"

  columns = [{ expression = "lower(primary_insurer_name)", operator_class = "text_pattern_ops" }]

  lifecycle {
    create_before_destroy = true
  }
}
