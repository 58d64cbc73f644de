# By project, location and name; or by resource name.
terraform import august_staging_anonymization.staging feel-august-platform/us-central1/anonymise-for-staging
terraform import august_staging_anonymization.staging projects/feel-august-platform/locations/us-central1/jobs/anonymise-for-staging
