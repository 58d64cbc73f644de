module "database" {
  source = "../../modules/database"

  project     = local.project
  name        = "platform"
  region      = local.region
  environment = terraform.workspace
  tier        = local.environment.tier
  maintenance = local.environment.low_traffic
  labels      = local.labels

  access = {
    psc = {
      auto_connect      = { platform = module.network.network.id }
      consumer_projects = [local.environment.website.project]
    }
  }

  databases = merge({ august = {} }, local.is_production ? {} : { clinic = {} })

  iam_users = {
    sync    = { email = module.sync_foundation.foundation.service_account, database_roles = ["cloudsqlsuperuser"] } # it migrates
    website = { email = "website@${local.environment.website.project}.iam.gserviceaccount.com" }                    # and sees what a migration grants it
  }

  # Across the country, and never in staging: what is there can be made anew.
  replica = local.environment.replica ? { name = "platform-east", region = "us-east1" } : null

  # What may ever connect at once is held against what PostgreSQL accepts, at plan.
  services = {
    sync    = { max_instances = local.environment.max_instances, pool_max = 4, overlap_instances = 1, job_connections = 2 }
    website = { max_instances = 10, pool_max = 5 }
  }

  drills = {
    restore = {
      kind     = "point_in_time_restore"
      endpoint = module.sync.sync.uri
      audience = module.sync.sync.audience
      triggers = { drill = local.environment.drill }
    }
  }
}
