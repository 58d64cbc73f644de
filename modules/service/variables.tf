variable "armor" {
  description = "Cloud Armor: the sensitivity of Google's preconfigured WAF rules from 1 to 4, rules among them that are left out by ID, whether a match is only logged, the requests that one address may make in a minute before it is banned for so many seconds, the ranges that may call at all (null for everybody), and the paths whose callers the application authenticates itself, where a body is taken as it is."
  type = object({
    allowed_ranges           = optional(set(string))
    ban_seconds              = optional(number, 600)
    opt_out_rule_ids         = optional(set(string), [])
    preview                  = optional(bool, false)
    requests_per_minute      = optional(number, 600)
    self_authenticated_paths = optional(set(string), [])
    sensitivity              = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 2, 3, 4], var.armor.sensitivity)
    error_message = "Set armor.sensitivity to 1, 2, 3 or 4: the paranoia level of the rules, where 1 has the fewest false alarms."
  }

  validation {
    condition = alltrue([
      for id in var.armor.opt_out_rule_ids :
      anytrue([for set in ["sqli", "xss", "lfi", "rfi", "rce", "scannerdetection", "protocolattack", "sessionfixation", "nodejs", "cve"] : endswith(id, "-${set}")])
    ])
    error_message = "Name rules in armor.opt_out_rule_ids by their whole ID, such as owasp-crs-v030301-id942432-sqli."
  }

  validation {
    condition     = length(var.armor.self_authenticated_paths) <= 5 && alltrue([for path in var.armor.self_authenticated_paths : can(regex("^/[A-Za-z0-9/_.-]+$", path))])
    error_message = "Give at most five whole paths in armor.self_authenticated_paths, such as /webhooks/drchrono: Cloud Armor takes no more in one rule."
  }

  validation {
    condition     = var.armor.allowed_ranges == null || alltrue([for range in coalesce(var.armor.allowed_ranges, []) : can(cidrhost(range, 0))])
    error_message = "Give armor.allowed_ranges in CIDR notation, such as 203.0.113.0/24."
  }

  validation {
    condition     = var.armor.requests_per_minute >= 10 && var.armor.requests_per_minute <= 10000
    error_message = "Set armor.requests_per_minute between 10 and 10000."
  }
}

variable "cloud_run" {
  description = "Cloud Run service behind the load balancer, by its name and the regions it runs in; exactly one of this and instances. Its ingress has to be internal_and_cloud_load_balancing, or its own address goes past everything that is declared here."
  type = object({
    regions = set(string)
    service = string
  })
  default = null

  validation {
    condition     = var.cloud_run == null || length(try(var.cloud_run.regions, [])) > 0
    error_message = "Name at least one region in cloud_run.regions."
  }
}

variable "data_class" {
  description = "What the service handles: phi, patients' data, or general."
  type        = string
  default     = "phi"
  nullable    = false

  validation {
    condition     = contains(["phi", "general"], var.data_class)
    error_message = "Set data_class to phi or general."
  }
}

variable "dns_zone" {
  description = "Cloud DNS zone that holds the hosts, for their records and those that prove them to Certificate Manager. Left out, make the records of the output dns_records where the zone is."
  type = object({
    name    = string
    project = string
  })
  default = null
}

variable "environment" {
  description = "Environment: production or staging. Production needs a second region."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["production", "staging"], var.environment)
    error_message = "Set environment to production or staging."
  }
}

