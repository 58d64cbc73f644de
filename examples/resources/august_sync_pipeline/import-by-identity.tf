import {
  to = august_sync_pipeline.billing
  identity = {
    endpoint = "https://august-sync-abcdefghij-uc.a.run.app"
    name     = "billing"
  }
}
