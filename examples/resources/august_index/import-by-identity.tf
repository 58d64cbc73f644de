import {
  to = august_index.open_claims
  identity = {
    endpoint = "https://august-sync-abcdefghij-uc.a.run.app"
    audience = "august-sync:feel-august-platform:us-central1:august-sync"
    schema   = "drchrono"
    name     = "appointments_open_claims"
  }
}
