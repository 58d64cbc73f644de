import {
  to = august_index.open_claims
  id = "https://august-sync-abcdefghij-uc.a.run.app/v1/indexes/drchrono/appointments_open_claims?audience=august-sync:feel-august-platform:us-central1:august-sync"
}
