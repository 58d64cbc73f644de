resource "august_sync_pipeline" "billing" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  name     = "billing"
  dataset  = "billing"
  schedule = "*/15 * * * *"

  # What this practice calls a claim that waits for its own signature.
  status_overrides = {
    "Awaiting Signature" = "pending"
  }

  # Totals per month, status and payer; no column of this view identifies a patient.
  coda_views = {
    billing_summary = {
      doc_id     = "dAugustProduction"
      table_id   = "grid-billing-summary"
      key_column = "c-key"
      columns = {
        month  = "c-month"
        status = "c-status"
        payer  = "c-payer"
        claims = "c-claims"
        billed = "c-billed"
      }
    }
  }
}

resource "august_sync_pipeline" "labs" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  name     = "labs"
  dataset  = "labs"
  schedule = "20 * * * *"

  # The results that wait for a clinician, a row each. What could tell whose they are stays out: the test, the
  # observation and the doctor would have to be named in phi_columns.
  coda_views = {
    abnormal_results = {
      doc_id     = "dAugustProduction"
      table_id   = "grid-abnormal-results"
      key_column = "c-key"
      columns = {
        severity  = "c-severity"
        direction = "c-direction"
        review    = "c-review"
        reason    = "c-reason"
      }
    }
  }
}
