# What was measured, and what follows from it: which indexes are missing or in the way, and how the runtime is to be scaled within the
# connections that the database has. Nothing of it is done by itself; an index that is worth having is declared, as an august_index.

data "august_index_advice" "clinic" {
  count = var.advise ? 1 : 0

  endpoint = module.sync.sync.uri
  audience = module.sync.sync.audience
}

data "august_capacity_advice" "platform" {
  count = var.advise ? 1 : 0

  instance = august_cloudsql_ha_policy.platform.instance
  endpoint = module.sync.sync.uri
  audience = module.sync.sync.audience

  services = {
    sync = {
      service       = module.sync.sync.name
      database_user = local.database.user
    }
  }
}
