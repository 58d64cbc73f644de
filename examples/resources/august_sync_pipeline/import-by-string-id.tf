import {
  to = august_sync_pipeline.billing
  id = "https://august-sync-abcdefghij-uc.a.run.app/v1/pipelines/billing?audience=august-sync:feel-august-platform:us-central1:august-sync"
}
