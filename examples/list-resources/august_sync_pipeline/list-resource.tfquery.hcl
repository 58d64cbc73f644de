list "august_sync_pipeline" "sync" {
  provider         = august
  include_resource = true

  config {
    endpoint = "https://august-sync-123456789012.us-central1.run.app"
    audience = "august-sync:feel-august-platform:us-central1:august-sync"
  }
}
