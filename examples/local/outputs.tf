# Not its zones: a failover moves them, and the next plan would show a change of outputs.
output "database" {
  description = "The hardened instance: where it is reached."
  value = {
    connection_name = august_cloudsql_ha_policy.platform.connection_name
    address         = august_cloudsql_ha_policy.platform.address
  }
}

output "image" {
  description = "The image that runs, by digest."
  value       = module.sync.sync.image
}

output "runtime" {
  description = "The deployed runtime."
  value = {
    uri         = module.sync.sync.uri
    webhook_url = module.sync.sync.webhook_url
    audience    = module.sync.sync.audience
    revision    = module.sync.sync.revision
  }
}

output "pipelines" {
  description = "The pipelines' names on the runtime, by dataset."
  value       = { for pipeline in module.sync.pipelines : pipeline.dataset => pipeline.name }
}

output "recovery_drills" {
  description = "What the recovery drills measured; null before the first."
  value = {
    failover = one([for drill in august_recovery_drill.failover : {
      passed            = drill.passed
      rto_seconds       = drill.rto_seconds
      acknowledged_rows = drill.acknowledged_rows
      lost_rows         = drill.lost_rows
      zone_before       = drill.zone_before
      zone_after        = drill.zone_after
    }])
    restore = one([for drill in august_recovery_drill.restore : {
      passed                    = drill.passed
      rto_seconds               = drill.rto_seconds
      lost_rows                 = drill.lost_rows
      recoverable_after_seconds = drill.recoverable_after_seconds
      tables_verified           = drill.tables_verified
      tables_changing           = drill.tables_changing
    }])
  }
}

output "anonymised" {
  description = "What production's newest export says of itself; null before the first, and in staging."
  value = one([for export in august_staging_anonymization.clinic : {
    export      = export.export
    verdict     = export.verdict
    method      = export.method
    policy_hash = export.policy_hash
    key_id      = export.key_id
    public_key  = export.public_key
    tables      = export.tables
    scan        = export.scan
    k_anonymity = export.k_anonymity
  }])
}

output "dataset" {
  description = "What staging has taken in; null in production."
  value = one([for dataset in august_staging_dataset.clinic : {
    export      = dataset.export
    policy_hash = dataset.policy_hash
    rows        = dataset.rows
    tables      = dataset.tables
  }])
}

output "advice" {
  description = "What was measured and what follows from it; null unless `advise` is set."
  value = !var.advise ? null : {
    indexes = {
      proof      = data.august_index_advice.clinic[0].proof
      statements = data.august_index_advice.clinic[0].statements
      missing    = coalesce(data.august_index_advice.clinic[0].proposals, [])[*].statement
      useless    = coalesce(data.august_index_advice.clinic[0].useless, [])[*].statement
      problems   = data.august_index_advice.clinic[0].problems
    }
    capacity = {
      fits                  = data.august_capacity_advice.platform[0].fits
      connections           = data.august_capacity_advice.platform[0].connections
      available_connections = data.august_capacity_advice.platform[0].available_connections
      sync                  = data.august_capacity_advice.platform[0].advice["sync"]
    }
  }
}
