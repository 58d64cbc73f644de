# In production: what is published has been anonymised by this policy, scanned, and signed. The policy is closed, so that this one
# is only the beginning of one; august_schema_coverage writes the rest.
resource "august_staging_anonymization" "staging" {
  name            = "anonymise-for-staging"
  image           = august_runtime_image.sync.image
  service_account = "august-sync@feel-august-platform.iam.gserviceaccount.com"
  endpoint        = august_sync_runtime.sync.uri
  audience        = august_sync_runtime.sync.audience
  bucket          = "gs://feel-august-anonymised/clinic"

  database = {
    instance = august_cloudsql_ha_policy.platform.instance
    name     = "august"
    user     = "august-sync@feel-august-platform.iam"
  }

  # openssl genpkey -algorithm ed25519. Whoever can read it can vouch for what nobody scanned.
  signing_key_secret = "anonymization-signing-key"

  policy = {
    method = "safe_harbor"

    # 45 CFR 164.514(b)(2)(ii): no actual knowledge that what is left could identify somebody.
    attestation = {
      by      = "Privacy Officer"
      expires = "2099-12-31"
    }

    subject = {
      table = "drchrono.patients"
      key   = "id"
    }

    tables = {
      "drchrono.patients" = {
        columns = {
          id            = { transformer = "surrogate" }
          first_name    = { transformer = "name", part = "first" }
          last_name     = { transformer = "name", part = "last" }
          date_of_birth = { transformer = "year" }
          zip_code      = { transformer = "zip3" }
          email         = { transformer = "email" }
        }
      }
      "drchrono.appointments" = {
        subject = ["patient"]
        columns = {
          id             = { transformer = "surrogate" }
          patient        = { transformer = "surrogate" }
          scheduled_time = { transformer = "year" }
          notes          = { transformer = "text" }
        }
      }
    }

    exclude = {
      "august.*" = "the runtime's own state, of which staging has its own"
    }

    quasi_identifiers = [{
      table   = "drchrono.patients"
      columns = ["zip_code", "date_of_birth", "gender"]
      k       = 0 # reported, and no reason to fail
    }]
  }
}

output "evidence" {
  value = {
    verdict     = august_staging_anonymization.staging.verdict
    policy_hash = august_staging_anonymization.staging.policy_hash
    scan        = august_staging_anonymization.staging.scan
    k_anonymity = august_staging_anonymization.staging.k_anonymity
  }
}
