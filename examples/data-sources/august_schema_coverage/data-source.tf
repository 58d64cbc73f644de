# Without a policy: all that would have to be mapped, and a policy to begin with.
#   terraform apply -target=data.august_schema_coverage.production
#   (echo 'locals {'; echo -n 'anonymization_policy = '; terraform output -raw starter_policy; echo '}') > policy.tf && terraform fmt policy.tf
data "august_schema_coverage" "production" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
}

output "starter_policy" {
  value = data.august_schema_coverage.production.hcl
}

output "columns_to_map" {
  value = {
    for table, columns in data.august_schema_coverage.production.tables : table => columns
    if columns > 0
  }
}
