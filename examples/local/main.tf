# One plan: a database made highly available, the sync runtime packed and deployed, and three pipelines
# declared on it, billing, labs and patients. The workspace chooses the environment.

locals {
  environments = {
    production = {
      project  = "feel-august-platform"
      coda_doc = "dAugustProduction"
      schedule = "*/15 * * * *"
      labs     = "20 * * * *"
      patients = "50 */6 * * *"
      # Week 5 follows staging's week 1, so that staging meets every Cloud SQL update first.
      update_track  = "week5"
      max_instances = 3
      exports       = true
    }
    staging = {
      project       = "feel-august-platform-staging"
      coda_doc      = "dAugustStaging"
      schedule      = "0 * * * *"
      labs          = "40 */4 * * *"
      patients      = "10 */12 * * *"
      update_track  = "canary"
      max_instances = 1
      exports       = false
    }
  }

  environment = local.environments[terraform.workspace]
  project     = local.environment.project
  location    = "us-central1"

  # Reached alike: the database that the pipelines write, and in staging the one that takes in production's data, anonymised.
  database = {
    instance        = august_cloudsql_ha_policy.platform.instance
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
  }
}

provider "august" {
  project                     = local.project
  region                      = local.location
  impersonate_service_account = "terraform@${local.project}.iam.gserviceaccount.com"
}

resource "august_cloudsql_ha_policy" "platform" {
  instance          = "platform"
  availability_type = "REGIONAL"

  point_in_time_recovery = {
    retention_days = 7
  }

  backup = {
    start_time       = "07:00"
    retained_backups = 30
  }

  # Sunday 08:00 UTC is between one and four in the morning across the United States.
  maintenance_window = {
    day          = "sunday"
    hour         = 8
    update_track = local.environment.update_track
  }

  insights = {
    query_plans_per_minute = 5
  }

  database_flags = {
    log_lock_waits                      = "on"
    idle_in_transaction_session_timeout = "60000"
  }
}

# The very module that examples/platform applies on Google Cloud.
module "sync" {
  source = "../../modules/sync"

  project         = local.project
  region          = local.location
  service_account = "august-sync@${local.project}.iam.gserviceaccount.com"
  database        = merge(local.database, { name = "august" })

  image = {
    repository = "${var.registry}/${local.project}/august/august-sync"
    tags       = [terraform.workspace]
  }

  drchrono = {
    url            = var.drchrono_url
    oauth_secret   = "drchrono-oauth"
    webhook_secret = "drchrono-webhook"
  }

  # Deliveries of the webhook wait here, in the order of each object, until they are applied.
  pubsub = {
    topic        = "drchrono-deliveries"
    subscription = "august-sync"
  }

  coda = {
    url          = var.coda_url
    token_secret = "coda-token"
  }

  control = {
    allowed_callers = ["terraform@${local.project}.iam.gserviceaccount.com"]
    issuer          = var.oidc_issuer
  }

  scaling = {
    max_instances = local.environment.max_instances
  }

  # Nobody's traffic is at stake here: a new revision that has passed its self-test has everything at once.
  rollout = { steps = [] }

  # All draw on one budget of calls: DrChrono counts them per application and clock hour.
  pipelines = {
    billing = {
      schedule = local.environment.schedule

      # What DrChrono tells of by itself is in the tables within a second; the schedule brings the rest, and confirms.
      webhook_events = [
        "APPOINTMENT_CREATE", "APPOINTMENT_MODIFY", "APPOINTMENT_DELETE", "LINE_ITEM_CREATE", "LINE_ITEM_MODIFY", "LINE_ITEM_DELETE",
        "LINE_ITEM_TRANSACTION_DELETE", "CASH_PAYMENT_DELETE",
      ]

      coda_views = {
        billing_summary = {
          doc_id     = local.environment.coda_doc
          table_id   = "grid-billing-summary"
          key_column = "c-key"
          columns = {
            month          = "c-month"
            status         = "c-status"
            payer          = "c-payer"
            claims         = "c-claims"
            billed         = "c-billed"
            insurance_paid = "c-insurance-paid"
            patient_paid   = "c-patient-paid"
            balance        = "c-balance"
          }
        }
      }
    }

    labs = {
      schedule       = local.environment.labs
      webhook_events = ["LAB_ORDER_CREATE", "LAB_ORDER_MODIFY", "LAB_ORDER_DELETE"]

      # What waits for a clinician, a row each, by a key that leads to the patient in the database only. The columns
      # that could tell whose result it is stay out: test, observation and doctor, see phi_columns.
      coda_views = {
        abnormal_results = {
          doc_id     = local.environment.coda_doc
          table_id   = "grid-abnormal-results"
          key_column = "c-key"
          columns = {
            abnormal_state = "c-abnormal-state"
            direction      = "c-direction"
            severity       = "c-severity"
            basis          = "c-basis"
            review         = "c-review"
            reason         = "c-reason"
          }
        }
      }
    }

    # Who the visits and results are about. It has no view in Coda, and stays in the database.
    patients = {
      schedule       = local.environment.patients
      webhook_events = ["PATIENT_CREATE", "PATIENT_MODIFY"]
    }
  }
}
