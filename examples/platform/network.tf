# Patients' data has a network of its own, and so has each environment: no path leads from one to another.

module "network" {
  source = "../../modules/network"

  project    = local.project
  name       = "platform"
  data_class = "phi"
  regions    = { for region, cidr in local.environment.cidrs : region => { cidr = cidr } }

  # A project declares a constraint once, and in staging modules/staging does.
  restrict_peering = local.is_production

  separate_from = {
    for name, other in local.environments : name => {
      project    = other.project
      data_class = "phi"
      cidrs      = values(other.cidrs)
    } if name != terraform.workspace
  }
}

# DrChrono's webhooks come in here: TLS 1.3, Cloud Armor, and nothing but their path.
module "webhooks" {
  source = "../../modules/service"

  project     = local.project
  name        = "webhooks"
  environment = terraform.workspace
  labels      = local.labels

  cloud_run = {
    service = module.sync.sync.name
    regions = [local.region]
  }

  hosts = {
    (local.environment.host) = { paths = ["/webhooks/drchrono"] }
  }

  armor = {
    self_authenticated_paths = ["/webhooks/drchrono"]
  }
}
