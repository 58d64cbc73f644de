variable "alerts" {
  description = "Who hears of a secret whose rotation is overdue, as Monitoring notification channels, and how many days after it was due."
  type = object({
    notification_channels = optional(list(string), [])
    overdue_days          = optional(number, 7)
  })
  default  = {}
  nullable = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the secrets, whose values are nowhere else."
  type        = bool
  default     = true
  nullable    = false
}

variable "deployers" {
  description = "Who may deploy the service, by a stable key: IAM members, such as the apply account of modules/delivery."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for member in values(var.deployers) : startswith(member, "serviceAccount:") || startswith(member, "principal")])
    error_message = "A pipeline deploys, not people: write deployers as \"serviceAccount:<email>\" or as principals of a workload identity pool."
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

variable "kms_key" {
  description = "Cloud KMS key that encrypts the queue, or null for Google's own. Pub/Sub's service agent has to hold roles/cloudkms.cryptoKeyEncrypterDecrypter on it."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name of the service account, of the subscription and of the set of secrets: that of the service."
  type        = string
  default     = "august-sync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.name))
    error_message = "The name has 6 to 30 lower-case letters, digits and hyphens, such as \"august-sync\"."
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
  description = "Project number, which the service agents of Pub/Sub and Secret Manager are named after."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "The project_number has digits only; `gcloud projects describe <project> --format='value(projectNumber)'` tells it."
  }
}

variable "regions" {
  description = "Regions that deliveries and secrets are kept in, and nowhere else: a delivery is PHI."
  type        = set(string)
  default     = ["us-central1", "us-east1"]
  nullable    = false

  validation {
    condition     = length(var.regions) > 0
    error_message = "Name the regions that deliveries may be kept in, such as [\"us-central1\", \"us-east1\"]."
  }
}

variable "secret_kms_keys" {
  description = "Cloud KMS keys that encrypt the secrets, by region: one in each of `regions`, or none, for Google's own."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "Secrets that the runtime reads, by name: who may add versions (IAM members by a stable key), and how often a rotation is due. The defaults are what `modules/sync` is given in the examples."
  type = map(object({
    version_adders = optional(map(string), {})
    rotation_days  = optional(number, 90)
  }))
  default = {
    "coda-token"       = {}
    "drchrono-oauth"   = {}
    "drchrono-webhook" = {}
  }
  nullable = false
}

variable "slow_query_log" {
  description = "Whether the runtime may read the project's logs, for advice out of the log of slow statements. Such a log holds what was asked for: leave it out where statements carry patients' data."
  type        = bool
  default     = false
  nullable    = false
}

variable "topic" {
  description = "Name of the topic that deliveries of DrChrono's webhook wait in."
  type        = string
  default     = "drchrono-deliveries"
  nullable    = false
}
