variable "audit" {
  description = "Locked bucket of audit logs; `keep` is false where another project keeps them. The lock cannot be taken back, and with `kms_key` Cloud Logging's own service account (`gcloud logging settings describe`) has to be named. `members` may read, by a name of their own each."
  type = object({
    keep                = optional(bool, true)
    bucket              = optional(string, "audit")
    location            = optional(string)
    retention_days      = optional(number, 2557)
    locked              = optional(bool, true)
    kms_service_account = optional(string)
    members             = optional(map(string), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.audit.retention_days >= 2190
    error_message = "HIPAA has records kept for six years (45 CFR 164.316(b)(2)(i)): set audit.retention_days to 2190 or more; 2557 are seven years."
  }

  validation {
    condition     = var.audit.locked || var.environment != "production"
    error_message = "In production the bucket of audit logs is locked, so that no administrator can shorten what it keeps: leave audit.locked out, or set it to true."
  }

  validation {
    condition     = !var.audit.keep || (var.kms_key == null) == (var.audit.kms_service_account == null)
    error_message = "kms_key and audit.kms_service_account belong together: Cloud Logging encrypts as the account that `gcloud logging settings describe --project=PROJECT` names, and needs the key granted to it before the bucket is made."
  }

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-_.]{0,99}$", var.audit.bucket))
    error_message = "audit.bucket is up to 100 lower-case letters, digits, hyphens, underscores and periods, and starts with a letter or a digit."
  }

  validation {
    condition     = alltrue([for member in values(var.audit.members) : can(regex("^(user|group|serviceAccount|principal|principalSet):", member)) && !can(regex("^all", member))])
    error_message = "audit.members are IAM members such as \"group:auditors@example.com\"; allUsers and allAuthenticatedUsers are not."
  }
}

variable "budget" {
  description = "Monthly budget of `project` and `monitored_projects`, in whole units of the billing account's currency. Told of at each of `thresholds`, as spent, and at the whole as forecast. Null for none."
  type = object({
    billing_account = string
    amount          = number
    thresholds      = optional(set(number), [0.5, 0.8, 1.0])
    pubsub_topic    = optional(string)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : (var.project_number != null && alltrue([for number in values(var.monitored_projects) : number != null]))
    error_message = "A budget filters by project numbers: set project_number, and the number of each of monitored_projects."
  }

  validation {
    condition     = var.budget == null ? true : (var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount)
    error_message = "budget.amount is in whole units of the billing account's currency, at least 1."
  }

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account looks like 012345-6789AB-CDEF01, without a prefix."
  }

  validation {
    condition     = var.budget == null ? true : alltrue([for share in var.budget.thresholds : share > 0 && share <= 2])
    error_message = "budget.thresholds are shares of the amount: 0.5 is half of it. None is above 2."
  }
}

variable "channels" {
  description = "Where alerts go, by a name that stays: an `email` address, a `pubsub_topic` (projects/P/topics/T), or the full name of a `channel` that exists, such as one whose key must not be in this state. `urgency` says what it is told of: what somebody has to get up for (`page`), what can wait for the morning (`ticket`), or both."
  type = map(object({
    email        = optional(string)
    pubsub_topic = optional(string)
    channel      = optional(string)
    urgency      = optional(set(string), ["page", "ticket"])
  }))
  nullable = false

  validation {
    condition     = alltrue([for channel in values(var.channels) : length([for way in [channel.email, channel.pubsub_topic, channel.channel] : way if way != null]) == 1])
    error_message = "Each of channels has exactly one of email, pubsub_topic and channel."
  }

  validation {
    condition     = alltrue([for channel in values(var.channels) : length(channel.urgency) > 0 && length(setsubtract(channel.urgency, ["page", "ticket"])) == 0])
    error_message = "The urgency of each of channels is \"page\", \"ticket\", or both."
  }

  validation {
    condition     = alltrue([for urgency in ["page", "ticket"] : anytrue([for channel in values(var.channels) : contains(channel.urgency, urgency)])])
    error_message = "An alert that reaches nobody is none: of channels, at least one is told of \"page\" and one of \"ticket\"."
  }

  validation {
    condition     = alltrue([for channel in values(var.channels) : channel.pubsub_topic == null ? true : can(regex("^projects/[^/]+/topics/[^/]+$", channel.pubsub_topic)) && var.project_number != null])
    error_message = "A pubsub_topic is named in full, projects/PROJECT/topics/TOPIC, and needs project_number: Monitoring's service agent, which publishes, is named by it."
  }

  validation {
    condition     = alltrue([for channel in values(var.channels) : channel.channel == null ? true : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel.channel))])
    error_message = "A channel that exists is named in full: projects/PROJECT/notificationChannels/ID."
  }
}

