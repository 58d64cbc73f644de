# The whole graph, applied against mocks: what one part takes of another fits.

mock_provider "google" {
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = {
      dns_resource_record = [{ name = "_acme-challenge.example.", type = "CNAME", data = "proof.authorize.certificatemanager.goog." }]
    }
  }

  mock_resource "google_compute_region_instance_template" {
    defaults = {
      self_link = "https://www.googleapis.com/compute/v1/projects/feel-august-website/regions/us-central1/instanceTemplates/website-blue-1"
    }
  }

  mock_resource "google_compute_region_instance_group_manager" {
    defaults = {
      instance_group = "https://www.googleapis.com/compute/v1/projects/feel-august-website/regions/us-central1/instanceGroups/website-blue"
    }
  }

  mock_resource "google_compute_global_address" {
    defaults = {
      address = "203.0.113.7"
    }
  }
}

variables {
  project     = "feel-august-website"
  name        = "website"
  environment = "production"
  hosts       = { "app.feelaugust.example" = {} }
  dns_zone    = { project = "feel-august-dns", name = "feelaugust" }
}

run "instances" {
  command = apply

  variables {
    instances = {
      service_account = "website@feel-august-website.iam.gserviceaccount.com"
      primary_region  = "us-central1"
      regions         = { for region in ["us-central1", "us-east1"] : region => { subnetwork = "projects/feel-august-website/regions/${region}/subnetworks/website" } }
      releases        = { blue = { image = "us-central1-docker.pkg.dev/feel-august-platform/website/website@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } }
    }
  }

  assert {
    condition     = output.service.addresses == { tls13 = "203.0.113.7" } && output.service.url_maps == { tls13 = "website-tls13" } && output.service.instance_groups == toset(["website-blue"])
    error_message = "The output does not say where the service is."
  }

  assert {
    condition     = output.dns_records["app.feelaugust.example/address"].data == "203.0.113.7" && tolist(google_dns_record_set.host["app.feelaugust.example/address"].rrdatas) == tolist(["203.0.113.7"])
    error_message = "The host's record leads elsewhere."
  }

  assert {
    condition     = google_compute_region_autoscaler.instances["blue-us-east1"].target == google_compute_region_instance_group_manager.instances["blue-us-east1"].id
    error_message = "The autoscaler scales another group."
  }
}

run "cloud_run" {
  command = apply

  variables {
    name      = "webhook"
    instances = null
    cloud_run = { service = "august-sync", regions = ["us-central1"] }
  }

  assert {
    condition     = length(google_compute_backend_service.cloud_run) == 1 && output.service.backend_services == { live = "webhook-live" }
    error_message = "Cloud Run is not behind the load balancer."
  }
}

# Cloud Armor's rules are a set that is known only now.
run "armor_looks_before_it_counts" {
  command = apply

  variables {
    name      = "webhook"
    instances = null
    cloud_run = { service = "august-sync", regions = ["us-central1"] }
  }

  assert {
    condition     = length([for rule in google_compute_security_policy.armor.rule : rule if rule.action == "deny(403)" && strcontains(try(rule.match[0].expr[0].expression, ""), "evaluatePreconfiguredWaf") && !rule.preview]) == 10
    error_message = "Fewer than ten sets of OWASP's rules are enforced."
  }

  assert {
    condition     = max([for rule in google_compute_security_policy.armor.rule : rule.priority if rule.action == "deny(403)"]...) < min([for rule in google_compute_security_policy.armor.rule : rule.priority if rule.action == "rate_based_ban"]...)
    error_message = "What is within the rate is let in before the WAF has seen it."
  }

  assert {
    condition     = google_compute_security_policy.armor.advanced_options_config[0].log_level == "NORMAL"
    error_message = "What a rule matched, which may be a patient's, goes into the log."
  }
}

run "a_partner_s_bodies_are_taken_as_they_are" {
  command = apply

  variables {
    name      = "webhook"
    instances = null
    cloud_run = { service = "august-sync", regions = ["us-central1"] }
    armor     = { self_authenticated_paths = ["/webhooks/drchrono"], allowed_ranges = ["203.0.113.0/24"], opt_out_rule_ids = ["owasp-crs-v030301-id942432-sqli"] }
  }

  assert {
    condition     = [for rule in google_compute_security_policy.armor.rule : rule.match[0].expr[0].expression if rule.action == "throttle"] == ["request.path == '/webhooks/drchrono'"]
    error_message = "A webhook is held against the WAF."
  }

  assert {
    condition     = contains([for rule in google_compute_security_policy.armor.rule : try(rule.match[0].expr[0].expression, "")], "evaluatePreconfiguredWaf('sqli-v33-stable', {'sensitivity': 1, 'opt_out_rule_ids': ['owasp-crs-v030301-id942432-sqli']})")
    error_message = "The rule that was opted out of is still asked."
  }

  assert {
    condition     = [for rule in google_compute_security_policy.armor.rule : rule.match[0].expr[0].expression if rule.priority == 1000] == ["!inIpRange(origin.ip, '203.0.113.0/24')"]
    error_message = "Whoever is not expected is let in."
  }
}
