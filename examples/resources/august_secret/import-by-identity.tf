import {
  to = august_secret.coda
  identity = {
    project = "feel-august-platform"
    name    = "coda-token"
  }
}
