variable "access" {
  description = "How clients reach the instance; it never has a public address. `psc`, the default, by Private Service Connect from `consumer_projects`, and from the instance's own project; `auto_connect` are the networks (by a stable name, projects/P/global/networks/N) that get an endpoint by their service connection policy. `psa` by a private address in a peered range of a network, which no other network reaches."
  type = object({
    psc = optional(object({
      consumer_projects = optional(set(string), [])
      auto_connect      = optional(map(string), {})
    }))
    psa = optional(object({
      network    = string
      range_name = optional(string)
    }))
  })
  default  = { psc = {} }
  nullable = false

  validation {
    condition     = var.access.psc != null || var.access.psa != null
    error_message = "An instance that nobody reaches serves nobody: set access.psc, access.psa, or both."
  }

  validation {
    condition     = alltrue([for project in try(var.access.psc.consumer_projects, []) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", project))])
    error_message = "access.psc.consumer_projects are project IDs, such as feel-august-website."
  }

  validation {
    condition     = alltrue([for network in try(values(var.access.psc.auto_connect), []) : can(regex("^projects/[^/]+/global/networks/[^/]+$", network))])
    error_message = "access.psc.auto_connect names networks in full, with the host project: projects/PROJECT/global/networks/NETWORK."
  }
}

variable "audit_classes" {
  description = "Classes of statements that pgAudit logs, of ddl, role, write, read, function and misc. Parameters are never logged."
  type        = set(string)
  default     = ["ddl", "role", "write"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.audit_classes, ["ddl", "role", "write", "read", "function", "misc"])) == 0
    error_message = "audit_classes are of ddl, role, write, read, function and misc."
  }

  validation {
    condition     = length(setsubtract(["ddl", "role", "write"], var.audit_classes)) == 0
    error_message = "Who changed what in patients' records has to be found out afterwards (45 CFR 164.312(b)): keep ddl, role and write in audit_classes."
  }
}

variable "backup" {
  description = "Daily backups and how far they reach: days of point-in-time recovery (up to 7 in ENTERPRISE, 35 in ENTERPRISE_PLUS), backups kept, the start (HH:MM, UTC), where they lie, and days that a last one outlives the instance."
  type = object({
    recovery_days    = optional(number, 7)
    retained_backups = optional(number, 30)
    start_time       = optional(string, "07:00")
    location         = optional(string, "us")
    final_days       = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.backup.recovery_days >= 7 && var.backup.recovery_days <= (var.edition == "ENTERPRISE_PLUS" ? 35 : 7)
    error_message = "backup.recovery_days is 7 in the edition ENTERPRISE, and 7 to 35 in ENTERPRISE_PLUS."
  }

  validation {
    condition     = var.backup.retained_backups >= var.backup.recovery_days && var.backup.retained_backups <= 365
    error_message = "Going back a day takes a backup from before it: set backup.retained_backups to recovery_days or more, up to 365."
  }

  validation {
    condition     = var.backup.final_days >= 1 && var.backup.final_days <= 365
    error_message = "backup.final_days is 1 to 365."
  }
}

variable "connection_pooling" {
  description = "Managed connection pooling, of the edition ENTERPRISE_PLUS, and its flags such as max_pool_size; null for none. Clients reach the poolers at port 6432, or through the Auth Proxy, and not by a language's connector."
  type        = object({ flags = optional(map(string), {}) })
  default     = null

  validation {
    condition     = var.connection_pooling == null || var.edition == "ENTERPRISE_PLUS"
    error_message = "Only the edition ENTERPRISE_PLUS has managed connection pooling: set edition to it, or leave connection_pooling out and keep the services' own pools small."
  }
}

variable "databases" {
  description = "Databases on the instance by name. A collation cannot be changed later."
  type        = map(object({ collation = optional(string, "en_US.UTF8") }))
  default     = { august = {} }
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[a-z_][a-z0-9_-]{0,62}$", name)) && !contains(["postgres", "template0", "template1", "cloudsqladmin"], name)])
    error_message = "A database's name is up to 63 lower-case letters, digits, hyphens and underscores, starts with a letter or an underscore, and is none that Cloud SQL makes itself."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform and Cloud SQL both refuse to delete the instance, its replica and its databases. To delete them, apply false first."
  type        = bool
  default     = true
  nullable    = false
}

variable "deny_maintenance_period" {
  description = "Days without maintenance, at most 90: mm-dd for every year, or yyyy-mm-dd; null for none."
  type = object({
    start_date = string
    end_date   = string
    time       = optional(string)
  })
  default = null
}

variable "direct_connections" {
  description = "Whether clients may connect without a Cloud SQL connector or the Auth Proxy. Connections are encrypted either way, and by a connector in TLS 1.3 with a certificate of the client."
  type        = bool
  default     = false
  nullable    = false
}

variable "disk" {
  description = "Disk of the instance: its first size, and the size at which it stops to grow by itself, both in GB; 0 for no such end."
  type = object({
    size_gb  = optional(number, 20)
    limit_gb = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.disk.size_gb >= 10 && (var.disk.limit_gb == 0 || var.disk.limit_gb >= var.disk.size_gb)
    error_message = "disk.size_gb is 10 or more, and disk.limit_gb is 0 or no less than that: a disk that is full stops the database."
  }
}

variable "drills" {
  description = "Recovery drills by name, each an august_recovery_drill that is run when its `triggers` change. **A failover is an outage** of seconds to a minute or two. `endpoint` and `audience` are the sync runtime's."
  type = map(object({
    kind          = string
    endpoint      = string
    audience      = optional(string)
    triggers      = map(string)
    max_rto       = optional(string, "15m")
    verify_tables = optional(set(string))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for drill in values(var.drills) : contains(["failover", "point_in_time_restore"], drill.kind)])
    error_message = "The kind of each of drills is failover or point_in_time_restore."
  }

  validation {
    condition     = alltrue([for drill in values(var.drills) : length(drill.triggers) > 0])
    error_message = "A drill without triggers is never run again: give each of drills one, such as { quarter = \"2027-Q1\" }."
  }
}

variable "edition" {
  description = "ENTERPRISE, or ENTERPRISE_PLUS, which adds managed connection pooling, 35 days of recovery and failover to a replica in another region."
  type        = string
  default     = "ENTERPRISE"
  nullable    = false

  validation {
    condition     = contains(["ENTERPRISE", "ENTERPRISE_PLUS"], var.edition)
    error_message = "edition is ENTERPRISE or ENTERPRISE_PLUS."
  }
}

variable "environment" {
  description = "production or staging. Staging gets each maintenance update first, and logs slow queries: it holds no patients."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "environment is production or staging."
  }
}

variable "flags" {
  description = "Further database flags by name. Those that inputs of the module decide are refused here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for name in keys(var.flags) : !contains([
      "cloudsql.enable_pgaudit", "cloudsql.iam_authentication", "log_connections", "log_disconnections", "log_duration", "log_error_verbosity",
      "log_min_duration_statement", "log_min_error_statement", "log_min_messages", "log_parameter_max_length", "log_parameter_max_length_on_error",
      "log_statement", "max_connections", "pgaudit.log", "pgaudit.log_parameter",
    ], lower(name))])
    error_message = "The module sets that flag itself, by CIS 6.2 or by an input: max_connections, slow_query_ms, audit_classes. Take it out of flags."
  }
}

