# A secret that hashicorp/google has made is taken over, with the version that is in use. Take each google_secret_manager_secret_version
# out of the state with a removed block, so that it is not deleted. The plan shows how many older ones are usable, as keep_versions
# before the change: declare as many while something refers to one of them by its number, or they are disabled.
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
