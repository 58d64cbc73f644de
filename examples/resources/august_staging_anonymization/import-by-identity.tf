import {
  to = august_staging_anonymization.staging
  identity = {
    project  = "feel-august-platform"
    location = "us-central1"
    name     = "anonymise-for-staging"
  }
}
