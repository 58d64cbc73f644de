output "anonymised" {
  description = "What production's newest export says of itself; null before the first, and in staging."
  value       = one(module.staging_source[*].source)
}

output "images" {
  description = "The images that are deployed, by digest: the pipeline lets production have none but what staging has tried."
  value       = { sync = module.sync.sync.image }
}

output "nat_addresses" {
  description = "Addresses that DrChrono and Coda are called from, for their allow lists."
  value       = module.network.nat_addresses
}

output "webhook_url" {
  description = "The callback URL of the webhook, for DrChrono's settings."
  value       = "https://${local.environment.host}/webhooks/drchrono"
}

output "website_backend" {
  description = "What examples/website-backend takes: the database, as it is reached from that team's project."
  value = {
    environment    = terraform.workspace
    region         = local.region
    project        = local.environment.website.project
    project_number = local.environment.website.project_number
    database       = module.database.database
  }
}
