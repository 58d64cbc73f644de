variable "alerts" {
  description = "Who hears, as Monitoring notification channels, of a rotation that nobody has done `overdue_days` after it was due, and of versions that are destroyed. No channels, no alert policies."
  type = object({
    notification_channels = optional(list(string), [])
    overdue_days          = optional(number, 7)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alerts.overdue_days >= 1 && var.alerts.overdue_days <= 30 && floor(var.alerts.overdue_days) == var.alerts.overdue_days
    error_message = "Alert between 1 and 30 whole days after a rotation was due: Pub/Sub keeps the notice for 31."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the secrets, since nothing brings their versions back."
  type        = bool
  default     = true
  nullable    = false
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

variable "kms_keys" {
  description = "Cloud KMS keys that encrypt the secrets, by region: one in each of `regions`, or none, for Google's own."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for region, key in var.kms_keys : can(regex("^projects/[^/]+/locations/${region}/keyRings/[^/]+/cryptoKeys/[^/]+$", key))])
    error_message = "A replica is encrypted by a key in its own region: write each as projects/<project>/locations/<its region>/keyRings/<ring>/cryptoKeys/<key>."
  }

  validation {
    condition     = length(var.kms_keys) == 0 || length(setsubtract(var.regions, keys(var.kms_keys))) == 0 && length(setsubtract(keys(var.kms_keys), var.regions)) == 0
    error_message = "Give a key for each of the regions, and for no other, or none at all."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name of this set of secrets, such as that of the team: the rotation topic and the alerts are named after it."
  type        = string
  default     = "platform"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name))
    error_message = "The name has 3 to 42 lower-case letters, digits and hyphens, such as \"platform\"."
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
  description = "Project number, which Secret Manager's service agent is named after."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "The project_number has digits only; `gcloud projects describe <project> --format='value(projectNumber)'` tells it."
  }
}

variable "pubsub_kms_key" {
  description = "Cloud KMS key that encrypts the notices of rotation, or null for Google's own. They name secrets and hold no value."
  type        = string
  default     = null
}

variable "regions" {
  description = "Regions that hold the secrets: two, so that one may be lost, and none that Google chooses, so that none leaves the country. Secret Manager cannot change them later."
  type        = set(string)
  default     = ["us-central1", "us-east1"]
  nullable    = false

  validation {
    condition     = length(var.regions) >= 2 || var.environment != "production" && length(var.regions) == 1
    error_message = "Production's secrets are held in two regions or more, such as [\"us-central1\", \"us-east1\"]."
  }
}

variable "secrets" {
  description = "Secrets by name. `accessors` may read the value and `version_adders` may add versions and nothing else, both as IAM members by a stable key. `rotation_days` is how often a rotation is due. With `managed`, Terraform holds the value, out of `values`, and adds a version before it retires one; without, the team or its rotation job adds versions."
  type = map(object({
    accessors      = optional(map(string), {})
    version_adders = optional(map(string), {})
    rotation_days  = optional(number, 90)
    labels         = optional(map(string), {})
    managed        = optional(bool, false)
    keep_versions  = optional(number, 1)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[a-zA-Z0-9_-]{1,255}$", name))])
    error_message = "A secret's name has up to 255 letters, digits, hyphens and underscores, such as \"drchrono-oauth\"."
  }

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.rotation_days >= 1 && secret.rotation_days <= 365 && floor(secret.rotation_days) == secret.rotation_days])
    error_message = "Every secret is rotated, within 1 to 365 whole days."
  }

  validation {
    condition     = alltrue(flatten([for secret in values(var.secrets) : [for member in values(secret.accessors) : can(regex("^(serviceAccount:|principal://|principalSet://)", member))]]))
    error_message = "Services read secrets, not people: write accessors as \"serviceAccount:<email>\" or as a principal of a workload identity pool. Whoever has to see a value asks for just-in-time access (modules/identity)."
  }

  validation {
    condition     = alltrue(flatten([for secret in values(var.secrets) : [for member in values(secret.version_adders) : can(regex("^(serviceAccount:|group:|principal://|principalSet://)", member))]]))
    error_message = "Write version_adders as \"serviceAccount:<email>\", \"group:<address>\" or a principal of a workload identity pool."
  }

  validation {
    condition     = length(var.kms_keys) == 0 || alltrue([for secret in values(var.secrets) : !secret.managed])
    error_message = "A secret with managed = true cannot be encrypted by keys of your own, as august_secret has none: leave its versions to the team (managed = false), or put it in a set without kms_keys."
  }
}

variable "values" {
  description = "Values of the secrets with `managed = true`, by name: ephemeral, so in no plan and no state. Set it with TF_VAR_… from the pipeline's own secret store."
  type        = map(string)
  default     = {}
  ephemeral   = true
  nullable    = false
  sensitive   = true

  validation {
    condition     = alltrue([for name, secret in var.secrets : !secret.managed || try(length(var.values[name]) > 0, false)])
    error_message = "Every secret with managed = true needs its value in values, by its name, and not an empty one."
  }
}

variable "version_destroy_days" {
  description = "Days that a version which somebody destroys can be taken back, being disabled meanwhile."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.version_destroy_days >= 1 && var.version_destroy_days <= 1000 && floor(var.version_destroy_days) == var.version_destroy_days
    error_message = "Give 1 to 1000 whole days to take a destroyed version back."
  }
}
