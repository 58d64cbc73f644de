variable "anonymization" {
  description = "Job that publishes production's data, anonymised, as an august_staging_anonymization takes it; null while there is nothing to publish yet. `policy` is closed: a table or a column that it does not name fails the plan. The job runs when `triggers` change."
  type = object({
    name     = optional(string, "august-anonymize")
    image    = string
    endpoint = string
    audience = optional(string)
    database = object({
      instance        = string
      name            = string
      user            = string
      direct          = optional(bool)
      port            = optional(number)
      password_secret = optional(string)
    })
    policy             = any
    signing_key_secret = string
    key_secret         = optional(string)
    triggers           = map(string)
    cpu                = optional(string)
    memory             = optional(string)
    timeout            = optional(string)
    network            = optional(object({ network = optional(string), subnetwork = optional(string), egress = optional(string), tags = optional(set(string)) }))
  })
  default = null

  validation {
    condition     = var.anonymization == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.anonymization.image))
    error_message = "anonymization.image is an image by digest, repository@sha256:…, as august_runtime_image gives it: a tag may be another image tomorrow."
  }

  validation {
    condition = var.anonymization == null ? true : alltrue([
      for secret in [var.anonymization.signing_key_secret, var.anonymization.key_secret, var.anonymization.database.password_secret] : secret == null ? true : can(regex("^[A-Za-z0-9_-]+(:[A-Za-z0-9]+)?$", secret))
    ])
    error_message = "The secrets of anonymization are names of production's own project, such as anonymization-signing-key or anonymization-signing-key:3, and never a key itself."
  }

  validation {
    condition     = var.anonymization == null ? true : length(var.anonymization.triggers) > 0
    error_message = "Staging is refreshed by name: give anonymization.triggers one, such as { refresh = \"2027-01\" }, and change it when staging is to have newer data."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the bucket while an export lies in it."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key" {
  description = "Key that encrypts what lies in the bucket, in the bucket's location, projects/P/locations/L/keyRings/K/cryptoKeys/C; null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version."
  }

  validation {
    condition     = var.kms_key == null ? true : lower(try(split("/", var.kms_key)[3], "")) == lower(var.location)
    error_message = "Cloud Storage takes a key of the bucket's own location: use one whose location is that of location."
  }
}

variable "labels" {
  description = "Labels of the bucket. No patient's data belongs in them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "location" {
  description = "Location of the bucket: a region, such as us-central1, or a multi-region, such as US."
  type        = string
  default     = "US"
  nullable    = false
}

variable "name" {
  description = "Name of the bucket. It is known to the whole world: let it name no patient, payer or practice."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.name))
    error_message = "name is 3 to 63 lower-case letters, digits, hyphens and underscores, and starts and ends with a letter or a digit."
  }
}

variable "planners" {
  description = "Service accounts of production that plan this configuration, by a stable name: a plan reads the manifests in the bucket. E-mail addresses."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for planner in values(var.planners) : endswith(planner, "@${var.project}.iam.gserviceaccount.com")])
    error_message = "Each of planners is a service account of production's own project, and no person: exports are not for looking at."
  }
}

variable "prefix" {
  description = "Folder of the bucket that exports are published to."
  type        = string
  default     = "clinic"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]*$", var.prefix))
    error_message = "prefix is lower-case letters, digits, hyphens and underscores, without a slash."
  }
}

variable "project" {
  description = "ID of production's project, which the bucket and the job are in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project ID, such as feel-august-platform."
  }
}

variable "project_number" {
  description = "Number of production's project, by which Cloud Storage's own service account is known; needed with kms_key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^[0-9]+$", var.project_number))
    error_message = "Cloud Storage encrypts as service-NUMBER@gs-project-accounts.iam.gserviceaccount.com, which has to be let use kms_key: set project_number."
  }
}

variable "region" {
  description = "Region of the job."
  type        = string
  nullable    = false
}

variable "retention_days" {
  description = "Days after which an export is removed from the bucket. Staging keeps what it has taken in."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 365 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days is 1 to 365: less data lying about is less to lose."
  }
}

variable "service_account" {
  description = "E-mail of the service account that the job runs as, of production's project: the only one that may write to the bucket. Give it SELECT on the database and nothing else."
  type        = string
  nullable    = false

  validation {
    condition     = endswith(var.service_account, "@${var.project}.iam.gserviceaccount.com")
    error_message = "What writes to the bucket has read production's data, and is a service account of production's project: name one in service_account that ends in @PROJECT.iam.gserviceaccount.com."
  }
}

variable "staging" {
  description = "Who takes the exports in: staging's project, the service accounts that may read the bucket by a stable name (the import's, and those that plan and apply staging), and the project's number, by which all its service accounts are denied production's database and secrets, whatever else they are granted; null for no such denial."
  type = object({
    project        = string
    project_number = optional(string)
    readers        = map(string)
  })
  nullable = false

  validation {
    condition     = var.staging.project != var.project
    error_message = "Staging has a project of its own: staging.project is not the project that the bucket is in."
  }

  validation {
    condition     = alltrue([for reader in values(var.staging.readers) : endswith(reader, "@${var.staging.project}.iam.gserviceaccount.com")])
    error_message = "Exports are for staging's own service accounts and for no person: each of staging.readers ends in @STAGING-PROJECT.iam.gserviceaccount.com."
  }

  validation {
    condition     = var.staging.project_number == null ? true : can(regex("^[0-9]+$", var.staging.project_number))
    error_message = "staging.project_number is a number, such as 123456789012."
  }
}
