variable "address" {
  description = "Fixed private address of the endpoint, within the subnetwork. Null: one is chosen, and kept."
  type        = string
  default     = null

  validation {
    condition     = var.address == null ? true : can(cidrhost("${var.address}/32", 0))
    error_message = "address is an IPv4 address within the subnetwork, such as \"10.20.0.5\"."
  }
}

variable "database" {
  description = "The database: the output `database` of the module database, whole."
  type = object({
    project                = string
    instance               = string
    connection_name        = string
    region                 = string
    psc_service_attachment = string
    dns_name               = string
    consumer_projects      = optional(set(string))
  })
  nullable = false
}

variable "database_roles" {
  description = "Roles of the database that each service's user is a member of, by the service's name in `service_accounts`. They are made by migrations; a service without one can connect, and see nothing."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for service, _ in var.database_roles : contains(keys(var.service_accounts), service)])
    error_message = "Each key of database_roles must be a key of service_accounts."
  }

  validation {
    condition     = var.grant || length(var.database_roles) == 0
    error_message = "With grant = false the users are made elsewhere: give them their roles there (iam_users of the module database), and leave database_roles out."
  }

  validation {
    condition     = !anytrue([for roles in var.database_roles : anytrue([for role in roles : role == "cloudsqlsuperuser" || startswith(role, "pg_")])])
    error_message = "database_roles must not hold cloudsqlsuperuser nor one of PostgreSQL's own (pg_…): these read or write every table. Have a migration make a role that holds what the service needs."
  }
}

variable "grant" {
  description = "Whether the services' users and their roles in the database's project are made here, which takes somebody who may grant roles and make users there. False where the database's own configuration makes them (`iam_users` of the module database)."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of the resources that take them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name of the connection, such as \"website\", and the beginning of the names of what belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$", var.name))
    error_message = "name is 1 to 50 lower case letters, digits and dashes, begins with a letter and does not end with a dash."
  }
}

variable "network" {
  description = "The network that the services are in: the output `network` of the module network, or any other network's id."
  type = object({
    id = string
  })
  nullable = false
}

variable "port" {
  description = "Port of the endpoint: 3307 for the Cloud SQL connectors and the Auth Proxy; 5432 or, with managed connection pooling, 6432 where the database takes direct connections."
  type        = number
  default     = 3307
  nullable    = false

  validation {
    condition     = contains([3307, 5432, 6432], var.port)
    error_message = "port is 3307 (connectors and the Auth Proxy), 5432 (direct) or 6432 (direct, pooled)."
  }
}

variable "project" {
  description = "ID of the project that the services and their network are in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project's ID, such as \"feel-august-website\", and not its number or name."
  }
}

variable "service_accounts" {
  description = "Services that may connect, by name: the email of the service account of each, which is its user in the database too."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.service_accounts) > 0
    error_message = "service_accounts needs at least one service, such as { website = \"website@feel-august-website.iam.gserviceaccount.com\" }."
  }

  validation {
    condition     = alltrue([for email in var.service_accounts : endswith(email, ".gserviceaccount.com")])
    error_message = "service_accounts are emails of service accounts: people reach patients' data just in time, through the module identity."
  }

  validation {
    condition     = length(distinct(values(var.service_accounts))) == length(var.service_accounts)
    error_message = "Each service has a service account of its own: two share one here, so that the audit trail could not tell them apart."
  }
}

variable "subnetwork" {
  description = "The subnetwork that the endpoint gets its address in, in the database's region: one of the output `subnetworks` of the module network."
  type = object({
    id     = string
    region = string
  })
  nullable = false
}
