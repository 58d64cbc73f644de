# Ephemeral: the value is in no state and no plan. Set it with TF_VAR_coda_token.
variable "coda_token" {
  type      = string
  ephemeral = true
}

resource "august_secret" "coda" {
  name     = "coda-token"
  value_wo = var.coda_token

  # Where the data may not leave the country; left out, Google decides.
  locations = ["us-central1", "us-east1"]

  labels = {
    team = "data"
  }
}

# august_secret.coda.reference is "coda-token:1", and "coda-token:2" after the next rotation: a runtime that takes it as
# its token_secret gets a new revision then, while the one before goes on with the old version.
output "coda_token" {
  value = august_secret.coda.reference
}
