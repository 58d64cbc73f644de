import {
  to = august_sync_pipeline.billing
  id = "https://august-sync-abcdefghij-uc.a.run.app/v1/pipelines/billing"
}
