# What the module promises by default, and what it refuses.

mock_provider "google" {
  override_during = plan

  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = {
      dns_resource_record = [{ name = "_acme-challenge.example.", type = "CNAME", data = "proof.authorize.certificatemanager.goog." }]
    }
  }
}

variables {
  project     = "feel-august-website"
  name        = "website"
  environment = "production"
  hosts       = { "app.feelaugust.example" = {} }
  instances = {
    service_account = "website@feel-august-website.iam.gserviceaccount.com"
    primary_region  = "us-central1"
    firewall        = { policy = "website" }
    network         = { data_class = "phi" }
    regions = {
      us-central1 = { subnetwork = "projects/feel-august-website/regions/us-central1/subnetworks/website" }
      us-east1    = { subnetwork = "projects/feel-august-website/regions/us-east1/subnetworks/website", zones = ["us-east1-b", "us-east1-c"] }
    }
    releases = {
      blue = { image = "us-central1-docker.pkg.dev/feel-august-platform/website/website@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
    }
  }
}

run "tls_1_3_and_nothing_less" {
  command = plan

  assert {
    condition     = { for key, policy in google_compute_ssl_policy.front : key => [policy.min_tls_version, policy.profile] } == { tls13 = ["TLS_1_3", "RESTRICTED"] }
    error_message = "Something below TLS 1.3 is let in."
  }

  assert {
    condition     = google_compute_target_https_proxy.front["tls13"].tls_early_data == "DISABLED"
    error_message = "A request may come in early, and again from somebody else."
  }

  assert {
    condition     = google_compute_url_map.to_https[0].default_url_redirect[0].https_redirect && google_compute_global_forwarding_rule.to_https[0].port_range == "80"
    error_message = "Port 80 does not lead to TLS."
  }

  assert {
    condition     = google_compute_backend_service.instances["blue"].protocol == "HTTPS" && length(google_compute_health_check.ready[0].https_health_check) == 1
    error_message = "The way from the load balancer is in the clear."
  }

  assert {
    condition     = length([for header in google_compute_backend_service.instances["blue"].custom_response_headers : header if startswith(header, "Strict-Transport-Security: max-age=63072000")]) == 1
    error_message = "Browsers are not told to stay with TLS."
  }
}

run "no_way_past_the_load_balancer" {
  command = plan

  assert {
    condition     = alltrue([for template in google_compute_region_instance_template.instances : length(template.network_interface[0].access_config) == 0 && !template.can_ip_forward])
    error_message = "An instance has an address of its own."
  }

  assert {
    condition     = google_compute_network_firewall_policy_rule.load_balancer[0].match[0].src_ip_ranges == tolist(["130.211.0.0/22", "35.191.0.0/16"]) && google_compute_network_firewall_policy_rule.load_balancer[0].match[0].layer4_configs[0].ports == tolist(["8443"])
    error_message = "More than the load balancer reaches the instances."
  }

  assert {
    condition     = tolist(google_compute_network_firewall_policy_rule.load_balancer[0].target_service_accounts) == tolist(["website@feel-august-website.iam.gserviceaccount.com"])
    error_message = "The rule is about other instances too."
  }

  assert {
    condition     = google_compute_url_map.front["tls13"].default_route_action[0].fault_injection_policy[0].abort[0].http_status == 404 && google_compute_url_map.front["tls13"].default_route_action[0].fault_injection_policy[0].abort[0].percentage == 100
    error_message = "A host that nobody named is served."
  }
}

run "instances_are_hardened" {
  command = plan

  assert {
    condition = alltrue([for template in google_compute_region_instance_template.instances :
      template.shielded_instance_config[0].enable_secure_boot && template.shielded_instance_config[0].enable_vtpm && template.shielded_instance_config[0].enable_integrity_monitoring
    ])
    error_message = "An instance is not a shielded one."
  }

  assert {
    condition = alltrue([for template in google_compute_region_instance_template.instances :
      template.metadata["block-project-ssh-keys"] == "TRUE" && template.metadata["enable-oslogin"] == "TRUE" && template.metadata["serial-port-enable"] == "FALSE" && template.metadata["google-monitoring-enabled"] == "true"
    ])
    error_message = "Instances are reachable by a project's keys or the serial port, or tell nothing of their memory."
  }

  # What the container is run with, as systemd and docker will read it.
  assert {
    condition = alltrue([for flag in ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--publish=8443:8443", "@sha256:0123456789abcdef"] :
      strcontains(yamldecode(trimprefix(google_compute_region_instance_template.instances["blue-us-central1"].metadata["user-data"], "#cloud-config\n")).write_files[1].content, flag)
    ])
    error_message = "The container is run with more than it needs."
  }

  assert {
    condition     = alltrue([for command in yamldecode(trimprefix(google_compute_region_instance_template.instances["blue-us-central1"].metadata["user-data"], "#cloud-config\n")).runcmd : command[0] == "systemctl"])
    error_message = "cloud-init runs something other than systemctl, or a line of shell."
  }
}

run "zones_and_regions" {
  command = plan

  assert {
    condition     = toset(keys(google_compute_region_instance_group_manager.instances)) == toset(["blue-us-central1", "blue-us-east1"])
    error_message = "A region has no instances."
  }

  assert {
    condition     = { for backend in google_compute_backend_service.instances["blue"].backend : backend.preference => backend.balancing_mode... } == { PREFERRED = ["RATE"], DEFAULT = ["RATE"] }
    error_message = "Not exactly one region is the primary."
  }

  assert {
    condition     = { for key, group in google_compute_region_instance_group_manager.instances : key => group.update_policy[0].max_surge_fixed } == { blue-us-central1 = 3, blue-us-east1 = 2 } && alltrue([for group in google_compute_region_instance_group_manager.instances : group.update_policy[0].max_unavailable_fixed == 0 && group.wait_for_instances_status == "UPDATED"])
    error_message = "An update takes instances away before others are there."
  }

  assert {
    condition     = alltrue([for group in google_compute_region_instance_group_manager.instances : group.target_size == 3])
    error_message = "A new group begins empty, and has traffic before it has instances."
  }

  assert {
    condition     = output.service.max_instances == 25
    error_message = "The database would be asked for fewer connections than instances may hold: two regions of ten, and three and two beside them."
  }
}

run "it_grows_at_half_of_the_processors" {
  command = plan

  assert {
    condition = alltrue([for scaler in google_compute_region_autoscaler.instances :
      scaler.autoscaling_policy[0].cpu_utilization[0].target == 0.5 && scaler.autoscaling_policy[0].min_replicas == 3 && scaler.autoscaling_policy[0].load_balancing_utilization[0].target == 0.8
    ])
    error_message = "Instances are not added at 50 % of the processors, or at the request rate."
  }

  assert {
    condition     = alltrue([for scaler in google_compute_region_autoscaler.instances : [for metric in scaler.autoscaling_policy[0].metric : "${metric.name} ${metric.target} ${metric.type}"] == ["compute.googleapis.com/guest/memory/percent_used 70 GAUGE"]])
    error_message = "Memory is not looked at, or a response time that nobody measures is."
  }

  assert {
    condition     = alltrue([for backend in google_compute_backend_service.instances["blue"].backend : backend.max_rate_per_instance == 100])
    error_message = "The request rate has no measure."
  }
}

run "response_times_are_a_signal_when_measured" {
  command = plan

  variables {
    instances = merge(var.instances, { scaling = { response_time = { metric = "custom.googleapis.com/website/p95_ms", target = 300 } } })
  }

  assert {
    condition     = [for metric in google_compute_region_autoscaler.instances["blue-us-central1"].autoscaling_policy[0].metric : metric.name] == ["compute.googleapis.com/guest/memory/percent_used", "custom.googleapis.com/website/p95_ms"]
    error_message = "The response time is no signal."
  }
}

run "healing_is_laxer_than_balancing" {
  command = plan

  assert {
    condition     = google_compute_health_check.live[0].check_interval_sec * google_compute_health_check.live[0].unhealthy_threshold >= 10 * google_compute_health_check.ready[0].check_interval_sec * google_compute_health_check.ready[0].unhealthy_threshold
    error_message = "An instance is replaced about as soon as it is left out."
  }

  assert {
    condition     = google_compute_health_check.live[0].https_health_check[0].request_path == "/livez" && google_compute_health_check.ready[0].https_health_check[0].request_path == "/readyz"
    error_message = "Both ask the same question."
  }
}

run "sessions_stay" {
  command = plan

  assert {
    condition     = google_compute_backend_service.instances["blue"].session_affinity == "STRONG_COOKIE_AFFINITY" && google_compute_backend_service.instances["blue"].strong_session_affinity_cookie[0].ttl[0].seconds == 3600
    error_message = "A session goes from instance to instance."
  }
}

run "green_is_tried_before_it_has_traffic" {
  command = plan

  variables {
    instances = merge(var.instances, { releases = {
      blue  = { image = "us-central1-docker.pkg.dev/feel-august-platform/website/website@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
      green = { image = "us-central1-docker.pkg.dev/feel-august-platform/website/website@sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", traffic = 0 }
    } })
  }

  assert {
    condition = [for rule in google_compute_url_map.front["tls13"].path_matcher[0].route_rules :
      join(" ", concat([try(rule.match_rules[0].header_matches[0].exact_match, "everybody")], sort([for it in rule.route_action[0].weighted_backend_services : format("%03d", it.weight)])))
    ] == ["blue 100", "green 100", "everybody 000 100"]
    error_message = "Green has traffic, or cannot be reached by the header."
  }

  assert {
    condition     = length(google_compute_region_instance_group_manager.instances) == 4
    error_message = "Green has no instances in a region."
  }
}

run "an_exception_has_an_address_of_its_own" {
  command = plan

  variables {
    hosts = {
      "app.feelaugust.example"   = {}
      "hooks.feelaugust.example" = { paths = ["/webhooks/drchrono"], tls_exception = { reason = "DrChrono's sender was seen to negotiate 1.2 at most.", review_by = "2099-01-01" } }
    }
  }

  assert {
    condition     = { for key, policy in google_compute_ssl_policy.front : key => policy.min_tls_version } == { tls12 = "TLS_1_2", tls13 = "TLS_1_3" }
    error_message = "The exception is one for all hosts."
  }

  assert {
    condition     = [for rule in google_compute_url_map.front["tls12"].host_rule : tolist(rule.hosts)] == [tolist(["hooks.feelaugust.example"])]
    error_message = "Other hosts are served at the exception's address."
  }

  assert {
    condition     = [for rule in google_compute_url_map.front["tls12"].path_matcher[0].route_rules : rule.match_rules[0].full_path_match] == ["/webhooks/drchrono"]
    error_message = "More than the webhook is served by TLS 1.2."
  }

  assert {
    condition     = output.service.hosts["hooks.feelaugust.example"].tls == "TLS_1_2" && output.service.hosts["app.feelaugust.example"].tls == "TLS_1_3"
    error_message = "The output does not tell of the exception."
  }
}

run "an_exception_is_looked_at_again" {
  command = plan

  variables {
    hosts = { "hooks.feelaugust.example" = { paths = ["/webhooks/drchrono"], tls_exception = { reason = "DrChrono's sender was seen to negotiate 1.2 at most.", review_by = "2026-01-02" } } }
  }

  expect_failures = [check.tls_exceptions_are_looked_at_again]
}

run "cloud_run_instead" {
  command = plan

  variables {
    name      = "webhook"
    hosts     = { "hooks.feelaugust.example" = { paths = ["/webhooks/drchrono"] } }
    instances = null
    cloud_run = { service = "august-sync", regions = ["us-central1", "us-east1"] }
  }

  assert {
    condition     = { for region, group in google_compute_region_network_endpoint_group.cloud_run : region => group.cloud_run[0].service } == { us-central1 = "august-sync", us-east1 = "august-sync" }
    error_message = "A region of the service is not behind the load balancer."
  }

  assert {
    condition     = length(google_compute_backend_service.cloud_run["live"].outlier_detection) == 1 && google_compute_backend_service.cloud_run["live"].log_config[0].enable
    error_message = "A region that only fails keeps its traffic, or nothing is logged."
  }

  assert {
    condition     = length(google_compute_region_instance_group_manager.instances) + length(google_compute_health_check.ready) + length(google_project_iam_member.instances) == 0
    error_message = "There are parts that only instances need."
  }

  assert {
    condition     = output.service.kind == "cloud_run" && output.service.max_instances == null
    error_message = "The output tells of instances."
  }
}

run "records_are_made_where_the_zone_is_known" {
  command = plan

  variables {
    dns_zone = { project = "feel-august-dns", name = "feelaugust" }
  }

  assert {
    condition     = { for key, record in google_dns_record_set.host : key => "${record.name} ${record.type}" } == { "app.feelaugust.example/address" = "app.feelaugust.example. A", "app.feelaugust.example/authorization" = "_acme-challenge.example. CNAME" }
    error_message = "A record is missing."
  }

  assert {
    condition     = keys(output.dns_records) == keys(google_dns_record_set.host)
    error_message = "The output does not name the records."
  }
}

run "either_instances_or_cloud_run" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    cloud_run = { service = "august-sync", regions = ["us-central1"] }
  }
}

