# What was published is told to staging, and its evidence to whoever asks.

mock_provider "google" {}

mock_provider "august" {
  mock_resource "august_staging_anonymization" {
    defaults = {
      export      = "20270104T090000Z"
      public_key  = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
      verdict     = "passed"
      verified    = true
      policy_hash = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    }
  }
}

run "staging_gets_what_was_published" {
  variables {
    project         = "feel-august-platform"
    region          = "us-central1"
    name            = "feel-august-anonymised"
    service_account = "august-anonymize@feel-august-platform.iam.gserviceaccount.com"
    staging = {
      project = "feel-august-platform-staging"
      readers = { import = "august-import@feel-august-platform-staging.iam.gserviceaccount.com" }
    }
    anonymization = {
      image              = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      endpoint           = "https://sync.example.com"
      database           = { instance = "platform", name = "august", user = "august-anonymize@feel-august-platform.iam" }
      signing_key_secret = "anonymization-signing-key"
      triggers           = { refresh = "2027-01" }
      policy = {
        method      = "safe_harbor"
        attestation = { by = "Privacy Officer", expires = "2099-12-31" }
        tables = {
          "drchrono.patients" = { columns = { id = { transformer = "surrogate" } } }
        }
      }
    }
  }

  assert {
    condition     = output.source.export == "20270104T090000Z" && startswith(output.source.public_key, "-----BEGIN PUBLIC KEY-----")
    error_message = "Staging gets the export's name, and the key to believe."
  }

  assert {
    condition     = output.evidence.verdict == "passed" && output.evidence.verified && output.evidence.policy_hash == "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    error_message = "The evidence is told."
  }
}
