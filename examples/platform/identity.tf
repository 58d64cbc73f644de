module "identity" {
  source = "../../modules/identity"

  project        = local.project
  project_number = local.environment.project_number
  environment    = terraform.workspace
  data_class     = local.is_production ? "phi" : "general"
  workload_pools = [module.delivery.delivery.workload_identity_pool]
  organization   = { id = "123456789012" }

  # Nobody has standing access to patients' data. Who needs it asks, says why, is approved by somebody else, and has it for an hour.
  phi_access = local.is_production ? {
    on-call = {
      eligible  = ["platform-oncall@feel-august.example"]
      approvers = ["privacy-office@feel-august.example"]
      notify    = ["privacy-office@feel-august.example"]
    }
  } : {}

  # Whose services reach data here all the same: the website backend the database, and staging's import the one-way bucket.
  human_denial = {
    trusted_projects = { staging = local.staging.project_number, website = local.environment.website.project_number }
  }
}

module "delivery" {
  source = "../../modules/delivery"

  project        = local.project
  project_number = local.environment.project_number
  environment    = terraform.workspace
  region         = local.region
  labels         = local.labels

  github = {
    repository    = "feel-august/platform"
    owner_id      = "1000001"
    repository_id = "1000002"
  }

  state = {
    bucket = local.environment.state_bucket
    prefix = "platform"
  }
}
