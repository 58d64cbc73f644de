# Staging's data: made of production's by a job there, which publishes nothing that its own scan finds a patient in, and taken in by
# a job in staging, which believes nothing that is not signed. Between the two lies a bucket and nothing else. A refresh has a
# name, and is run only when the name changes; staging then takes what was published last, into a database that no pipeline writes to.

locals {
  anonymised = "gs://feel-august-anonymised/clinic"
}

module "policy" {
  source = "../../modules/staging/policy"

  attestation = {
    by      = "the demo's operator: every patient of the local cloud is invented"
    expires = "2099-12-31"
  }
}

resource "august_staging_anonymization" "clinic" {
  count = local.environment.exports && var.refresh != "" ? 1 : 0

  name               = "august-anonymize"
  image              = module.sync.sync.image
  service_account    = "august-sync@${local.project}.iam.gserviceaccount.com"
  database           = merge(local.database, { name = "august" })
  bucket             = local.anonymised
  signing_key_secret = "anonymization-signing-key"

  # The runtime tells at each plan what the database is made of: a column that the policy does not name fails it.
  endpoint = module.sync.sync.uri
  audience = module.sync.sync.audience
  policy   = module.policy.policy

  triggers = {
    refresh = var.refresh
  }
}

resource "august_staging_dataset" "clinic" {
  count = !local.environment.exports && var.signed_by != "" ? 1 : 0

  name            = "august-dataset"
  image           = module.sync.sync.image
  service_account = "august-sync@${local.project}.iam.gserviceaccount.com"
  database        = merge(local.database, { name = "clinic" })
  bucket          = local.anonymised
  public_key      = var.signed_by
}
