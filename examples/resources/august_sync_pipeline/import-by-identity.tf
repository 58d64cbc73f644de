import {
  to = august_sync_pipeline.billing
  identity = {
    endpoint = "https://august-sync-abcdefghij-uc.a.run.app"
    audience = "august-sync:feel-august-platform:us-central1:august-sync"
    name     = "billing"
  }
}
