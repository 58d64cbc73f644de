# Staging's data: production publishes what it has anonymised and its own scan has found no patient in; staging believes nothing that
# is not signed. Between the two lies a bucket and nothing else.

# Production's half.
module "staging_source" {
  source = "../../modules/staging/source"
  count  = local.is_production ? 1 : 0

  project         = local.project
  region          = local.region
  name            = "${local.project}-anonymised"
  service_account = module.sync_foundation.foundation.service_account
  planners        = { plan = local.planner, apply = local.deployer }

  staging = {
    project        = local.staging.project
    project_number = local.staging.project_number
    readers = {
      import = "august-sync@${local.staging.project}.iam.gserviceaccount.com"
      plan   = "deliver-plan@${local.staging.project}.iam.gserviceaccount.com"
      apply  = "deliver-apply@${local.staging.project}.iam.gserviceaccount.com"
    }
  }

  anonymization = var.refresh == "" ? null : {
    image              = module.sync.sync.image
    endpoint           = module.sync.sync.uri
    audience           = module.sync.sync.audience
    policy             = module.policy[0].policy
    signing_key_secret = module.signing_key[0].secrets.secrets["anonymization-signing-key"].reference
    triggers           = { refresh = var.refresh }
    database = {
      instance = module.database.database.connection_name
      name     = "august"
      user     = module.sync_foundation.foundation.database_user
    }
    network = { subnetwork = module.network.subnetworks[local.region].id, egress = "all_traffic" }
  }
}

# What exports are signed with, by which staging believes them. Its shell: whoever may adds the key, and staging is told the new public one.
module "signing_key" {
  source = "../../modules/secrets"
  count  = local.is_production ? 1 : 0

  project        = local.project
  project_number = local.environment.project_number
  environment    = terraform.workspace
  name           = "anonymization"
  labels         = local.labels

  secrets = { anonymization-signing-key = {} }
}

module "policy" {
  source = "../../modules/staging/policy"
  count  = var.attestation == null ? 0 : 1

  attestation = var.attestation
}

# Staging's half.
module "staging" {
  source = "../../modules/staging"
  count  = local.is_production ? 0 : 1

  project  = local.project
  region   = local.region
  labels   = local.labels
  database = module.database.database
  network  = merge(module.network.network, { subnetworks = module.network.subnetworks })

  production = {
    project = local.production.project
    cidrs   = values(local.production.cidrs)
  }

  dataset = var.signed_by == "" ? null : {
    image           = module.sync.sync.image
    service_account = module.sync_foundation.foundation.service_account
    bucket          = "gs://${local.production.project}-anonymised/clinic"
    public_key      = var.signed_by
    database = {
      name = "clinic"
      user = module.sync_foundation.foundation.database_user
    }
    network = { subnetwork = module.network.subnetworks[local.region].id, egress = "all_traffic" }
  }
}
