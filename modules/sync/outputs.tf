output "pipelines" {
  description = "The pipelines, by name: dataset, schedule, what goes to Coda and how often the declaration has changed."
  value = {
    for name, pipeline in august_sync_pipeline.pipelines : name => {
      id         = pipeline.id
      name       = pipeline.name
      dataset    = pipeline.dataset
      endpoint   = pipeline.endpoint
      schedule   = pipeline.schedule
      coda_views = pipeline.coda_views
      generation = pipeline.generation
    }
  }
}

output "sync" {
  description = "The runtime: where it is, what it runs, and whether it runs as it was last asked to."
  value = {
    project         = var.project
    region          = var.region
    name            = august_sync_runtime.sync.name
    uri             = august_sync_runtime.sync.uri
    audience        = august_sync_runtime.sync.audience
    webhook_url     = august_sync_runtime.sync.webhook_url
    image           = august_runtime_image.sync.image
    digest          = august_runtime_image.sync.digest
    revision        = august_sync_runtime.sync.revision
    ready           = august_sync_runtime.sync.ready
    problem         = august_sync_runtime.sync.problem
    service_account = var.service_account
  }
}
