# A workspace of one environment over the state of the other would plan to make everything anew, or to change what is not meant.
# Terraform itself writes down which bucket it was initialised with; the plan fails unless that is this environment's.

locals {
  bucket = try(jsondecode(file("${path.root}/.terraform/terraform.tfstate")).backend.config.bucket, null)
}

output "environment" {
  description = "The environment, its project and where its state is."
  value = {
    name    = terraform.workspace
    project = local.project
    state   = local.environment.state_bucket
  }

  precondition {
    condition     = var.rehearsal || local.bucket == local.environment.state_bucket
    error_message = "The workspace is ${terraform.workspace}, whose state is in ${local.environment.state_bucket}, but Terraform was initialised with ${local.bucket == null ? "no bucket that is known here (is TF_DATA_DIR set?)" : local.bucket}: run terraform init -reconfigure -backend-config=${terraform.workspace}.gcs.tfbackend."
  }
}
