output "identity" {
  description = "The project's identities: service accounts by account ID (email, member, id, and their user name in PostgreSQL), custom roles, entitlements and access levels by name. Known once everybody has their roles."
  value = {
    project = var.project
    service_accounts = { for id, account in google_service_account.this : id => {
      database_user = trimsuffix(account.email, ".gserviceaccount.com")
      email         = account.email
      id            = account.id
      member        = account.member
    } }
    custom_roles  = { for id, role in google_project_iam_custom_role.this : id => role.name }
    entitlements  = { for id, entitlement in google_privileged_access_manager_entitlement.phi : id => entitlement.name }
    access_levels = { for name, level in google_access_context_manager_access_level.this : name => level.name }
  }

  depends_on = [
    google_project_iam_member.service_account,
    google_project_iam_member.group,
    google_service_account_iam_member.impersonator,
    google_service_account_iam_member.user,
    google_project_iam_audit_config.all,
    google_iam_deny_policy.phi,
  ]
}
