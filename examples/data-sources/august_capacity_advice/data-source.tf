# All services that have connections to the instance, with what was measured of them.
data "august_capacity_advice" "platform" {
  instance = "platform"
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience
  window   = "168h"

  services = {
    sync = {
      service       = "august-sync"
      database_user = "august-sync@feel-august-platform.iam"
    }
    website = {
      service                  = "website"
      database_user            = "website@feel-august-platform.iam"
      pool_variable            = "DB_POOL_MAX"
      peak_requests_per_second = 500 # the campaign in May
    }
    outreach = { # not on Cloud Run: its figures are given by hand
      requests_per_second = 3
      latency_ms          = 200
      cpu_ms              = 20
      database_ms         = 150
      burst_percent       = 50
    }
  }
}

# A plan warns when a burst would need more connections than there are.
check "capacity" {
  assert {
    condition     = data.august_capacity_advice.platform.fits
    error_message = data.august_capacity_advice.platform.explanation
  }
}

# The figures are settings. One that too little is known for is null, and the default then.
output "website" {
  value = {
    pool_max                         = data.august_capacity_advice.platform.advice["website"].pool_max
    max_instance_request_concurrency = data.august_capacity_advice.platform.advice["website"].concurrency
    min_instance_count               = data.august_capacity_advice.platform.advice["website"].min_instances
    max_instance_count               = data.august_capacity_advice.platform.advice["website"].max_instances
  }
}

output "why" {
  value = [for name, advice in data.august_capacity_advice.platform.advice : "${name}\n${advice.explanation}"]
}
