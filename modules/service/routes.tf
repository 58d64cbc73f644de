# Blue and green are two backends. Which of them has the traffic is said here and nowhere else, so that a release is
# promoted by one update of the URL map, when its instances are there and healthy.
locals {
  traffic = var.cloud_run == null ? { for key, release in var.instances.releases : key => release.traffic } : { live = 100 }

  # The release that has the most traffic.
  live = [for key, share in local.traffic : key if share == max(values(local.traffic)...)][0]

  # One rule a path. A candidate is reached by the header before anything is sent to it; in front of one release the
  # header means nothing.
  _choices = concat(
    [for key in keys(local.traffic) : { header = key, weights = { (key) = 100 } } if length(local.traffic) > 1],
    [{ header = null, weights = local.traffic }],
  )
  routes = { for host, it in var.hosts : host => flatten([
    for choice in local._choices : [for path in sort(it.paths) : merge(choice, { path = path })]
  ]) }
}

resource "google_compute_url_map" "front" {
  for_each = local.fronts

  project         = var.project
  name            = "${var.name}-${each.key}"
  default_service = local.backends[local.live].id

  # Whoever asks for another host, such as a scan of addresses, sees no more than that there is nothing.
  default_route_action {
    fault_injection_policy {
      abort {
        http_status = 404
        percentage  = 100
      }
    }
  }

  dynamic "host_rule" {
    for_each = each.value.hosts

    content {
      hosts        = [host_rule.key]
      path_matcher = local.slug[host_rule.key]
    }
  }

  dynamic "path_matcher" {
    for_each = each.value.hosts

    content {
      name            = local.slug[path_matcher.key]
      default_service = local.backends[local.live].id

      default_route_action {
        fault_injection_policy {
          abort {
            http_status = 404
            percentage  = 100
          }
        }
      }

      dynamic "route_rules" {
        for_each = local.routes[path_matcher.key]

        content {
          priority = route_rules.key + 1

          match_rules {
            prefix_match    = endswith(route_rules.value.path, "*") ? trimsuffix(route_rules.value.path, "*") : null
            full_path_match = endswith(route_rules.value.path, "*") ? null : route_rules.value.path

            dynamic "header_matches" {
              for_each = route_rules.value.header == null ? [] : [route_rules.value.header]

              content {
                header_name = "x-august-release"
                exact_match = header_matches.value
              }
            }
          }

          route_action {
            dynamic "weighted_backend_services" {
              for_each = route_rules.value.weights

              content {
                backend_service = local.backends[weighted_backend_services.key].id
                weight          = weighted_backend_services.value
              }
            }
          }
        }
      }
    }
  }
}
