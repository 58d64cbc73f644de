import {
  to = august_sync_runtime.sync
  id = "feel-august-platform/us-central1/august-sync"
}
