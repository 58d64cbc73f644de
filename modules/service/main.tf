# Hosts come in by TLS 1.3, or by the exception's own address, where TLS 1.2 is negotiated too: a load balancer knows
# one floor an address, so that an exception for one client takes nothing away from the others.
locals {
  _fronts = {
    tls13 = { min_tls = "TLS_1_3", hosts = { for host, it in var.hosts : host => it if it.tls_exception == null } }
    tls12 = { min_tls = "TLS_1_2", hosts = { for host, it in var.hosts : host => it if it.tls_exception != null } }
  }
  fronts = { for key, front in local._fronts : key => front if length(front.hosts) > 0 }

  labels = merge(var.labels, { service = var.name, environment = var.environment, data_class = var.data_class })

  slug = { for host in keys(var.hosts) : host => replace(host, ".", "-") }

  dns_records = merge(
    { for host, it in var.hosts : "${host}/address" => {
      name = "${host}."
      type = "A"
      data = google_compute_global_address.front[it.tls_exception == null ? "tls13" : "tls12"].address
    } },
    { for host in keys(var.hosts) : "${host}/authorization" =>
      google_certificate_manager_dns_authorization.host[host].dns_resource_record[0]
    },
  )
}

check "tls_exceptions_are_looked_at_again" {
  assert {
    condition = alltrue([
      for host in values(var.hosts) : timecmp("${host.tls_exception.review_by}T00:00:00Z", plantimestamp()) > 0 if host.tls_exception != null
    ])
    error_message = "The day to look at a tls_exception again has passed: see tls.protocol in the load balancer's log of that host, and take the exception away, or give it a new day."
  }
}