run "production_has_a_second_region" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { regions = { us-central1 = { subnetwork = "website" } } })
  }
}

run "staging_may_do_with_one" {
  command = plan

  variables {
    environment = "staging"
    instances   = merge(var.instances, { regions = { us-central1 = { subnetwork = "website", min_instances = 1, max_instances = 2 } } })
  }

  assert {
    condition     = output.service.regions == tolist(["us-central1"])
    error_message = "Staging runs elsewhere."
  }
}

run "a_zone_may_fail_in_production" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { regions = { us-central1 = { subnetwork = "website", min_instances = 1 }, us-east1 = { subnetwork = "website" } } })
  }
}

run "the_primary_is_one_of_the_regions" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { primary_region = "europe-west1" })
  }
}

run "one_zone_is_not_several" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { regions = { us-central1 = { subnetwork = "website", zones = ["us-central1-a"] }, us-east1 = { subnetwork = "website" } } })
  }
}

run "a_tag_is_no_release" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { releases = { blue = { image = "us-central1-docker.pkg.dev/feel-august-platform/website/website:latest" } } })
  }
}

run "traffic_adds_up" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { releases = { for color in ["blue", "green"] : color => {
      image = "us-central1-docker.pkg.dev/feel-august-platform/website/website@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    } } })
  }
}

run "patients_data_is_encrypted_behind_the_load_balancer" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { protocol = "HTTP" })
  }
}

