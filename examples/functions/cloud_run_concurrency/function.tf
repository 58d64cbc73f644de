locals {
  # As measured: requests in the busiest hour, how long they take, and what of that is CPU and a connection.
  website = provider::august::cloud_run_concurrency(
    {
      requests_per_second = 120
      latency_ms          = 80
      cpu_ms              = 8
      database_ms         = 20
      burst_percent       = 150
    },
    {
      cpu         = 1
      pool_max    = 4
      connections = 60 # of the instance's, for this service
    },
  )
}

resource "terraform_data" "website" {
  input = {
    concurrency   = local.website.concurrency
    min_instances = local.website.min_instances
    max_instances = local.website.max_instances
  }

  lifecycle {
    precondition {
      condition     = local.website.fits
      error_message = local.website.explanation
    }
  }
}
