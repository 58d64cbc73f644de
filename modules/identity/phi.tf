# People and patients' data: nobody has standing access. A deny policy keeps everybody out who is not eligible, whatever roles they
# have, and who is eligible asks, says why, is approved by somebody else, and has access for an hour (45 CFR 164.308(a)(4), 164.312(a)).

locals {
  denies = var.data_class == "phi" && var.human_denial.enabled

  eligible = toset(flatten([for access in values(var.phi_access) : tolist(access.eligible)]))

  # Reading patients' data where they lie, or carrying them off.
  denied_permissions = coalesce(var.human_denial.permissions, [
    "cloudkms.googleapis.com/cryptoKeyVersions.useToDecrypt",
    "cloudsql.googleapis.com/instances.clone",
    "cloudsql.googleapis.com/instances.connect",
    "cloudsql.googleapis.com/instances.export",
    "cloudsql.googleapis.com/instances.login",
    "pubsub.googleapis.com/subscriptions.consume",
    "secretmanager.googleapis.com/versions.access",
    "storage.googleapis.com/objects.get",
  ])

  # Acting as a service that may: the way around, as its account or by attaching that to code of one's own.
  denied_impersonation = [
    "iam.googleapis.com/serviceAccounts.actAs",
    "iam.googleapis.com/serviceAccounts.getAccessToken",
    "iam.googleapis.com/serviceAccounts.getOpenIdToken",
    "iam.googleapis.com/serviceAccounts.implicitDelegation",
    "iam.googleapis.com/serviceAccounts.signBlob",
    "iam.googleapis.com/serviceAccounts.signJwt",
  ]

  # As roles write them.
  data_permissions = [for permission in setunion(local.denied_permissions, local.denied_impersonation) : replace(permission, ".googleapis.com/", ".")]

  services = flatten([for number in concat([var.project_number], values(var.human_denial.trusted_projects)) : [
    "principalSet://cloudresourcemanager.googleapis.com/projects/${number}/type/ServiceAccount",
    "principalSet://cloudresourcemanager.googleapis.com/projects/${number}/type/ServiceAgent",
  ]])
  pools = [for pool in coalesce(var.workload_pools, []) : "principalSet://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${pool}/*"]
}

resource "google_iam_deny_policy" "phi" {
  count = local.denies ? 1 : 0

  parent       = urlencode("cloudresourcemanager.googleapis.com/projects/${var.project}")
  name         = "people-and-patients-data"
  display_name = "People reach patients' data by a grant only"

  rules {
    description = "Only services, and people who may ask for a grant, reach data"

    deny_rule {
      denied_principals    = ["principalSet://goog/public:all"]
      exception_principals = concat(local.services, sort([for group in local.eligible : "principalSet://goog/group/${group}"]), sort(var.human_denial.exempt))
      denied_permissions   = sort(local.denied_permissions)
    }
  }

  rules {
    description = "Nobody acts as a service but services and the pipeline"

    deny_rule {
      denied_principals    = ["principalSet://goog/public:all"]
      exception_principals = concat(local.services, sort(local.pools), sort(var.human_denial.exempt))
      denied_permissions   = local.denied_impersonation
    }
  }

  rules {
    description = "Nobody makes a key of a service account"

    deny_rule {
      denied_principals  = ["principalSet://goog/public:all"]
      denied_permissions = ["iam.googleapis.com/serviceAccountKeys.create"]
    }
  }
}

# The organization's agent writes the grants into the project's policy, and takes them out again.
resource "google_project_iam_member" "privileged_access_agent" {
  count = length(var.phi_access) > 0 ? 1 : 0

  project = var.project
  role    = "roles/privilegedaccessmanager.projectServiceAgent"
  member  = "serviceAccount:service-org-${var.organization.id}@gcp-sa-pam.iam.gserviceaccount.com"
}

resource "google_privileged_access_manager_entitlement" "phi" {
  for_each = var.phi_access

  parent               = "projects/${var.project}"
  location             = "global"
  entitlement_id       = each.key
  max_request_duration = "${each.value.max_duration_seconds}s"

  eligible_users {
    principals = [for group in each.value.eligible : "group:${group}"]
  }

  privileged_access {
    gcp_iam_access {
      resource      = "//cloudresourcemanager.googleapis.com/projects/${var.project}"
      resource_type = "cloudresourcemanager.googleapis.com/Project"

      dynamic "role_bindings" {
        for_each = each.value.roles

        content {
          role                 = lookup(local.custom_role, role_bindings.key, role_bindings.key)
          condition_expression = role_bindings.value
        }
      }
    }
  }

  requester_justification_config {
    unstructured {}
  }

  approval_workflow {
    manual_approvals {
      require_approver_justification = true

      steps {
        approvals_needed          = 1 # the only number that Google takes
        approver_email_recipients = each.value.notify

        approvers {
          principals = [for group in each.value.approvers : "group:${group}"]
        }
      }
    }
  }

  dynamic "additional_notification_targets" {
    for_each = length(each.value.notify) > 0 ? [each.value.notify] : []

    content {
      admin_email_recipients = additional_notification_targets.value
    }
  }

  depends_on = [google_project_iam_member.privileged_access_agent]
}