run "patients_data_stays_in_its_network" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { network = { data_class = "general" } })
  }
}

run "no_secret_in_the_metadata" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { environment = { SESSION_SECRET = "hunter2" } })
  }
}

run "variables_are_of_one_line" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { environment = { GREETING = "one\ntwo" } })
  }
}

run "nobody_runs_as_the_default_account" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { service_account = "123456789-compute@developer.gserviceaccount.com" })
  }
}

run "processors_are_not_used_up" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { scaling = { cpu = 1 } })
  }
}

run "affinity_is_one_that_google_knows" {
  command         = plan
  expect_failures = [var.instances]

  variables {
    instances = merge(var.instances, { session_affinity = { kind = "CLIENT_IP" } })
  }
}

run "an_exception_says_why" {
  command         = plan
  expect_failures = [var.hosts]

  variables {
    hosts = { "hooks.feelaugust.example" = { paths = ["/webhooks/drchrono"], tls_exception = { reason = "old", review_by = "2099-01-01" } } }
  }
}

run "an_exception_is_for_a_path" {
  command         = plan
  expect_failures = [var.hosts]

  variables {
    hosts = { "hooks.feelaugust.example" = { tls_exception = { reason = "DrChrono's sender was seen to negotiate 1.2 at most.", review_by = "2099-01-01" } } }
  }
}

