data "august_index_advice" "platform" {
  endpoint = august_sync_runtime.sync.uri
  audience = august_sync_runtime.sync.audience

  # A month of the workload; an index counts as missing when it would save a fiftieth of it.
  window_days   = 30
  least_percent = 2
}

# To read, and to copy from what is worth it.
#   terraform output -raw proposed_indexes > indexes.tf
output "proposed_indexes" {
  value = data.august_index_advice.platform.hcl
}

output "indexes_in_the_way" {
  value = {
    for index in coalesce(data.august_index_advice.platform.useless, []) :
    "${index.schema}.${index.index}" => index.reason
  }
}

check "indexes" {
  assert {
    condition     = data.august_index_advice.platform.healthy
    error_message = "Indexes are missing or in the way, or nobody knows: ${join(" ", data.august_index_advice.platform.problems, [for p in coalesce(data.august_index_advice.platform.proposals, []) : p.reason])}"
  }
}
