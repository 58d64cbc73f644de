variable "create_project" {
  description = "Where staging's project is made, in one folder or organisation, and what it is billed to; null when it exists already."
  type = object({
    billing_account = string
    folder_id       = optional(string)
    org_id          = optional(string)
    display_name    = optional(string)
  })
  default = null

  validation {
    condition     = var.create_project == null ? true : (var.create_project.folder_id == null) != (var.create_project.org_id == null)
    error_message = "A project is in one folder or directly in an organisation: set one of create_project.folder_id and create_project.org_id."
  }

  validation {
    condition     = var.create_project == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.create_project.billing_account))
    error_message = "create_project.billing_account looks like 012345-6789AB-CDEF01."
  }
}

variable "database" {
  description = "Staging's Cloud SQL instance, such as module.database.database; null while there is none. It is held to be staging's own, and out of reach of production."
  type = object({
    project           = string
    instance          = string
    connection_name   = string
    environment       = string
    consumer_projects = optional(set(string), [])
  })
  default = null

  validation {
    condition     = var.database == null ? true : var.database.project == var.project
    error_message = "The database is not in staging's project. Staging has an instance of its own, and never a user on production's."
  }

  validation {
    condition     = var.database == null ? true : var.database.environment == "staging"
    error_message = "The database was declared for another environment: staging's has environment = \"staging\"."
  }

  validation {
    condition     = var.database == null ? true : !contains(var.database.consumer_projects, var.production.project)
    error_message = "Production may reach staging's database by Private Service Connect: take its project out of access.psc.consumer_projects."
  }
}

variable "dataset" {
  description = "Job that fills a database of staging with production's data, anonymised, as an august_staging_dataset takes it; null for none yet. `public_key` is the key that is trusted, held once against the signing key and kept in staging's own configuration; `export` names one, or the newest is taken."
  type = object({
    name            = optional(string, "august-dataset")
    image           = string
    service_account = string
    bucket          = string
    public_key      = string
    export          = optional(string)
    database = object({
      name            = string
      user            = string
      direct          = optional(bool)
      port            = optional(number)
      password_secret = optional(string)
    })
    triggers = optional(map(string))
    cpu      = optional(string)
    memory   = optional(string)
    timeout  = optional(string)
    network  = optional(object({ network = optional(string), subnetwork = optional(string), egress = optional(string), tags = optional(set(string)) }))
  })
  default = null

  validation {
    condition     = var.dataset == null || var.database != null
    error_message = "A dataset needs staging's instance to go to: set database."
  }

  validation {
    condition     = var.dataset == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.dataset.image))
    error_message = "dataset.image is an image by digest, repository@sha256:…: the one that runs in production."
  }

  validation {
    condition     = var.dataset == null ? true : endswith(var.dataset.service_account, "@${var.project}.iam.gserviceaccount.com")
    error_message = "The import runs as an account of staging's project: name one in dataset.service_account that ends in @PROJECT.iam.gserviceaccount.com."
  }

  validation {
    condition     = var.dataset == null ? true : coalesce(var.dataset.database.direct, false) || endswith(var.dataset.database.user, "@${var.project}.iam")
    error_message = "The import signs in by IAM as an account of staging's project: dataset.database.user ends in @PROJECT.iam. With a password it needs dataset.database.direct."
  }

  validation {
    condition     = var.dataset == null ? true : can(regex("^gs://[^/]+/[^/]+$", var.dataset.bucket))
    error_message = "dataset.bucket is gs://bucket/prefix, as the staging/source module gives it."
  }

  validation {
    condition     = var.dataset == null ? true : can(regex("^-----BEGIN PUBLIC KEY-----\n", var.dataset.public_key))
    error_message = "dataset.public_key is a public key in PEM. The private one stays in production, where it signs."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the project that it has made."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of the project. No patient's data belongs in them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "network" {
  description = "Staging's network, such as module.network.network, with its subnetworks by region; null while there is none. It is held to be staging's own, and closed to production's addresses by two rules of its `firewall_policy`, at the priorities 0 and 1."
  type = object({
    project         = string
    id              = string
    firewall_policy = string
    subnetworks     = optional(map(object({ cidr = string })), {})
  })
  default = null

  validation {
    condition     = var.network == null ? true : var.network.project == var.project
    error_message = "The network is not in staging's project: staging shares none with production, not as a Shared VPC either."
  }

  validation {
    condition     = var.network == null ? true : var.network.id != try(var.production.network, null)
    error_message = "The network is production's. Staging has one of its own."
  }

  validation {
    condition = var.network == null ? true : alltrue([
      for pair in setproduct(values(var.network.subnetworks)[*].cidr, var.production.cidrs) :
      cidrsubnet("${cidrhost(pair[0], 0)}/${min(split("/", pair[0])[1], split("/", pair[1])[1])}", 0, 0) !=
      cidrsubnet("${cidrhost(pair[1], 0)}/${min(split("/", pair[0])[1], split("/", pair[1])[1])}", 0, 0)
    ])
    error_message = "A range of staging's overlaps one of production's: with other addresses nothing that is meant for one can reach the other."
  }
}

variable "organization_policies" {
  description = "Whether the project gets the policies that keep it apart: no peering but with `peers` and with Google's own services, no VPN and no Shared VPC, no public addresses of databases, no keys of service accounts and none of its accounts used elsewhere. They need roles/orgpolicy.policyAdmin on the organisation."
  type        = bool
  default     = true
  nullable    = false
}

variable "peers" {
  description = "Networks that staging may peer with beside Google's, as under:projects/P or projects/P/global/networks/N."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for peer in var.peers : can(regex("^(under:projects/[^/]+|projects/[^/]+/global/networks/[^/]+)$", peer))])
    error_message = "peers are single projects or networks, under:projects/P or projects/P/global/networks/N: a folder or an organisation may have production in it."
  }

  validation {
    condition     = !anytrue([for peer in var.peers : contains(split("/", peer), var.production.project)])
    error_message = "Production is never staging's peer: take its project out of peers."
  }
}

variable "production" {
  description = "What staging is kept apart from: production's project, and its network's id and address ranges, as far as they are known."
  type = object({
    project = string
    network = optional(string)
    cidrs   = optional(set(string), [])
  })
  nullable = false

  validation {
    condition     = var.production.project != var.project
    error_message = "Staging has a project of its own: production.project is another one."
  }

  validation {
    condition     = alltrue([for cidr in var.production.cidrs : can(cidrnetmask(cidr))])
    error_message = "production.cidrs are ranges of IPv4, such as 10.10.0.0/20."
  }
}

variable "project" {
  description = "ID of staging's project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project ID, such as feel-august-platform-staging."
  }
}

variable "region" {
  description = "Region of the import's job."
  type        = string
  nullable    = false
}

variable "services" {
  description = "APIs that are enabled in the project: by default those of this repository's modules."
  type        = set(string)
  default = [
    "artifactregistry.googleapis.com",
    "binaryauthorization.googleapis.com",
    "certificatemanager.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "containeranalysis.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "iap.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "networkconnectivity.googleapis.com",
    "orgpolicy.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ]
  nullable = false
}