variable "iam_users" {
  description = "Who signs in by IAM, by a stable name: an e-mail address, its type (service_account, user or group) and database roles that exist. Each may connect to this instance and sign in to it, and to no other of the project."
  type = map(object({
    email          = string
    type           = optional(string, "service_account")
    database_roles = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for user in values(var.iam_users) : contains(["service_account", "user", "group"], user.type)])
    error_message = "The type of each of iam_users is service_account, user or group."
  }
}

variable "kms_key" {
  description = "Key in the instance's region that encrypts it, projects/P/locations/R/keyRings/K/cryptoKeys/C; null for Google's own. It cannot be changed later."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, without a version."
  }

  validation {
    condition     = var.kms_key == null ? true : try(split("/", var.kms_key)[3], "") == var.region
    error_message = "Cloud SQL takes a key of the instance's own region: use one whose location is that of region."
  }
}

variable "labels" {
  description = "Labels of the instance. No patient's data belongs in them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "maintenance" {
  description = "Weekly hour (UTC) in which Cloud SQL may restart the instance, and the hours of little traffic that it has to lie in, in winter and in summer. The update track is canary in staging and week5 in production."
  type = object({
    day          = optional(string, "sunday")
    hour         = optional(number, 8)
    update_track = optional(string)
    low_traffic = optional(object({
      from      = optional(string, "00:00")
      to        = optional(string, "05:00")
      time_zone = optional(string, "America/Chicago")
    }), {})
  })
  default  = {}
  nullable = false
}

variable "max_connections" {
  description = "Connections that PostgreSQL accepts. Changing it restarts the database."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.max_connections >= 25 && var.max_connections <= 10000
    error_message = "max_connections is 25 to 10000."
  }
}

variable "name" {
  description = "Name of the instance. It cannot be used again for a week after the instance was deleted."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,78}[a-z0-9])?$", var.name)) && length("${var.project}:${var.name}") <= 98
    error_message = "name is lower-case letters, digits and hyphens, starts with a letter, and has up to 98 characters together with the project."
  }
}