variable "database" {
  description = "Cloud SQL instance to look after, such as module.database.database; null for none. Of another `project`, that one has to be among monitored_projects. `max_connections` is what connections are held against, and `replicas` are the names of its read replicas."
  type = object({
    project         = optional(string)
    instance        = string
    max_connections = optional(number)
    replicas        = optional(set(string), [])
  })
  default = null
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the bucket of audit logs."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Environment: production, or staging, where nobody is paged: what would be a page is a ticket."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "environment is \"production\" or \"staging\"."
  }
}

variable "kms_key" {
  description = "Cloud KMS key that encrypts the audit logs, in the bucket's location. It cannot be taken away again. Null for Google's own key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is a key's full name: projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
}

variable "labels" {
  description = "Labels of everything that has labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "monitored_projects" {
  description = "Further projects whose metrics are seen here and whose audit logs are kept here, by project ID, with their number; the number may be null without a budget."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(keys(var.monitored_projects), var.project)
    error_message = "monitored_projects are those beside project, which is looked after anyhow: leave it out."
  }
}

variable "name" {
  description = "What is looked after, such as `august-platform`: it begins the names of dashboards, alerts and objectives."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name has 3 to 30 lower-case letters, digits and hyphens; it starts with a letter and ends without a hyphen."
  }
}

variable "objectives" {
  description = "What the platform promises, as shares (`availability`, `…_goal`) and seconds. The defaults are the mission's: 99.9 % uptime, 95 % of webhooks applied in 5 s, a table's full sync in 30 s, recovery in 15 minutes. A share is at least 0.94, since a burn rate of 14.4 could not be reached below, and at most 0.999, Cloud Monitoring's own limit."
  type = object({
    availability      = optional(number, 0.999)
    webhook_seconds   = optional(number, 5)
    webhook_goal      = optional(number, 0.95)
    full_sync_seconds = optional(number, 30)
    full_sync_goal    = optional(number, 0.95)
    recovery_seconds  = optional(number, 900)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for goal in [var.objectives.availability, var.objectives.webhook_goal, var.objectives.full_sync_goal] : goal >= 0.94 && goal <= 0.999])
    error_message = "Each goal of objectives is from 0.94 to 0.999: below, an alert at 14.4 times the budget could never fire; above, Cloud Monitoring takes none."
  }

  validation {
    condition     = var.objectives.webhook_goal <= 0.998
    error_message = "objectives.webhook_goal is at most 0.998: a webhook's time is measured in two parts, and each gets half of what may be late, of which Cloud Monitoring takes no less than 0.001."
  }

  validation {
    condition     = alltrue([for seconds in [var.objectives.webhook_seconds, var.objectives.full_sync_seconds, var.objectives.recovery_seconds] : seconds > 0])
    error_message = "The times of objectives are in seconds and above 0."
  }
}

variable "project" {
  description = "ID of the project that has the dashboards, alerts, objectives and audit logs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project's ID: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "project_number" {
  description = "Number of `project`, by which Google names its service agents; a budget, a channel over Pub/Sub and authenticated uptime need it."
  type        = string
  default     = null

  validation {
    condition     = var.project_number == null ? true : can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number is the project's number, digits only, and not its ID."
  }
}

