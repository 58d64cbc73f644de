variable "acts_as" {
  description = "Service accounts that the apply account may attach to what it deploys, by a stable key: their IDs, `projects/<project>/serviceAccounts/<email>`."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "apply_roles" {
  description = "Roles of the apply account in the project, as narrow as what the pipeline applies: by default those that the modules of this repository need. Roles that hand out other roles are given by `grantable_roles` alone."
  type        = set(string)
  default     = null

  validation {
    condition     = alltrue([for role in coalesce(var.apply_roles, []) : !contains(["roles/owner", "roles/editor", "roles/viewer", "roles/resourcemanager.projectIamAdmin", "roles/iam.securityAdmin", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountKeyAdmin", "roles/iam.serviceAccountUser", "roles/iam.roleAdmin", "roles/iam.workloadIdentityPoolAdmin"], role)])
    error_message = "Leave out basic roles, and those that make any other: projectIamAdmin comes by grantable_roles, serviceAccountUser by acts_as, keys and tokens not at all, and what custom roles hold and whom the pool lets in is changed by somebody who administers the project."
  }
}

variable "binary_authorization" {
  description = "Which images may run in the project. `mode` is `enforce` or `audit`, which lets everything run and writes down what would not have; `attestors` are further ones that have to vouch, by resource name; `exempt_images` are patterns of images that need nobody to; `key_location` holds the signing key."
  type = object({
    mode          = optional(string, "enforce")
    attestors     = optional(set(string), [])
    exempt_images = optional(set(string), [])
    key_location  = optional(string)
    key_level     = optional(string, "HSM")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["enforce", "audit"], var.binary_authorization.mode)
    error_message = "The mode is \"enforce\" or \"audit\"."
  }

  validation {
    condition     = alltrue([for attestor in var.binary_authorization.attestors : can(regex("^projects/[^/]+/attestors/[^/]+$", attestor))])
    error_message = "Write attestors as \"projects/<project>/attestors/<attestor>\"."
  }

  validation {
    condition     = alltrue([for pattern in var.binary_authorization.exempt_images : can(regex("^[a-z0-9.-]+/[^*]", pattern))])
    error_message = "An exempt pattern names a registry and a path, such as \"gcr.io/cloudsql-docker/**\": \"*\" alone would exempt everything."
  }

  validation {
    condition     = contains(["HSM", "SOFTWARE"], var.binary_authorization.key_level)
    error_message = "The key_level is \"HSM\" or \"SOFTWARE\"."
  }
}

variable "consumers" {
  description = "Other projects that run these images, by a stable key: their project numbers. Their Cloud Run may pull, and their Binary Authorization may ask the attestor."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for number in values(var.consumers) : can(regex("^[0-9]+$", number))])
    error_message = "Name consuming projects by their numbers, such as { staging = \"210987654321\" }."
  }

  validation {
    condition     = !contains(values(var.consumers), var.project_number)
    error_message = "Consumers are other projects: the project's own Cloud Run pulls from its own registries already."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the registries, the signing key and the attestor: what runs could not start again."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Environment that is delivered to: `production` or `staging`. It is also GitHub's environment that the apply runs in, whose reviewers approve it."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "The environment is \"production\" or \"staging\"."
  }
}

variable "github" {
  description = "The repository that delivers: `repository` as owner/name with the numeric `owner_id` and `repository_id`, which nobody can take over with the name, the `branch` that is applied from, and the GitHub environments of each account (by default `<environment>-build`, `<environment>-plan` and `<environment>`)."
  type = object({
    repository    = string
    owner_id      = string
    repository_id = string
    branch        = optional(string, "main")
    environments = optional(object({
      build = optional(set(string))
      plan  = optional(set(string))
      apply = optional(set(string))
    }), {})
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "Write the repository as \"owner/name\"."
  }

  validation {
    condition     = can(regex("^[0-9]+$", var.github.owner_id)) && can(regex("^[0-9]+$", var.github.repository_id))
    error_message = "The owner_id and the repository_id have digits only; `gh api repos/<owner>/<name> --jq '.owner.id,.id'` tells both. A name can be given up and taken by somebody else, a number cannot."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.github.branch))
    error_message = "The branch is its name alone, such as \"main\"."
  }

  validation {
    condition = alltrue(flatten([for environments in values(var.github.environments) : [
      for environment in coalesce(environments, []) : can(regex("^[A-Za-z0-9_-]{1,64}$", environment))
    ]]))
    error_message = "Environments have letters, digits, hyphens and underscores, up to 64."
  }
}

variable "grantable_roles" {
  description = "Roles that the apply account may grant in the project, and no other: by default those that the modules of this repository grant. An empty set lets it grant none."
  type        = set(string)
  default     = null

  validation {
    condition     = alltrue([for role in coalesce(var.grantable_roles, []) : !contains(["roles/owner", "roles/editor", "roles/viewer", "roles/resourcemanager.projectIamAdmin", "roles/iam.securityAdmin", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountKeyAdmin", "roles/iam.workloadIdentityUser"], role)])
    error_message = "A pipeline that may grant a basic role, or one that makes others, may grant itself everything: leave them out of grantable_roles."
  }
}

variable "kms_key" {
  description = "Cloud KMS key that encrypts the registries, in their region, or null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "The key is in the registries' region: projects/<project>/locations/<region>/keyRings/<ring>/cryptoKeys/<key>."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name that the accounts, the pool (`<name>-github`), the key and the attestor begin with."
  type        = string
  default     = "deliver"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 20 lower-case letters, digits and hyphens, such as \"deliver\"."
  }
}

variable "plan_roles" {
  description = "Roles of the plan account in the project, which read what is declared and no data: by default those that the modules of this repository need."
  type        = set(string)
  default     = null

  validation {
    condition     = alltrue([for role in coalesce(var.plan_roles, []) : can(regex("(?i)(view|browser|reader|reviewer|consumer)", role)) && !contains(["roles/viewer", "roles/secretmanager.secretAccessor", "roles/storage.objectViewer", "roles/bigquery.dataViewer", "roles/logging.privateLogViewer", "roles/logging.viewAccessor"], role)])
    error_message = "A plan reads what is declared: leave out roles that change something, roles/viewer, and those that read data (objects, private logs)."
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
  description = "Project number, which the workload identity pool's principals and the service agents are named after."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "The project_number has digits only; `gcloud projects describe <project> --format='value(projectNumber)'` tells it."
  }
}

variable "region" {
  description = "Region of the registries and of the signing key."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "repositories" {
  description = "Container registries by name. Tags never move. Of each image the newest `keep_versions` stay, and whatever is younger than `keep_days`; `readers` and `writers` are further IAM members by a stable key."
  type = map(object({
    description   = optional(string, "Images that the pipeline builds, deployed by digest.")
    keep_versions = optional(number, 20)
    keep_days     = optional(number, 180)
    scan          = optional(bool, true)
    readers       = optional(map(string), {})
    writers       = optional(map(string), {})
  }))
  default  = { august = {} }
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.repositories) : can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", name))])
    error_message = "A registry's name has 2 to 63 lower-case letters, digits and hyphens, such as \"august\"."
  }

  validation {
    condition     = alltrue([for repository in values(var.repositories) : repository.keep_versions >= 5 && repository.keep_days >= 30])
    error_message = "Keep 5 versions and 30 days of images at the least: what runs, and what it would be fixed forward from, has to be there."
  }

  validation {
    condition     = var.environment != "production" || alltrue([for repository in values(var.repositories) : repository.scan])
    error_message = "Production's images are scanned for vulnerabilities; leave scan at true."
  }

  validation {
    condition     = alltrue(flatten([for repository in values(var.repositories) : [for member in concat(values(repository.readers), values(repository.writers)) : !startswith(member, "all")]]))
    error_message = "A registry is nobody's and everybody's: neither allUsers nor allAuthenticatedUsers may read or write it."
  }
}

variable "state" {
  description = "The bucket of Terraform's state, and the prefix of the environment's in it: the plan account reads it and keeps saved plans at `<prefix>/plans/`, the apply account writes it. Null when somebody else gives that access."
  type = object({
    bucket = string
    prefix = string
  })
  default = null

  validation {
    condition     = var.state == null || try(length(var.state.prefix) > 0 && !startswith(var.state.prefix, "/"), false)
    error_message = "Give the prefix that the backend has, such as \"platform/production\", without a slash before it: an empty one would be every environment's state."
  }
}
