import {
  to = august_staging_dataset.clinic
  id = "feel-august-platform-staging/us-central1/import-staging-dataset"
}
