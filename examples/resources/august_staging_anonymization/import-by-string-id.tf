import {
  to = august_staging_anonymization.staging
  id = "feel-august-platform/us-central1/anonymise-for-staging"
}
