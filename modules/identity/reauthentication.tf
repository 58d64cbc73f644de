# People prove anew who they are, by a second factor, and from where and what they may (45 CFR 164.312(d)). That there is a second
# factor at all is a setting of Cloud Identity, which no provider of Terraform reaches.

resource "google_iap_settings" "project" {
  name = "projects/${var.project_number}/iap_web"

  access_settings {
    reauth_settings {
      method      = var.reauthentication.iap_method
      max_age     = "${var.reauthentication.max_age_seconds}s"
      policy_type = "MINIMUM" # what lies below may ask for more, and for no less
    }
  }
}

resource "google_access_context_manager_access_level" "this" {
  for_each = var.access_levels

  parent = "accessPolicies/${var.organization.access_policy}"
  name   = "accessPolicies/${var.organization.access_policy}/accessLevels/${each.key}"
  title  = coalesce(each.value.title, each.key)

  basic {
    combining_function = "AND"

    conditions {
      ip_subnetworks = sort(each.value.ip_subnetworks)
      regions        = sort(each.value.regions)

      dynamic "device_policy" {
        for_each = each.value.device[*]

        content {
          require_screen_lock         = device_policy.value.screen_lock
          require_corp_owned          = device_policy.value.corp_owned
          require_admin_approval      = device_policy.value.approved
          allowed_encryption_statuses = device_policy.value.encrypted ? ["ENCRYPTED"] : []
        }
      }
    }
  }
}

resource "google_access_context_manager_gcp_user_access_binding" "group" {
  for_each = var.reauthentication.groups

  organization_id = var.organization.id
  group_key       = each.value.group_key
  # One, or none: Google takes no more.
  access_levels = [for level in each.value.access_level[*] :
    startswith(level, "accessPolicies/") ? level : google_access_context_manager_access_level.this[level].name
  ]

  session_settings {
    session_length         = "${var.reauthentication.max_age_seconds}s"
    session_length_enabled = true
    session_reauth_method  = var.reauthentication.session_method
  }
}
