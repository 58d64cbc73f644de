locals {
  max_connections = 200

  # Everything that connects to the instance, in one place.
  connections = provider::august::connection_budget(
    {
      max_connections   = local.max_connections
      other_connections = 5 # psql, dashboards, a migration by hand
    },
    {
      august-sync = { max_instances = 3, min_instances = 1, pool_max = 4, job_connections = 4 } # a recovery drill's probe, an index being made, its migrations
      website     = { max_instances = 20, min_instances = 2, pool_max = 4 }
      outreach    = { max_instances = 5, pool_max = 4, processes = 2, job_connections = 2 }
    },
  )
}

resource "august_cloudsql_ha_policy" "platform" {
  instance = "platform"

  database_flags = {
    max_connections = local.max_connections
  }

  lifecycle {
    precondition {
      condition     = local.connections.fits
      error_message = local.connections.explanation
    }
  }
}

# Not wrong yet, and worth a warning: less than a tenth is left.
check "connections_left" {
  assert {
    condition     = local.connections.left * 10 >= local.connections.have
    error_message = local.connections.explanation
  }
}
