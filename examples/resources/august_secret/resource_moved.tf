# A secret that hashicorp/google has made is taken over. Its versions stay: take each google_secret_manager_secret_version
# out of the state with a removed block, so that it is not deleted.
moved {
  from = google_secret_manager_secret.coda
  to   = august_secret.coda
}

removed {
  from = google_secret_manager_secret_version.coda

  lifecycle {
    destroy = false
  }
}