run "names_are_not_too_long_together" {
  command         = plan
  expect_failures = [var.hosts]

  variables {
    hosts = { "a-host-of-fifty-eight-characters-and-no-more.staging.example" = {} }
  }
}

run "hosts_are_names" {
  command         = plan
  expect_failures = [var.hosts]

  variables {
    hosts = { "https://app.feelaugust.example" = {} }
  }
}

run "paths_are_paths" {
  command         = plan
  expect_failures = [var.hosts]

  variables {
    hosts = { "app.feelaugust.example" = { paths = ["webhooks"] } }
  }
}

run "sensitivities_are_those_of_the_rules" {
  command         = plan
  expect_failures = [var.armor]

  variables {
    armor = { sensitivity = 5 }
  }
}

run "rules_are_named_in_full" {
  command         = plan
  expect_failures = [var.armor]

  variables {
    armor = { opt_out_rule_ids = ["942432"] }
  }
}

run "what_is_left_to_the_application_is_a_path" {
  command         = plan
  expect_failures = [var.armor]

  variables {
    armor = { self_authenticated_paths = ["/webhooks/*"] }
  }
}

run "ranges_are_ranges" {
  command         = plan
  expect_failures = [var.armor]

  variables {
    armor = { allowed_ranges = ["everybody"] }
  }
}

run "a_limit_limits" {
  command         = plan
  expect_failures = [var.armor]

  variables {
    armor = { requests_per_minute = 1000000 }
  }
}

run "an_environment_is_one_of_two" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = "prod"
  }
}

run "a_class_is_one_of_two" {
  command         = plan
  expect_failures = [var.data_class]

  variables {
    data_class = "secret"
    instances  = merge(var.instances, { network = null })
  }
}

run "names_leave_room" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "a-name-that-leaves-no-room-for-its-parts"
  }
}

run "cloud_run_has_a_region" {
  command         = plan
  expect_failures = [var.cloud_run]

  variables {
    instances = null
    cloud_run = { service = "august-sync", regions = [] }
  }
}