variable "recovery_drills" {
  description = "What recovery drills have measured, by a name: august_recovery_drill resources, whole. Each plan warns of one that failed, that took longer than its `max_rto` (objectives.recovery_seconds where it has none), or that is older than 100 days."
  type = map(object({
    passed      = bool
    rto_seconds = number
    lost_rows   = number
    ran_at      = string
    max_rto     = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for drill in values(var.recovery_drills) : drill.max_rto == null || can(regex("^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$", drill.max_rto))])
    error_message = "The max_rto of each of recovery_drills is a duration, such as 90s or 1h30m."
  }
}

variable "region" {
  description = "Region of the audit logs' bucket, unless audit.location says another."
  type        = string
  nullable    = false
}

variable "runbook_url" {
  description = "Where runbooks are: each alert leads to this address followed by # and the alert's name. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.runbook_url == null ? true : startswith(var.runbook_url, "https://")
    error_message = "runbook_url is an https:// address."
  }
}

variable "services" {
  description = "Services to look after, by name. Of `kind` cloud_run (with the `region` it runs in) or load_balancer (with the `url_map` of an Application Load Balancer, and the `instance_groups` behind it). `availability` and `latency` are its objectives. `uptime` is asked for every minute from around the world, with the token of Monitoring's service agent where `authenticated`."
  type = map(object({
    kind            = optional(string, "cloud_run")
    region          = optional(string)
    url_map         = optional(string)
    instance_groups = optional(set(string), [])
    availability    = optional(number, 0.999)
    latency         = optional(object({ seconds = optional(number, 1), goal = optional(number, 0.95) }), {})
    uptime          = optional(object({ host = string, path = optional(string, "/"), authenticated = optional(bool, false) }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for service in values(var.services) : contains(["cloud_run", "load_balancer"], service.kind)])
    error_message = "The kind of each of services is \"cloud_run\" or \"load_balancer\"."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.kind == "cloud_run" ? service.region != null && service.url_map == null && length(service.instance_groups) == 0 : service.url_map != null && service.region == null])
    error_message = "A service on cloud_run has a region, and neither url_map nor instance_groups; one behind a load_balancer has a url_map and no region."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : alltrue([for goal in [service.availability, service.latency.goal] : goal >= 0.94 && goal <= 0.999]) && service.latency.seconds > 0])
    error_message = "The goals of services are from 0.94 to 0.999: below, an alert at 14.4 times the budget could never fire; above, Cloud Monitoring takes none. latency.seconds is above 0."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.uptime == null ? true : can(regex("^[a-z0-9.-]+$", service.uptime.host)) && startswith(service.uptime.path, "/")])
    error_message = "uptime has a host, without https:// and without a path, and a path that begins with a slash."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : !try(service.uptime.authenticated, false) || (service.kind == "cloud_run" && var.project_number != null)])
    error_message = "Only a service on cloud_run can be asked with a token, and project_number has to be set: Monitoring's service agent, which asks, is named by it."
  }

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,48}[a-z0-9]$", name)) && name != "sync" && name != "database"])
    error_message = "A name of services is up to 50 lower-case letters, digits and hyphens, and neither \"sync\" nor \"database\", which have inputs of their own."
  }
}

variable "sync" {
  description = "The sync runtime to look after, in `project`, where its log is: its Cloud Run service's `name`, `region` and `uri`, and its Pub/Sub `subscription` and `dead_letter_subscription`. `prometheus` says that something collects /metrics of every instance into Managed Service for Prometheus: then what only the runtime can measure is looked at too. Null for none."
  type = object({
    name                     = string
    region                   = string
    uri                      = string
    subscription             = string
    dead_letter_subscription = optional(string)
    prometheus               = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.sync == null ? true : startswith(var.sync.uri, "https://")
    error_message = "sync.uri is the runtime's https:// address: the uri of its august_sync_runtime."
  }
}
