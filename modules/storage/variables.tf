variable "deletion_protection" {
  description = "Whether the bucket is kept from being deleted while there is anything in it."
  type        = bool
  default     = true
  nullable    = false
}

variable "expire_after_days" {
  description = "Age in days at which objects are deleted. Null: never."
  type        = number
  default     = null

  validation {
    condition     = var.expire_after_days == null ? true : var.expire_after_days >= 1
    error_message = "expire_after_days is at least one day; leave it out to keep objects."
  }

  validation {
    condition     = var.expire_after_days == null || var.retention == null ? true : var.expire_after_days >= var.retention.days
    error_message = "expire_after_days must not be less than retention.days: objects cannot be deleted before."
  }
}

variable "iam" {
  description = "Who has which role on the bucket, by a name of the grant's own: a predefined or custom role, the member, and a condition."
  type = map(object({
    role   = string
    member = string
    condition = optional(object({
      title      = string
      expression = string
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = !anytrue([for grant in var.iam : contains(["allUsers", "allAuthenticatedUsers"], grant.member) || startswith(grant.member, "domain:") || startswith(grant.member, "project")])
    error_message = "iam.member names who it is: allUsers, allAuthenticatedUsers, whole domains and the convenience groups of a project are refused."
  }

  validation {
    condition     = !anytrue([for grant in var.iam : contains(["roles/owner", "roles/editor", "roles/viewer", "roles/storage.admin"], grant.role) || startswith(grant.role, "roles/storage.legacy")])
    error_message = "iam.role is one that fits the task, such as roles/storage.objectViewer, objectCreator or objectUser: basic and legacy roles and storage.admin, which could undo the bucket's protection, are refused."
  }
}

variable "ip_filter" {
  description = "From where the bucket may be reached: networks (by a name of their own: id and ranges within), public ranges, and whether Google's service agents pass regardless. Null: from anywhere, by whoever has the right."
  type = object({
    networks = optional(map(object({
      id    = string
      cidrs = set(string)
    })), {})
    public_cidrs   = optional(set(string), [])
    service_agents = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.ip_filter == null ? true : length(var.ip_filter.networks) + length(var.ip_filter.public_cidrs) > 0
    error_message = "ip_filter without a network or a public range would shut everybody out, whoever applies this plan among them."
  }

  validation {
    condition     = var.ip_filter == null ? true : !anytrue([for cidr in var.ip_filter.public_cidrs : endswith(cidr, "/0")])
    error_message = "ip_filter.public_cidrs must not hold the whole internet; leave ip_filter out instead."
  }
}

variable "kms_key" {
  description = "ID of the Cloud KMS key that objects are encrypted with, in the multi-region of the bucket (such as projects/…/locations/us/keyRings/…/cryptoKeys/…). With one, objects that are encrypted otherwise are refused. Null: Google's keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is a key's ID: projects/…/locations/…/keyRings/…/cryptoKeys/…, without a version."
  }

  validation {
    condition     = var.kms_key == null ? true : var.project_number != null
    error_message = "kms_key needs project_number: it is in the name of the storage agent that has to be let use the key."
  }
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name of the bucket, unique in the world: begin it with the project's ID. No patient's, practice's or person's name: names of buckets are public."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.name)) && !startswith(var.name, "goog")
    error_message = "name is 3 to 63 lower case letters, digits, dashes and underscores, without a dot, and does not begin with goog."
  }
}

variable "previous_versions_days" {
  description = "Days for which a replaced or deleted object's earlier version is kept. With `retention` there are none: an object is neither replaced nor deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.previous_versions_days >= 1
    error_message = "previous_versions_days is at least one day."
  }
}

variable "project" {
  description = "ID of the project that the bucket is in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project's ID, such as \"feel-august-platform\", and not its number or name."
  }
}

variable "project_number" {
  description = "Number of the project, which the storage agent that uses `kms_key` is named by. Needed with `kms_key` only."
  type        = string
  default     = null

  validation {
    condition     = var.project_number == null ? true : can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number is the project's number, in digits."
  }
}

variable "regions" {
  description = "The two regions, of one continent, that hold each object: whichever is lost, the other serves. Changing them makes another bucket."
  type        = list(string)
  default     = ["us-central1", "us-east1"]
  nullable    = false

  validation {
    condition     = length(var.regions) == 2 && length(distinct(var.regions)) == 2
    error_message = "regions are two different regions, such as [\"us-central1\", \"us-east1\"]."
  }

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^(us|europe|asia)-[a-z]+[0-9]+$", region))]) && length(distinct([for region in var.regions : split("-", region)[0]])) == 1
    error_message = "regions must be of one continent, of us-…, europe-… or asia-…: a bucket of two regions spans no other."
  }
}

variable "retention" {
  description = "Days for which no object can be replaced or deleted by anybody, and whether that is locked. A lock cannot be undone, by nobody, until the last object has reached its age. Null: no retention, but earlier versions are kept."
  type = object({
    days   = number
    locked = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.retention == null ? true : var.retention.days >= 1 && var.retention.days < 36500
    error_message = "retention.days is from one day to less than a hundred years."
  }
}

variable "soft_delete_days" {
  description = "Days for which a deleted object can be restored, from 7 to 90."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 90
    error_message = "soft_delete_days is from 7 to 90."
  }
}

variable "turbo_replication" {
  description = "Whether new objects are in both regions within 15 minutes (by agreement), rather than within 12 hours."
  type        = bool
  default     = true
  nullable    = false
}
