module "sync_foundation" {
  source = "../../modules/sync/foundation"

  project        = local.project
  project_number = local.environment.project_number
  environment    = terraform.workspace
  labels         = local.labels
  deployers      = { apply = "serviceAccount:${local.deployer}" }
}

# The very module that examples/local applies on a local cloud.
module "sync" {
  source = "../../modules/sync"

  project         = local.project
  region          = local.region
  service_account = module.sync_foundation.foundation.service_account
  pubsub          = module.sync_foundation.foundation.pubsub
  labels          = local.labels

  # The same provider packs the same image, to the byte, for both environments: what staging has tried is what production runs.
  image = {
    repository = "${module.delivery.delivery.repositories["august"].url}/august-sync"
  }

  # It runs because the pipeline has vouched for it (module.delivery).
  binary_authorization = true

  database = {
    instance        = module.database.database.connection_name
    name            = "august"
    user            = module.sync_foundation.foundation.database_user
    max_connections = module.database.database.max_connections
  }

  drchrono = {
    oauth_secret   = module.sync_foundation.foundation.secrets["drchrono-oauth"]
    webhook_secret = module.sync_foundation.foundation.secrets["drchrono-webhook"]
  }

  coda = {
    token_secret = module.sync_foundation.foundation.secrets["coda-token"]
  }

  audit = {
    bucket = module.audit_trail.bucket.url
  }

  control = {
    allowed_callers = [local.deployer]
    allowed_readers = [local.planner] # it plans what nobody has approved yet
  }

  scaling = {
    max_instances = local.environment.max_instances
  }

  network = {
    network    = module.network.network.id
    subnetwork = module.network.subnetworks[local.region].id
  }

  pipelines = {
    billing = {
      schedule = local.environment.schedules.billing
      webhook_events = [
        "APPOINTMENT_CREATE", "APPOINTMENT_MODIFY", "APPOINTMENT_DELETE", "LINE_ITEM_CREATE", "LINE_ITEM_MODIFY", "LINE_ITEM_DELETE",
        "LINE_ITEM_TRANSACTION_DELETE", "CASH_PAYMENT_DELETE",
      ]
      reconcile = { schedule = "0 4 * * 0", repair = true }
      coda_views = {
        billing_summary = {
          doc_id     = local.environment.coda_doc
          table_id   = "grid-billing-summary"
          key_column = "c-key"
          columns    = { month = "c-month", status = "c-status", payer = "c-payer", claims = "c-claims", billed = "c-billed", balance = "c-balance" }
        }
      }
    }

    labs = {
      schedule       = local.environment.schedules.labs
      webhook_events = ["LAB_ORDER_CREATE", "LAB_ORDER_MODIFY", "LAB_ORDER_DELETE"]
      coda_views = {
        abnormal_results = {
          doc_id     = local.environment.coda_doc
          table_id   = "grid-abnormal-results"
          key_column = "c-key"
          columns    = { severity = "c-severity", direction = "c-direction", review = "c-review", reason = "c-reason" }
        }
      }
    }

    patients = {
      schedule       = local.environment.schedules.patients
      webhook_events = ["PATIENT_CREATE", "PATIENT_MODIFY"]
    }
  }
}

# The heads of the audit trail's blocks: who can write everything in the database cannot make the trail anew unseen.
module "audit_trail" {
  source = "../../modules/storage"

  project   = local.project
  name      = "${local.project}-audit-trail"
  labels    = local.labels
  retention = { days = 2200, locked = local.environment.lock }

  iam = {
    sync = { role = "roles/storage.objectCreator", member = module.sync_foundation.foundation.member }
  }
}
