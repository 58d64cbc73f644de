variable "advice" {
  description = "What the runtime looks at for advice on indexes, beside PostgreSQL's own statistics: with `slow_query_log` the instance's log of slow statements, for which its account needs roles/logging.viewer. Null looks at no log."
  type = object({
    slow_query_log = optional(bool, false)
  })
  default = null
}

variable "audit" {
  description = "The audit trail: bucket (`gs://bucket/prefix`) that keeps the heads of its blocks from whoever can write the database, and days that entries are kept; the default is the six years of 45 CFR 164.316(b)(2)(i)."
  type = object({
    bucket         = optional(string)
    retention_days = optional(number, 2200)
  })
  default = null
}

variable "binary_authorization" {
  description = "Whether the project's Binary Authorization policy decides whether the image may run: with modules/delivery's, one that its pipeline has vouched for."
  type        = bool
  default     = false
  nullable    = false
}

variable "coda" {
  description = "Coda, which pipelines send their views to: the secret that holds its token, its API's base URL, and how many writes in ten seconds are the runtime's. Null for none."
  type = object({
    token_secret   = string
    url            = optional(string)
    writes_per_10s = optional(number)
  })
  default = null
}

variable "concurrency" {
  description = "Most requests that one instance serves at a time. What `august_capacity_advice` or `provider::august::cloud_run_concurrency` says belongs here."
  type        = number
  default     = 80
  nullable    = false
}

variable "control" {
  description = "Who may call the control API: e-mails of accounts, the one that applies above all. `allowed_readers` may ask and change nothing, which is what a plan needs. `issuer` is who signs their tokens."
  type = object({
    allowed_callers = set(string)
    allowed_readers = optional(set(string))
    issuer          = optional(string)
  })
  nullable = false

  validation {
    condition     = length(var.control.allowed_callers) > 0
    error_message = "Name at least the account that runs Terraform: without it no pipeline can be declared."
  }
}

variable "cpu" {
  description = "Processors of an instance."
  type        = string
  default     = "1"
  nullable    = false
}

variable "database" {
  description = "The database that the pipelines write: instance, database name, user (an IAM service account without `.gserviceaccount.com`, through the Cloud SQL connector), most connections of one instance of the service, and connections of the database that are not this service's. `direct` with `password_secret` goes without the connector."
  type = object({
    instance             = string
    name                 = string
    user                 = string
    pool_max             = optional(number, 4)
    reserved_connections = optional(number)
    max_connections      = optional(number)
    direct               = optional(bool)
    password_secret      = optional(string)
    port                 = optional(number)
  })
  nullable = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service. It holds no data: what it keeps is in the database."
  type        = bool
  default     = false
  nullable    = false
}

variable "drchrono" {
  description = "The EHR: secrets of its OAuth application and of its webhook, by reference, its base URL, and what its limits are where DrChrono has raised them."
  type = object({
    oauth_secret        = string
    webhook_secret      = optional(string)
    webhook_secret_next = optional(string)
    url                 = optional(string)
    calls_per_hour      = optional(number)
    reserve_percent     = optional(number)
  })
  nullable = false
}

variable "image" {
  description = "Where the runtime's image is pushed: repository of a registry, without a tag, and tags beside the digest. It runs by digest whatever the tags say."
  type = object({
    repository = string
    tags       = optional(set(string))
  })
  nullable = false
}

variable "ingress" {
  description = "Where requests may come from: `all`, `internal` or `internal_and_cloud_load_balancing`. With the latter DrChrono comes through a load balancer, and TLS 1.2 has no side door."
  type        = string
  default     = "all"
  nullable    = false
}

variable "labels" {
  description = "Labels of the service."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "memory" {
  description = "Memory of an instance, such as `1Gi`."
  type        = string
  default     = "512Mi"
  nullable    = false
}

variable "name" {
  description = "Name of the service."
  type        = string
  default     = "august-sync"
  nullable    = false
}

variable "network" {
  description = "The network and subnetwork that instances have an interface in. `all_traffic` sends everything through it, so that DrChrono and Coda are reached from the NAT's fixed addresses and nothing else is. Null for none."
  type = object({
    network    = optional(string)
    subnetwork = string
    egress     = optional(string, "all_traffic")
    tags       = optional(set(string))
  })
  default = null
}

variable "pipelines" {
  description = "What is synced, by name of the pipeline: its dataset (the name, when it is left out), schedule (cron, UTC), the webhook events that are applied as they come, views in Coda, comparison with DrChrono row by row, and overrides of claim states."
  type = map(object({
    dataset          = optional(string)
    schedule         = optional(string)
    webhook_events   = optional(set(string))
    paused           = optional(bool, false)
    status_overrides = optional(map(string))
    reconcile = optional(object({
      schedule = string
      repair   = optional(bool)
    }))
    coda_views = optional(map(object({
      doc_id      = string
      table_id    = string
      key_column  = string
      columns     = map(string)
      phi_columns = optional(set(string))
    })))
  }))
  default  = {}
  nullable = false

  validation {
    condition = var.coda != null || alltrue([
      for pipeline in var.pipelines : length(coalesce(pipeline.coda_views, {})) == 0
    ])
    error_message = "A pipeline has views in Coda, but the runtime has no token of Coda: set coda, or leave coda_views out."
  }

  validation {
    condition = var.drchrono.webhook_secret != null || alltrue([
      for pipeline in var.pipelines : length(coalesce(pipeline.webhook_events, [])) == 0
    ])
    error_message = "A pipeline applies webhook events, but the runtime receives none: set drchrono.webhook_secret, or leave webhook_events out."
  }

  validation {
    condition = length(distinct([
      for name, pipeline in var.pipelines : coalesce(pipeline.dataset, name) if !pipeline.paused
    ])) == length([for pipeline in var.pipelines : pipeline if !pipeline.paused])
    error_message = "A runtime has one pipeline of each dataset: pause or remove the others."
  }
}

variable "project" {
  description = "Project of the service."
  type        = string
  nullable    = false
}

variable "public" {
  description = "Whether Cloud Run lets requests in without a Google identity. DrChrono has none, so that its webhooks need it; the runtime checks every call itself."
  type        = bool
  default     = true
  nullable    = false
}

variable "pubsub" {
  description = "Where deliveries of the webhook wait until they are applied: topic, and its subscription with message ordering. Null lets them wait in the database."
  type = object({
    topic        = string
    subscription = string
  })
  default = null
}

variable "region" {
  description = "Region of the service."
  type        = string
  nullable    = false
}

variable "rollout" {
  description = "How traffic comes to a new revision, once it has passed its self-test: percents one after the other, and how long it has to do well with each; with no steps it has everything at once. `verify = false` where Terraform cannot reach the service."
  type = object({
    steps     = optional(list(number), [10, 50])
    bake_time = optional(string, "30s")
    verify    = optional(bool)
  })
  default  = {}
  nullable = false
}

variable "scaling" {
  description = "Instances: fewest, most, and the percent of their processors that is in use before another one is started."
  type = object({
    min_instances   = optional(number, 1)
    max_instances   = optional(number, 3)
    cpu_utilization = optional(number, 50)
  })
  default  = {}
  nullable = false
}

variable "service_account" {
  description = "E-mail of the service account that the runtime runs as."
  type        = string
  nullable    = false
}
