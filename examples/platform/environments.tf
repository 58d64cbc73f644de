# One configuration, two environments: all that differs is here. Everything is made up; put your own in its place.

locals {
  environments = {
    production = {
      project        = "feel-august-platform"
      project_number = "123456789012"
      state_bucket   = "feel-august-platform-tfstate"
      website        = { project = "feel-august-website", project_number = "333333333333" }
      host           = "hooks.feel-august.example"
      cidrs          = { us-central1 = "10.10.0.0/20", us-east1 = "10.10.16.0/20" }

      tier          = "db-custom-4-15360"
      replica       = true
      max_instances = 3
      drill         = "2027-Q1" # a recovery is rehearsed when this changes
      low_traffic   = { day = "sunday", hour = 8 }

      coda_doc  = "dAugustProduction"
      schedules = { billing = "*/15 * * * *", labs = "20 * * * *", patients = "50 */6 * * *" }

      budget = 3000
      lock   = true # of the audit trail: nobody can undo it
    }

    staging = {
      project        = "feel-august-platform-staging"
      project_number = "210987654321"
      state_bucket   = "feel-august-platform-staging-tfstate"
      website        = { project = "feel-august-website-staging", project_number = "444444444444" }
      host           = "hooks.staging.feel-august.example"
      cidrs          = { us-central1 = "10.20.0.0/20", us-east1 = "10.20.16.0/20" }

      tier          = "db-custom-2-7680"
      replica       = false
      max_instances = 2
      drill         = "2027-Q1"
      low_traffic   = { day = "saturday", hour = 8 }

      coda_doc  = "dAugustStaging"
      schedules = { billing = "0 * * * *", labs = "40 */4 * * *", patients = "10 */12 * * *" }

      budget = 1000
      lock   = false
    }
  }

  # A workspace that is no environment, such as default, fails here.
  environment = local.environments[terraform.workspace]
  production  = local.environments.production
  staging     = local.environments.staging

  project  = local.environment.project
  region   = "us-central1"
  deployer = module.delivery.delivery.service_accounts["apply"].email
  planner  = module.delivery.delivery.service_accounts["plan"].email

  is_production = terraform.workspace == "production"
  labels        = { environment = terraform.workspace, part_of = "feel-august" }
}
