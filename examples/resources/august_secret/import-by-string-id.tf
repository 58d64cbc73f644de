import {
  to = august_secret.coda
  id = "feel-august-platform/coda-token"
}
