# A service that hashicorp/google has made is taken over as it is, and goes on serving.
moved {
  from = google_cloud_run_v2_service.sync
  to   = august_sync_runtime.sync
}
