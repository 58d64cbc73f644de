# What was made and taken in is told.

mock_provider "google" {
  mock_resource "google_project" {
    defaults = {
      number = "210987654321"
    }
  }
}

mock_provider "august" {
  mock_resource "august_staging_dataset" {
    defaults = {
      export          = "20270104T090000Z"
      manifest_sha256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
      snapshot        = "2027-01-04T09:00:00Z"
      rows            = 120000
    }
  }
}

run "staging_is_made_and_filled" {
  variables {
    project        = "feel-august-platform-staging"
    region         = "us-central1"
    create_project = { billing_account = "012345-6789AB-CDEF01", org_id = "123456789012" }
    production     = { project = "feel-august-platform", cidrs = ["10.10.0.0/20"] }
    database = {
      project         = "feel-august-platform-staging"
      instance        = "platform"
      connection_name = "feel-august-platform-staging:us-central1:platform"
      environment     = "staging"
    }
    dataset = {
      image           = "us-central1-docker.pkg.dev/feel-august-platform-staging/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      service_account = "august-import@feel-august-platform-staging.iam.gserviceaccount.com"
      bucket          = "gs://feel-august-anonymised/clinic"
      public_key      = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
      database        = { name = "clinic", user = "august-import@feel-august-platform-staging.iam" }
    }
  }

  assert {
    condition     = output.staging.project_number == "210987654321"
    error_message = "Others need the project's number."
  }

  assert {
    condition = output.staging.dataset == {
      export          = "20270104T090000Z"
      manifest_sha256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
      snapshot        = "2027-01-04T09:00:00Z"
      rows            = 120000
    }
    error_message = "Which export staging holds is told."
  }
}
