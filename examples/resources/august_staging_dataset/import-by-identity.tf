import {
  to = august_staging_dataset.clinic
  identity = {
    project  = "feel-august-platform-staging"
    location = "us-central1"
    name     = "import-staging-dataset"
  }
}