variable "other_connections" {
  description = "Connections that people and tools hold, beside those of services."
  type        = number
  default     = 5
  nullable    = false
}

variable "password_users" {
  description = "Users with a password, for what cannot sign in by IAM, by name: database roles (never empty, for that would be cloudsqlsuperuser) and a version to count up when the password in `passwords` changes."
  type = map(object({
    database_roles   = list(string)
    password_version = number
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for user in values(var.password_users) : length(user.database_roles) > 0])
    error_message = "Cloud SQL makes a user without roles a cloudsqlsuperuser: give each of password_users its database_roles."
  }

  validation {
    condition     = length(var.password_users) == 0 || var.direct_connections
    error_message = "Connectors sign in by IAM: password_users are for direct connections, so set direct_connections to true, or make iam_users of them."
  }
}

variable "passwords" {
  description = "Passwords by name of user. They are passed on once and kept in no plan and no state."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "postgresql_version" {
  description = "Major version of PostgreSQL. Cloud SQL upgrades in place, and never back."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = contains([15, 16, 17, 18], var.postgresql_version)
    error_message = "postgresql_version is 15, 16, 17 or 18."
  }
}

variable "project" {
  description = "ID of the project that the instance is in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project ID, such as feel-august-platform."
  }
}

variable "project_number" {
  description = "Number of the project, by which Cloud SQL's own service account is known; needed with kms_key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^[0-9]+$", var.project_number))
    error_message = "Cloud SQL encrypts as service-NUMBER@gcp-sa-cloud-sql.iam.gserviceaccount.com, which has to be let use kms_key: set project_number."
  }
}

variable "region" {
  description = "Region of the instance; its standby is in another zone of it."
  type        = string
  nullable    = false
}

variable "replica" {
  description = "Read replica in another region that can stand in for the instance; null for none. Its flags follow the instance's. `failover_target`, of ENTERPRISE_PLUS, lets Cloud SQL fail over to it; `kms_key` is a key of its region, needed with the instance's."
  type = object({
    name            = string
    region          = string
    tier            = optional(string)
    kms_key         = optional(string)
    failover_target = optional(bool)
  })
  default = null

  validation {
    condition     = var.replica == null ? true : var.replica.region != var.region
    error_message = "A replica in the instance's own region fails with it: name another one in replica.region."
  }

  validation {
    condition     = var.replica == null ? true : (var.replica.kms_key == null) == (var.kms_key == null)
    error_message = "The disk of a replica is encrypted as its primary's is, by a key of its own region: set replica.kms_key with kms_key, and only then."
  }

  validation {
    condition     = try(var.replica.failover_target, null) != true || var.edition == "ENTERPRISE_PLUS"
    error_message = "Only the edition ENTERPRISE_PLUS fails over to a designated replica: leave replica.failover_target out and promote by hand, or set edition."
  }

  validation {
    condition     = try(var.replica.kms_key, null) == null ? true : try(split("/", var.replica.kms_key)[3], "") == var.replica.region
    error_message = "The key of replica.kms_key has to be in the replica's region."
  }
}

variable "services" {
  description = "What connects to the instance, as provider::august::connection_budget takes it. The plan fails when these may need more connections than there are."
  type = map(object({
    max_instances     = number
    pool_max          = number
    min_instances     = optional(number)
    processes         = optional(number)
    overlap_instances = optional(number)
    job_connections   = optional(number)
    pooled            = optional(bool)
  }))
  default  = {}
  nullable = false
}

variable "slow_query_ms" {
  description = "Milliseconds from which a statement is logged, -1 for never. Default: -1 in production, since SQL text may hold patients' data and Query Insights find slow queries without it; 500 in staging."
  type        = number
  default     = null

  validation {
    condition     = var.slow_query_ms == null ? true : var.slow_query_ms == -1 || var.slow_query_ms >= 10
    error_message = "slow_query_ms is -1, or 10 and more: less would log every statement."
  }
}

variable "tier" {
  description = "Machine type: db-custom-* in the edition ENTERPRISE, db-perf-optimized-N-* and the like in ENTERPRISE_PLUS. Shared cores have no standby worth the name and are refused."
  type        = string
  default     = "db-custom-2-7680"
  nullable    = false

  validation {
    condition     = can(regex("^db-(custom|perf-optimized|memory-optimized|c4a|n4)", var.tier))
    error_message = "tier is a machine of its own cores, such as db-custom-2-7680 or db-perf-optimized-N-2; Cloud SQL's SLA excludes shared cores."
  }

  validation {
    condition     = startswith(var.tier, "db-custom-") == (var.edition == "ENTERPRISE")
    error_message = "The edition ENTERPRISE runs on db-custom-* and ENTERPRISE_PLUS on db-perf-optimized-* and the like: change tier or edition."
  }
}
