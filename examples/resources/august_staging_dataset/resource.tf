# In staging, which has a project, an instance and a service account of its own. There is no way from here to production's database:
# what is taken in comes out of the bucket, if the key that is trusted has signed it.
resource "august_staging_dataset" "clinic" {
  project         = "feel-august-platform-staging"
  name            = "import-staging-dataset"
  image           = august_runtime_image.sync.image
  service_account = "august-sync@feel-august-platform-staging.iam.gserviceaccount.com"
  bucket          = "gs://feel-august-anonymised/clinic"

  database = {
    instance = "platform" # of the staging project
    name     = "clinic"
    user     = "august-sync@feel-august-platform-staging.iam"
  }

  # In a configuration of its own, staging has the key as a variable, and leaves export out: then a newer one shows as a change.
  public_key = august_staging_anonymization.staging.public_key
  export     = august_staging_anonymization.staging.export
}
