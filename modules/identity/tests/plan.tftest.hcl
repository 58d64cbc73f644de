# What the identities of a project with patients' data promise by default.

mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = {
      email  = "august-sync@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com"
    }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
  workload_pools = ["deliver-github"]
  organization   = { id = "987654321098", access_policy = "555" }

  custom_roles = {
    claimsReader = {
      title       = "Claims reader"
      description = "Reads claims."
      permissions = ["storage.objects.get"]
    }
  }

  service_accounts = {
    august-sync = {
      display_name = "Sync runtime"
      roles        = ["roles/cloudsql.client", "custom/claimsReader"]
      users        = { apply = "serviceAccount:deliver-apply@feel-august-platform.iam.gserviceaccount.com" }
    }
  }

  groups = {
    platform = { group = "platform@example.com", roles = ["roles/monitoring.viewer", "roles/cloudsql.viewer"] }
  }

  phi_access = {
    claims-support = {
      eligible  = ["support@example.com"]
      approvers = ["privacy@example.com"]
      notify    = ["privacy-officer@example.com"]
    }
  }
}

run "audit" {
  command = plan

  assert {
    condition     = google_project_iam_audit_config.all.service == "allServices" && toset([for config in google_project_iam_audit_config.all.audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    error_message = "Something is read or changed and not written down."
  }

  assert {
    condition     = alltrue([for config in google_project_iam_audit_config.all.audit_log_config : length(coalesce(config.exempted_members, [])) == 0])
    error_message = "Somebody is exempt from the audit."
  }
}

run "services" {
  command = plan

  assert {
    condition     = keys(google_project_iam_member.service_account) == ["august-sync/custom/claimsReader", "august-sync/roles/cloudsql.client"] && alltrue([for grant in values(google_project_iam_member.service_account) : grant.member == "serviceAccount:august-sync@feel-august-platform.iam.gserviceaccount.com"])
    error_message = "A service has other roles than were asked for."
  }

  assert {
    condition     = google_service_account_iam_member.user["august-sync/apply"].role == "roles/iam.serviceAccountUser" && length(google_service_account_iam_member.impersonator) == 0
    error_message = "Who attaches an account may do more, or somebody acts as it by default."
  }

  assert {
    condition     = google_project_iam_member.group["platform/roles/cloudsql.viewer"].member == "group:platform@example.com"
    error_message = "A group has not its role."
  }
}

run "just_in_time" {
  command = plan

  assert {
    condition     = google_privileged_access_manager_entitlement.phi["claims-support"].max_request_duration == "3600s"
    error_message = "A grant lasts longer than an hour by default."
  }

  assert {
    condition     = google_privileged_access_manager_entitlement.phi["claims-support"].approval_workflow[0].manual_approvals[0].require_approver_justification && google_privileged_access_manager_entitlement.phi["claims-support"].approval_workflow[0].manual_approvals[0].steps[0].approvers[0].principals == toset(["group:privacy@example.com"])
    error_message = "A grant needs nobody's reasoned approval."
  }

  assert {
    condition     = length(google_privileged_access_manager_entitlement.phi["claims-support"].requester_justification_config[0].unstructured) == 1
    error_message = "Who asks need not say why."
  }

  assert {
    condition     = toset([for binding in google_privileged_access_manager_entitlement.phi["claims-support"].privileged_access[0].gcp_iam_access[0].role_bindings : binding.role]) == toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"])
    error_message = "A grant gives more than to log in to the database."
  }

  assert {
    condition     = google_project_iam_member.privileged_access_agent[0].member == "serviceAccount:service-org-987654321098@gcp-sa-pam.iam.gserviceaccount.com"
    error_message = "Nobody may write the grants."
  }

  assert {
    condition     = google_privileged_access_manager_entitlement.phi["claims-support"].additional_notification_targets[0].admin_email_recipients == toset(["privacy-officer@example.com"])
    error_message = "Nobody hears of a grant."
  }
}

run "people_are_kept_out" {
  command = plan

  assert {
    condition     = alltrue([for rule in google_iam_deny_policy.phi[0].rules : rule.deny_rule[0].denied_principals == tolist(["principalSet://goog/public:all"])])
    error_message = "Somebody is not denied."
  }

  assert {
    condition = google_iam_deny_policy.phi[0].rules[0].deny_rule[0].exception_principals == tolist([
      "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAccount",
      "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAgent",
      "principalSet://goog/group/support@example.com",
    ])
    error_message = "Others than services and who may ask for a grant reach data."
  }

  assert {
    condition     = length(setsubtract(["cloudsql.googleapis.com/instances.login", "cloudsql.googleapis.com/instances.export", "storage.googleapis.com/objects.get", "secretmanager.googleapis.com/versions.access", "pubsub.googleapis.com/subscriptions.consume"], google_iam_deny_policy.phi[0].rules[0].deny_rule[0].denied_permissions)) == 0
    error_message = "A way to patients' data is not denied."
  }

  assert {
    condition = google_iam_deny_policy.phi[0].rules[1].deny_rule[0].exception_principals == tolist([
      "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAccount",
      "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAgent",
      "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/deliver-github/*",
    ])
    error_message = "Somebody who is neither a service nor the pipeline acts as a service."
  }

  assert {
    condition     = length(setsubtract(["iam.googleapis.com/serviceAccounts.actAs", "iam.googleapis.com/serviceAccounts.getAccessToken", "iam.googleapis.com/serviceAccounts.implicitDelegation"], google_iam_deny_policy.phi[0].rules[1].deny_rule[0].denied_permissions)) == 0
    error_message = "A way to act as a service is not denied."
  }

  assert {
    condition     = google_iam_deny_policy.phi[0].rules[2].deny_rule[0].denied_permissions == tolist(["iam.googleapis.com/serviceAccountKeys.create"]) && length(coalesce(google_iam_deny_policy.phi[0].rules[2].deny_rule[0].exception_principals, [])) == 0
    error_message = "Somebody may make keys."
  }

  assert {
    condition     = google_iam_deny_policy.phi[0].parent == "cloudresourcemanager.googleapis.com%2Fprojects%2Ffeel-august-platform"
    error_message = "The policy hangs elsewhere."
  }
}

run "from_other_projects" {
  command = plan

  variables {
    human_denial = {
      trusted_projects = { website = "210987654321" }
      exempt           = ["principal://iam.googleapis.com/projects/-/serviceAccounts/importer@other-project.iam.gserviceaccount.com"]
      permissions      = ["storage.googleapis.com/objects.get"]
    }
  }

  assert {
    condition = length(setsubtract([
      "principalSet://cloudresourcemanager.googleapis.com/projects/210987654321/type/ServiceAccount",
      "principal://iam.googleapis.com/projects/-/serviceAccounts/importer@other-project.iam.gserviceaccount.com",
    ], google_iam_deny_policy.phi[0].rules[0].deny_rule[0].exception_principals)) == 0
    error_message = "A trusted project's services are shut out."
  }

  assert {
    condition     = google_iam_deny_policy.phi[0].rules[0].deny_rule[0].denied_permissions == tolist(["storage.googleapis.com/objects.get"])
    error_message = "What is denied cannot be chosen."
  }
}

run "general_data" {
  command = plan

  variables {
    data_class     = "general"
    phi_access     = {}
    workload_pools = null
    audit          = { log_types = ["ADMIN_READ"] }
    groups         = { platform = { group = "platform@example.com", roles = ["roles/storage.objectViewer"] } }
  }

  assert {
    condition     = length(google_iam_deny_policy.phi) == 0 && length(google_project_iam_member.privileged_access_agent) == 0
    error_message = "People are kept out of a project that has no patients' data."
  }
}

run "reauthentication" {
  command = plan

  variables {
    access_levels = {
      managed_device = { device = {} }
      office         = { ip_subnetworks = ["203.0.113.0/24"], regions = ["US"] }
    }
    reauthentication = {
      groups = {
        support = { group_key = "01d520gv4vjcrht", access_level = "managed_device" }
        privacy = { group_key = "01d520gv4vjcrhu", access_level = "accessPolicies/555/accessLevels/elsewhere" }
      }
    }
  }

  assert {
    condition     = google_iap_settings.project.name == "projects/123456789012/iap_web" && google_iap_settings.project.access_settings[0].reauth_settings[0].method == "SECURE_KEY" && google_iap_settings.project.access_settings[0].reauth_settings[0].max_age == "3600s" && google_iap_settings.project.access_settings[0].reauth_settings[0].policy_type == "MINIMUM"
    error_message = "IAP does not ask for a security key every hour, or what lies below may ask for less."
  }

  assert {
    condition     = google_access_context_manager_gcp_user_access_binding.group["support"].session_settings[0].session_length == "3600s" && google_access_context_manager_gcp_user_access_binding.group["support"].session_settings[0].session_length_enabled && google_access_context_manager_gcp_user_access_binding.group["support"].session_settings[0].session_reauth_method == "SECURITY_KEY"
    error_message = "A session lasts longer than an hour, or goes on without a second factor."
  }

  assert {
    condition     = google_access_context_manager_gcp_user_access_binding.group["support"].access_levels == tolist(["accessPolicies/555/accessLevels/managed_device"]) && google_access_context_manager_gcp_user_access_binding.group["privacy"].access_levels == tolist(["accessPolicies/555/accessLevels/elsewhere"])
    error_message = "A group does not have to meet its access level."
  }

  assert {
    condition     = google_access_context_manager_access_level.this["managed_device"].basic[0].conditions[0].device_policy[0].require_screen_lock && google_access_context_manager_access_level.this["managed_device"].basic[0].conditions[0].device_policy[0].allowed_encryption_statuses == tolist(["ENCRYPTED"])
    error_message = "A device may be unlocked or unencrypted by default."
  }

  assert {
    condition     = google_access_context_manager_access_level.this["office"].basic[0].combining_function == "AND" && length(google_access_context_manager_access_level.this["office"].basic[0].conditions[0].device_policy) == 0
    error_message = "An access level asks for something else."
  }
}
