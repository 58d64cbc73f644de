output "delivery" {
  description = "What a pipeline needs: registries by name (`id`, `url`), the `workload_identity_provider` (and its pool, for modules/identity) and the accounts (`build`, `plan`, `apply`: email, id, member) that it authenticates as, and the attestor with the key version that signs. Known once the accounts have their roles."
  value = {
    project = var.project
    attestor = {
      id          = google_binary_authorization_attestor.built.id
      key_version = data.google_kms_crypto_key_version.attestor.name
      name        = google_binary_authorization_attestor.built.name
      note        = google_container_analysis_note.built.id
    }
    repositories = { for name, repository in google_artifact_registry_repository.this : name => {
      id  = repository.id
      url = "${var.region}-docker.pkg.dev/${var.project}/${name}"
    } }
    service_accounts = { for use, account in google_service_account.this : use => {
      email  = account.email
      id     = account.id
      member = account.member
    } }
    workload_identity_pool     = local.pool
    workload_identity_provider = google_iam_workload_identity_pool_provider.github.name
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.reader,
    google_artifact_registry_repository_iam_member.writer,
    google_binary_authorization_policy.this,
    google_project_iam_member.apply,
    google_project_iam_member.grants,
    google_project_iam_member.plan,
    google_service_account_iam_member.github,
    google_storage_bucket_iam_member.plans,
    google_storage_bucket_iam_member.state,
  ]
}
