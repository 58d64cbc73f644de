output "policy" {
  description = "The policy, as august_staging_anonymization takes it: Safe Harbor (45 CFR 164.514(b)(2)) for every table and column that the runtime keeps."
  value       = local.policy
}
