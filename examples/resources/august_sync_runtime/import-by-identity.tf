import {
  to = august_sync_runtime.sync
  identity = {
    project  = "feel-august-platform"
    location = "us-central1"
    name     = "august-sync"
  }
}
