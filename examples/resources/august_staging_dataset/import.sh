# By project, location and name; or by resource name.
terraform import august_staging_dataset.clinic feel-august-platform-staging/us-central1/import-staging-dataset
terraform import august_staging_dataset.clinic projects/feel-august-platform-staging/locations/us-central1/jobs/import-staging-dataset
