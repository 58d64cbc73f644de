variable "access_levels" {
  description = "Access levels that a session or IAP may ask for, by name, made in `organization.access_policy`: networks in CIDR notation, ISO regions, and what the device has to be."
  type = map(object({
    title          = optional(string)
    ip_subnetworks = optional(set(string), [])
    regions        = optional(set(string), [])
    device = optional(object({
      screen_lock = optional(bool, true)
      encrypted   = optional(bool, true)
      corp_owned  = optional(bool, false)
      approved    = optional(bool, false)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.access_levels) : can(regex("^[A-Za-z][A-Za-z0-9_]{0,49}$", name))])
    error_message = "Name access levels by a letter and up to 49 letters, digits and underscores, such as \"managed_device\": Access Context Manager takes no hyphens."
  }

  validation {
    condition     = alltrue([for level in values(var.access_levels) : level.device != null || length(level.ip_subnetworks) + length(level.regions) > 0])
    error_message = "An access level that asks for nothing lets everybody in: give it ip_subnetworks, regions or a device."
  }

  validation {
    condition     = length(var.access_levels) == 0 || try(var.organization.access_policy, null) != null
    error_message = "Access levels are made in the organization's access policy: set organization = { id = …, access_policy = … }."
  }
}

variable "audit" {
  description = "Audit logs of the project, for every service: `log_types` of ADMIN_READ, DATA_READ and DATA_WRITE. Nobody is ever exempted."
  type = object({
    log_types = optional(set(string), ["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(var.audit.log_types, ["ADMIN_READ", "DATA_READ", "DATA_WRITE"])) == 0
    error_message = "Choose the audit's log_types among ADMIN_READ, DATA_READ and DATA_WRITE."
  }

  validation {
    condition     = var.data_class != "phi" || length(var.audit.log_types) == 3
    error_message = "Where patients' data lives, every read and write is audited (45 CFR 164.312(b)): leave all three log_types, or say that the project's data_class is \"general\"."
  }
}

variable "custom_roles" {
  description = "Custom roles of the project, by role ID: where no predefined role is as narrow as what is needed. Service accounts and groups name them as `custom/<role ID>`."
  type = map(object({
    title       = string
    description = string
    permissions = set(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for id in keys(var.custom_roles) : can(regex("^[a-zA-Z0-9_.]{3,64}$", id))])
    error_message = "A role ID has 3 to 64 letters, digits, underscores and dots, such as \"claimsReader\"."
  }

  validation {
    condition = alltrue(flatten([for role in values(var.custom_roles) : [
      for permission in role.permissions : can(regex("^[a-z]+[a-zA-Z0-9]*\\.[a-zA-Z.]+$", permission)) && !can(regex("(setIamPolicy|serviceAccountKeys\\.create|getAccessToken|signBlob|signJwt|actAs)$", permission))
    ]]))
    error_message = "Write permissions as service.resource.verb, and leave out those that make other permissions (setIamPolicy, actAs, signBlob, signJwt, getAccessToken, serviceAccountKeys.create): grant the predefined role on the one resource instead."
  }
}

variable "data_class" {
  description = "What lives in the project: `phi`, patients' data, or `general`, none. Only a project that is `general` may leave out the audit of reads, and has no people to keep out."
  type        = string
  default     = "phi"
  nullable    = false

  validation {
    condition     = contains(["phi", "general"], var.data_class)
    error_message = "The data_class is \"phi\" or \"general\"."
  }

  validation {
    condition     = var.data_class == "general" || var.environment != "staging"
    error_message = "Staging holds what was anonymised and no patients' data: set data_class = \"general\"."
  }
}

variable "environment" {
  description = "Environment of the project: `production` or `staging`."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "The environment is \"production\" or \"staging\"."
  }
}

variable "groups" {
  description = "Standing access of people, by a stable key: a group, and the roles that it has in the project. No role here may reach data: see `phi_access`."
  type = map(object({
    group = string
    roles = set(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for grant in values(var.groups) : can(regex("^[^@: ]+@[^@: ]+\\.[^@: ]+$", grant.group))])
    error_message = "Write a group by its address alone, such as \"platform-team@example.com\". Access goes to groups, so that it ends when somebody leaves them, and not to people one by one."
  }

  validation {
    condition     = alltrue(flatten([for grant in values(var.groups) : [for role in grant.roles : can(regex("^(roles/[a-zA-Z0-9.]+|(projects|organizations)/[^/]+/roles/[a-zA-Z0-9_.]+|custom/[a-zA-Z0-9_.]{3,64})$", role))]]))
    error_message = "Write a role as \"roles/cloudsql.viewer\", \"projects/<project>/roles/<role>\" or \"custom/<role ID>\"."
  }

  validation {
    condition     = length(setintersection(local.powers, flatten([for grant in values(var.groups) : tolist(grant.roles)]))) == 0
    error_message = "Groups have no basic role (owner, editor, viewer) and none that makes others (projectIamAdmin, securityAdmin, serviceAccountUser, serviceAccountTokenCreator, …): give what the work needs, and the rest by phi_access or on one resource."
  }

  validation {
    condition     = var.data_class != "phi" || length([for role in flatten([for grant in values(var.groups) : tolist(grant.roles)]) : role if can(regex("${local.reaches_data}", role))]) == 0
    error_message = "Where patients' data lives, nobody has standing access to data: take roles that read or write it (cloudsql.client, storage.object…, secretAccessor, pubsub.subscriber, bigquery.data…, …admin of these) out of groups, and declare them in phi_access, where they are asked for, approved and end."
  }

  validation {
    condition = var.data_class != "phi" || length(setintersection(local.data_permissions, flatten([
      for grant in values(var.groups) : [for role in grant.roles : try(tolist(var.custom_roles[trimprefix(role, "custom/")].permissions), []) if startswith(role, "custom/")]
    ]))) == 0
    error_message = "A custom role of a group reads patients' data (${join(", ", local.data_permissions)}): take the permission out of the role, or declare the role in phi_access."
  }
}

variable "human_denial" {
  description = "Deny policy that keeps everybody from patients' data whatever their roles, but the service accounts and agents of the project and of `trusted_projects` (project numbers by a stable key), the eligible groups of `phi_access`, and `exempt` principals in the notation of deny policies. `permissions` replaces what is denied. It needs `roles/iam.denyAdmin` on the organization."
  type = object({
    enabled          = optional(bool, true)
    exempt           = optional(set(string), [])
    permissions      = optional(set(string))
    trusted_projects = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for principal in var.human_denial.exempt : can(regex("^principal(Set)?://", principal)) && !strcontains(principal, "public:all")])
    error_message = "Exempt principals in the notation of deny policies, such as \"principal://iam.googleapis.com/projects/-/serviceAccounts/<email>\" or \"principalSet://goog/group/<address>\", and never all of them."
  }

  validation {
    condition     = alltrue([for permission in coalesce(var.human_denial.permissions, []) : can(regex("^[a-z]+\\.googleapis\\.com/[a-zA-Z]+(\\.[a-zA-Z]+)+$", permission))])
    error_message = "Write denied permissions as \"<service>.googleapis.com/<resource>.<verb>\", such as \"cloudsql.googleapis.com/instances.export\"."
  }

  validation {
    condition     = alltrue([for number in values(var.human_denial.trusted_projects) : can(regex("^[0-9]+$", number))])
    error_message = "Name trusted_projects by their numbers, such as { website = \"210987654321\" }."
  }
}

variable "organization" {
  description = "The organization: its numeric `id`, which just-in-time access and sessions need, and the numeric `access_policy` that access levels are made in."
  type = object({
    id            = string
    access_policy = optional(string)
  })
  default = null

  validation {
    condition     = var.organization == null || can(regex("^[0-9]+$", var.organization.id))
    error_message = "Give the organization by its number, such as \"123456789012\"; `gcloud organizations list` tells it."
  }

  validation {
    condition     = var.organization == null || try(var.organization.access_policy, null) == null || can(regex("^[0-9]+$", var.organization.access_policy))
    error_message = "Give the access policy by its number; `gcloud access-context-manager policies list` tells it."
  }
}

variable "phi_access" {
  description = "Just-in-time access to patients' data, by entitlement: who may ask (`eligible` groups), who has to agree (`approvers` groups), for how many seconds at most, and which roles a grant gives, each with the condition that narrows it or null. `notify` addresses hear of every grant."
  type = map(object({
    eligible             = set(string)
    approvers            = set(string)
    max_duration_seconds = optional(number, 3600)
    notify               = optional(set(string), [])
    roles = optional(map(string), {
      "roles/cloudsql.client"       = null
      "roles/cloudsql.instanceUser" = null
    })
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for id in keys(var.phi_access) : can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", id))])
    error_message = "Name entitlements by 4 to 63 lower-case letters, digits and hyphens that start with a letter and do not end with a hyphen, such as \"claims-support\"."
  }

  validation {
    condition     = alltrue([for access in values(var.phi_access) : length(access.eligible) > 0 && length(access.approvers) > 0 && length(access.roles) > 0])
    error_message = "Access to patients' data names who is eligible, who approves and which roles it gives; none of them may be empty."
  }

  validation {
    condition     = alltrue(flatten([for access in values(var.phi_access) : [for group in setunion(access.eligible, access.approvers, access.notify) : can(regex("^[^@: ]+@[^@: ]+\\.[^@: ]+$", group))]]))
    error_message = "Write groups by their address alone, such as \"support-engineers@example.com\"."
  }

  validation {
    condition     = alltrue([for access in values(var.phi_access) : length(setsubtract(access.approvers, access.eligible)) > 0])
    error_message = "Name at least one group of approvers that is not eligible itself: a team that only agrees with itself approves nothing."
  }

  validation {
    condition     = alltrue([for access in values(var.phi_access) : access.max_duration_seconds >= 1800 && access.max_duration_seconds <= 14400])
    error_message = "Grant access for half an hour to four hours (1800 to 14400 seconds); who needs longer asks again."
  }

  validation {
    condition     = length(var.phi_access) == 0 || var.organization != null
    error_message = "Just-in-time access is granted by the organization's service agent: set organization = { id = … }."
  }

  validation {
    condition     = length(var.phi_access) == 0 || var.data_class == "phi"
    error_message = "There are no patients' data to ask for in a project whose data_class is \"general\": take phi_access out."
  }

  validation {
    condition     = length(setintersection(local.powers, flatten([for access in values(var.phi_access) : keys(access.roles)]))) == 0
    error_message = "A grant gives no basic role (owner, editor, viewer) and none that makes others (projectIamAdmin, securityAdmin, serviceAccountTokenCreator, …): what it gives has to end with it."
  }
}

variable "project" {
  description = "Project ID."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "The project is its ID, 6 to 30 lower-case letters, digits and hyphens, such as \"feel-august-platform\"."
  }
}

variable "project_number" {
  description = "Project number, which deny policies and IAP name the project by."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "The project_number has digits only; `gcloud projects describe <project> --format='value(projectNumber)'` tells it."
  }
}

variable "reauthentication" {
  description = "How often people prove anew who they are, in seconds, and how: for IAP in the project, and, by `groups` (name to Cloud Identity group key), for the console and Google's APIs, with the `access_level` that they have to meet (a name of `access_levels`, or a full name)."
  type = object({
    max_age_seconds = optional(number, 3600)
    iap_method      = optional(string, "SECURE_KEY")
    session_method  = optional(string, "SECURITY_KEY")
    groups = optional(map(object({
      group_key    = string
      access_level = optional(string)
    })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.reauthentication.max_age_seconds >= 900 && var.reauthentication.max_age_seconds <= 43200
    error_message = "Ask people anew after a quarter of an hour to half a day (900 to 43200 seconds)."
  }

  validation {
    condition     = contains(["SECURE_KEY", "ENROLLED_SECOND_FACTORS"], var.reauthentication.iap_method)
    error_message = "The iap_method is SECURE_KEY or ENROLLED_SECOND_FACTORS: LOGIN is a password alone, which is no second factor."
  }

  validation {
    condition     = contains(["SECURITY_KEY", "LOGIN"], var.reauthentication.session_method)
    error_message = "The session_method is SECURITY_KEY, or LOGIN where an identity provider of your own asks for the second factor: PASSWORD is no second factor."
  }

  validation {
    condition     = length(var.reauthentication.groups) == 0 || var.organization != null
    error_message = "Sessions are bound in the organization: set organization = { id = … }."
  }

  validation {
    condition     = alltrue([for group in values(var.reauthentication.groups) : group.access_level == null || try(contains(keys(var.access_levels), group.access_level) || startswith(group.access_level, "accessPolicies/"), false)])
    error_message = "A group's access_level is a name of access_levels, or \"accessPolicies/<policy>/accessLevels/<level>\"."
  }
}

variable "service_accounts" {
  description = "Service accounts, one a service, by account ID: the project roles that each has (`custom/<role ID>` for those of `custom_roles`), who may attach it to what they deploy (`users`) and who may act as it (`impersonators`), both as IAM members by a stable key. What a service needs of one resource, that resource's module grants."
  type = map(object({
    display_name  = string
    description   = optional(string, "")
    roles         = optional(set(string), [])
    users         = optional(map(string), {})
    impersonators = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for id in keys(var.service_accounts) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", id))])
    error_message = "An account ID has 6 to 30 lower-case letters, digits and hyphens, such as \"august-sync\"."
  }

  validation {
    condition     = alltrue(flatten([for account in values(var.service_accounts) : [for role in account.roles : can(regex("^(roles/[a-zA-Z0-9.]+|(projects|organizations)/[^/]+/roles/[a-zA-Z0-9_.]+|custom/[a-zA-Z0-9_.]{3,64})$", role))]]))
    error_message = "Write a role as \"roles/cloudsql.client\", \"projects/<project>/roles/<role>\" or \"custom/<role ID>\"."
  }

  validation {
    condition     = alltrue(flatten([for account in values(var.service_accounts) : [for member in concat(values(account.users), values(account.impersonators)) : can(regex("^(serviceAccount|group|principal|principalSet):", member))]]))
    error_message = "Write users and impersonators as \"serviceAccount:…\", \"group:…\" or a principal of a workload identity pool: not one person, and never everybody."
  }

  validation {
    condition     = length(setintersection(local.powers, flatten([for account in values(var.service_accounts) : tolist(account.roles)]))) == 0
    error_message = "A service has no basic role (owner, editor, viewer) and none that makes others in the whole project (projectIamAdmin, securityAdmin, serviceAccountUser, serviceAccountTokenCreator, …): name the roles that it needs, or let impersonators and users say who may act as one account."
  }

  validation {
    condition     = var.data_class != "phi" || !var.human_denial.enabled || alltrue(flatten([for account in values(var.service_accounts) : [for member in concat(values(account.users), values(account.impersonators)) : !startswith(member, "group:")]]))
    error_message = "The deny policy keeps people from acting as a service and from attaching its account to what they deploy, so that a group of users or impersonators would have a role and no access: name service accounts or the principals of a pipeline, or exempt the group and grant it beside this module."
  }

  validation {
    condition     = alltrue(flatten([for account in values(var.service_accounts) : [for role in account.roles : !startswith(role, "custom/") || contains(keys(var.custom_roles), trimprefix(role, "custom/"))]]))
    error_message = "A role \"custom/<role ID>\" names one of custom_roles."
  }
}

variable "workload_pools" {
  description = "IDs of the project's workload identity pools that pipelines come from, whose principals may still act as service accounts; an empty set when there are none. Where patients' data lives it has to be said: the deny policy would shut the pipeline out."
  type        = set(string)
  default     = null

  validation {
    condition     = var.workload_pools != null || var.data_class != "phi" || !var.human_denial.enabled
    error_message = "Say which workload identity pools pipelines come from, such as workload_pools = [\"deliver\"], or [] when none does: the deny policy lets nobody else act as a service account."
  }
}
