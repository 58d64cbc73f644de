output "staging" {
  description = "Staging's project and its number, null when the project was there before, and what was taken in last, null when nothing was."
  value = {
    project        = var.project
    project_number = one(google_project.this[*].number)
    dataset = one([
      for dataset in august_staging_dataset.this : {
        export          = dataset.export
        manifest_sha256 = dataset.manifest_sha256
        snapshot        = dataset.snapshot
        rows            = dataset.rows
      }
    ])
  }

  depends_on = [
    google_project_service.this,
    google_org_policy_policy.allowed,
    google_org_policy_policy.denied,
    google_org_policy_policy.enforced,
    google_compute_network_firewall_policy_rule.to_production,
    google_compute_network_firewall_policy_rule.from_production,
  ]
}
