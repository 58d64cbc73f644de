terraform {
  required_providers {
    google = { source = "hashicorp/google", version = ">= 7.17, < 8.0" }
  }
}

variable "platform" {
  description = "What the platform gives this team: the output website_backend of examples/platform, whole."
  type = object({
    environment = string, region = string, project = string, project_number = string
    database    = object({ project = string, instance = string, connection_name = string, region = string, psc_service_attachment = string, dns_name = string, consumer_projects = optional(set(string)) })
  })
}

module "database" {
  source           = "../../modules/peering"
  name             = "website"
  project          = var.platform.project
  network          = { id = "projects/${var.platform.project}/global/networks/website" }
  subnetwork       = { id = "projects/${var.platform.project}/regions/${var.platform.region}/subnetworks/website", region = var.platform.region }
  database         = var.platform.database
  service_accounts = { website = "website@${var.platform.project}.iam.gserviceaccount.com" }
  grant            = false # the platform lets it in, in its own project
}

module "secrets" {
  source         = "../../modules/secrets"
  name           = "website"
  project        = var.platform.project
  project_number = var.platform.project_number
  environment    = var.platform.environment
  secrets        = { website-session = { accessors = { website = "serviceAccount:website@${var.platform.project}.iam.gserviceaccount.com" } } }
}

module "observability" {
  source      = "../../modules/observability"
  name        = "website"
  project     = var.platform.project
  region      = var.platform.region
  environment = var.platform.environment
  channels    = { on-call = { email = "website-on-call@feel-august.example" } }
  services    = { website = { kind = "load_balancer", url_map = "website-tls13", instance_groups = ["website-blue"] } }
}
