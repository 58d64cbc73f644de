output "database" {
  description = "The hardened instance: where it runs, and where it is reached."
  value = {
    connection_name = august_cloudsql_ha_policy.platform.connection_name
    address         = august_cloudsql_ha_policy.platform.address
    zone            = august_cloudsql_ha_policy.platform.zone
    secondary_zone  = august_cloudsql_ha_policy.platform.secondary_zone
  }
}

output "image" {
  description = "The image that runs, by digest."
  value       = august_runtime_image.sync.image
}

output "runtime" {
  description = "The deployed runtime."
  value = {
    uri      = august_sync_runtime.sync.uri
    audience = august_sync_runtime.sync.audience
    revision = august_sync_runtime.sync.revision
  }
}

output "pipeline" {
  description = "The pipeline's name on the runtime."
  value       = august_sync_pipeline.billing.name
}