variable "hosts" {
  description = "Host names that are served, each with its paths (/* for everything below) and, where a partner's client cannot do TLS 1.3, an exception with the reason and the day by which it is looked at again. What is not named here is answered with 404."
  type = map(object({
    paths = optional(set(string), ["/*"])
    tls_exception = optional(object({
      reason    = string
      review_by = string
    }))
  }))
  nullable = false

  validation {
    condition     = length(var.hosts) > 0 && alltrue([for host in keys(var.hosts) : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", host)) && length("${var.name}-${host}") <= 63])
    error_message = "Name hosts in full and in lower case, such as app.example.com, up to 62 characters together with name, after which their certificates are named."
  }

  validation {
    condition     = alltrue([for host in values(var.hosts) : length(host.paths) > 0 && alltrue([for path in host.paths : can(regex("^/([A-Za-z0-9/_.-]*/)?(\\*|[A-Za-z0-9_.-]+)$", path))])])
    error_message = "Give each host at least one path: /exact/path, or /below/* for everything below."
  }

  validation {
    condition     = alltrue([for host in values(var.hosts) : can(timecmp("${host.tls_exception.review_by}T00:00:00Z", "2026-01-01T00:00:00Z")) && length(trimspace(host.tls_exception.reason)) >= 20 if host.tls_exception != null])
    error_message = "Say in tls_exception whose client cannot do TLS 1.3 and how that was seen (20 characters at least), and give review_by as a day such as 2027-06-30."
  }

  validation {
    condition     = var.data_class != "phi" || alltrue([for host in values(var.hosts) : !anytrue([for path in host.paths : endswith(path, "*")]) if host.tls_exception != null])
    error_message = "A host with a tls_exception and data_class phi has exact paths only, those that the partner calls: everything else stays on TLS 1.3 (45 CFR 164.312(e))."
  }
}

variable "instances" {
  description = "Compute Engine instances that run the service's container, in managed groups of several zones; exactly one of this and cloud_run. A release is an image by digest; a second one beside it (blue, green) can be tried with the header x-august-release before traffic, a share of 100, is given to it. `firewall` is the network's policy and a priority that is free in it, for the load balancer's way in; left out, the network lets it in itself. See README.md."
  type = object({
    environment     = optional(map(string), {})
    disk_gb         = optional(number, 20)
    image           = optional(string, "projects/cos-cloud/global/images/family/cos-121-lts")
    machine_type    = optional(string, "e2-standard-2")
    port            = optional(number, 8443)
    primary_region  = string
    protocol        = optional(string, "HTTPS")
    service_account = string
    timeout_seconds = optional(number, 30)

    health = optional(object({
      initial_delay_seconds = optional(number, 120)
      live_path             = optional(string, "/livez")
      ready_path            = optional(string, "/readyz")
    }), {})

    firewall = optional(object({
      policy   = string
      priority = optional(number, 10000)
    }))

    network = optional(object({
      data_class = string
    }))

    regions = map(object({
      kms_key       = optional(string)
      max_instances = optional(number, 10)
      min_instances = optional(number, 3)
      subnetwork    = string
      zones         = optional(set(string))
    }))

    releases = map(object({
      image   = string
      traffic = optional(number, 100)
    }))

    scaling = optional(object({
      cpu                 = optional(number, 0.5)
      memory_metric       = optional(string, "compute.googleapis.com/guest/memory/percent_used")
      memory_percent      = optional(number, 70)
      predictive          = optional(bool, true)
      requests_per_second = optional(number, 100)
      response_time = optional(object({
        metric = string
        target = number
      }))
    }), {})

    session_affinity = optional(object({
      kind        = optional(string, "STRONG_COOKIE_AFFINITY")
      ttl_seconds = optional(number, 3600)
    }), {})
  })
  default = null

  validation {
    condition     = (var.instances == null) != (var.cloud_run == null)
    error_message = "Set exactly one of instances and cloud_run: where the service runs."
  }

  validation {
    condition     = var.instances == null || contains(keys(try(var.instances.regions, {})), try(var.instances.primary_region, ""))
    error_message = "Name in instances.primary_region one of instances.regions."
  }

  validation {
    condition     = var.instances == null || var.environment != "production" || length(try(var.instances.regions, {})) >= 2
    error_message = "Give production a second region in instances.regions: with one, a region's outage is the service's."
  }

  validation {
    condition     = var.instances == null || alltrue([for key in keys(try(var.instances.releases, {})) : contains(["blue", "green"], key)]) && sum(concat([0], [for release in values(try(var.instances.releases, {})) : release.traffic])) == 100
    error_message = "Name releases blue and green, one or both, and let their traffic add up to 100."
  }

  validation {
    condition     = var.instances == null || alltrue([for release in values(try(var.instances.releases, {})) : can(regex("^[a-z0-9-]+-docker\\.pkg\\.dev/[a-z0-9.:-]+/[a-z0-9-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", release.image))])
    error_message = "Name a release's image in Artifact Registry by digest, REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@sha256:…: a tag may be another image tomorrow."
  }

  validation {
    condition     = var.instances == null || alltrue([for region in values(try(var.instances.regions, {})) : region.min_instances >= (var.environment == "production" ? 2 : 1) && region.max_instances >= region.min_instances])
    error_message = "Let each region have min_instances of 2 or more in production, so that a zone may fail, and max_instances no fewer."
  }

  validation {
    condition     = var.instances == null || alltrue([for region in values(try(var.instances.regions, {})) : region.zones == null || length(coalesce(region.zones, [])) >= 2])
    error_message = "Name at least two zones of a region, or leave zones out for three that Google chooses."
  }

  validation {
    condition     = var.instances == null || contains(["HTTPS", "HTTP2"], try(var.instances.protocol, "")) || (try(var.instances.protocol, "") == "HTTP" && var.data_class == "general")
    error_message = "Set instances.protocol to HTTPS or HTTP2, so that the way from the load balancer is encrypted too; HTTP is for data_class general only (45 CFR 164.312(e)(2)(ii))."
  }

  validation {
    condition     = var.instances == null || try(var.instances.network, null) == null || try(var.instances.network.data_class, null) == var.data_class
    error_message = "Put a service of data_class phi into a network of data_class phi, and a general one into a general one."
  }

  validation {
    condition     = var.instances == null || alltrue([for key, value in try(var.instances.environment, {}) : can(regex("^[A-Z][A-Z0-9_]*$", key)) && !strcontains(value, "\n")])
    error_message = "Name variables in instances.environment in capitals, such as LOG_LEVEL, with values of one line."
  }

  validation {
    condition     = var.instances == null || alltrue([for key, value in try(var.instances.environment, {}) : startswith(value, "projects/") if can(regex("PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY", key))])
    error_message = "Let a variable with a secret's name hold a reference, projects/PROJECT/secrets/NAME/versions/VERSION, which the service reads as its own account: metadata is readable by whoever may list instances, and it is in the state."
  }

  validation {
    condition     = var.instances == null || contains(["GENERATED_COOKIE", "STRONG_COOKIE_AFFINITY", "NONE"], try(var.instances.session_affinity.kind, ""))
    error_message = "Set instances.session_affinity.kind to STRONG_COOKIE_AFFINITY, GENERATED_COOKIE or NONE."
  }

  validation {
    condition     = var.instances == null || try(var.instances.scaling.cpu > 0 && var.instances.scaling.cpu <= 0.9 && var.instances.scaling.requests_per_second > 0, false)
    error_message = "Set instances.scaling.cpu as a share above 0 and up to 0.9, and requests_per_second above 0."
  }

  validation {
    condition     = var.instances == null || can(regex("^[a-z]([-a-z0-9]{4,28}[a-z0-9])@[a-z0-9.:-]+\\.iam\\.gserviceaccount\\.com$", try(var.instances.service_account, "")))
    error_message = "Give instances.service_account as the e-mail of the service's own account; the default one of Compute Engine is everybody's (CIS 4.1)."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "Name of the service, which the names of its parts begin with."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,24}[a-z0-9])?$", var.name))
    error_message = "Let name have up to 26 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "project" {
  description = "ID of the project that the service is in."
  type        = string
  nullable    = false
}
