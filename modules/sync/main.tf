# The sync, deployed: the runtime's image, the service that runs it and the pipelines on it. What it stands on, its queue,
# its account and its secrets, is ./foundation's on Google Cloud, and the landing zone's in a local cloud: this module
# asks for no other provider than august, so that one and the same module runs in both.

resource "august_runtime_image" "sync" {
  repository = var.image.repository
  tags       = var.image.tags
}

locals {
  steps = length(var.rollout.steps) > 0
}

resource "august_sync_runtime" "sync" {
  project              = var.project
  location             = var.region
  name                 = var.name
  image                = august_runtime_image.sync.image
  service_account      = var.service_account
  database             = var.database
  drchrono             = var.drchrono
  pubsub               = var.pubsub
  coda                 = var.coda
  audit                = var.audit
  advice               = var.advice
  control              = var.control
  scaling              = var.scaling
  concurrency          = var.concurrency
  cpu                  = var.cpu
  memory               = var.memory
  network              = var.network
  ingress              = var.ingress
  public               = var.public
  binary_authorization = var.binary_authorization
  labels               = length(var.labels) > 0 ? var.labels : null
  deletion_protection  = var.deletion_protection

  rollout = !local.steps && var.rollout.verify == null ? null : {
    steps     = local.steps ? var.rollout.steps : null
    bake_time = local.steps ? var.rollout.bake_time : null
    verify    = var.rollout.verify
  }
}

resource "august_sync_pipeline" "pipelines" {
  for_each = var.pipelines

  endpoint         = august_sync_runtime.sync.uri
  audience         = august_sync_runtime.sync.audience
  name             = each.key
  dataset          = coalesce(each.value.dataset, each.key)
  schedule         = each.value.schedule
  webhook_events   = each.value.webhook_events
  coda_views       = each.value.coda_views
  reconcile        = each.value.reconcile
  status_overrides = each.value.status_overrides
  paused           = each.value.paused
}
