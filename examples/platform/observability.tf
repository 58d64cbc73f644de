module "observability" {
  source = "../../modules/observability"

  project        = local.project
  project_number = local.environment.project_number
  name           = "platform"
  environment    = terraform.workspace
  region         = local.region
  labels         = local.labels

  channels = {
    on-call = { email = "platform-oncall@feel-august.example" }
  }

  sync = {
    name                     = module.sync.sync.name
    region                   = local.region
    uri                      = module.sync.sync.uri
    subscription             = module.sync_foundation.foundation.pubsub.subscription
    dead_letter_subscription = module.sync_foundation.foundation.dead_letter_subscription
  }

  database = {
    instance        = module.database.database.instance
    max_connections = module.database.database.max_connections
    replicas        = module.database.database.replicas
  }

  recovery_drills = module.database.drills

  budget = {
    billing_account = "012345-6789AB-CDEF01"
    amount          = local.environment.budget
  }
}
