locals {
  # A group of instances for each release in each region.
  groups = var.cloud_run != null ? {} : { for pair in setproduct(keys(var.instances.releases), keys(var.instances.regions)) : "${pair[0]}-${pair[1]}" => {
    release = pair[0]
    region  = pair[1]
    image   = var.instances.releases[pair[0]].image
    scale   = var.instances.regions[pair[1]]
    # A regional group takes a fixed surge of no fewer than its zones: one more in each.
    surge = var.instances.regions[pair[1]].zones == null ? 3 : length(var.instances.regions[pair[1]].zones)
  } }

  # What the database has to have connections for: all groups at their largest, with those beside them during an update.
  max_instances = var.cloud_run != null ? null : sum([for group in values(local.groups) : group.scale.max_instances + group.surge])
}

resource "google_compute_region_instance_template" "instances" {
  for_each = local.groups

  project      = var.project
  region       = each.value.region
  name_prefix  = "${var.name}-${each.value.release}-" # a template cannot be changed: the next one is made beside it.
  description  = "${var.name}, ${each.value.release}: ${each.value.image}"
  machine_type = var.instances.machine_type
  labels       = merge(local.labels, { release = each.value.release })

  disk {
    source_image = var.instances.image
    boot         = true
    auto_delete  = true
    disk_size_gb = var.instances.disk_gb
    disk_type    = "pd-balanced"
    labels       = local.labels

    dynamic "disk_encryption_key" {
      for_each = each.value.scale.kms_key == null ? [] : [each.value.scale.kms_key]

      content {
        kms_key_self_link = disk_encryption_key.value
      }
    }
  }

  # No access_config: no address of its own, and no way in but the load balancer's (CIS 4.9).
  network_interface {
    subnetwork = each.value.scale.subnetwork
  }

  can_ip_forward = false

  # What the account may do is IAM's to say; a narrower scope would be a second place to look (CIS 4.2).
  service_account {
    email  = var.instances.service_account
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  scheduling {
    automatic_restart   = true
    on_host_maintenance = "MIGRATE"
  }

  metadata = {
    block-project-ssh-keys     = "TRUE"
    disable-legacy-endpoints   = "TRUE"
    enable-oslogin             = "TRUE"
    google-logging-enabled     = "true"
    google-monitoring-enabled  = "true"
    serial-port-enable         = "FALSE"
    serial-port-logging-enable = "FALSE"
    user-data                  = local.cloud_config[each.key]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_region_instance_group_manager" "instances" {
  for_each = local.groups

  project                          = var.project
  name                             = "${var.name}-${each.value.release}"
  region                           = each.value.region
  base_instance_name               = "${var.name}-${each.value.release}"
  distribution_policy_zones        = each.value.scale.zones
  distribution_policy_target_shape = "EVEN"

  # An apply ends when the release runs. Traffic goes to it after that, because the URL map depends on this. The size is
  # what a new group begins with, so that there is something to wait for; from then on it is the autoscaler's.
  target_size               = each.value.scale.min_instances
  wait_for_instances        = true
  wait_for_instances_status = "UPDATED"

  version {
    name              = each.value.release
    instance_template = google_compute_region_instance_template.instances[each.key].self_link
  }

  named_port {
    name = "service"
    port = var.instances.port
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.live[0].id
    initial_delay_sec = var.instances.health.initial_delay_seconds
  }

  update_policy {
    type                         = "PROACTIVE"
    minimal_action               = "REPLACE"
    replacement_method           = "SUBSTITUTE"
    instance_redistribution_type = "PROACTIVE"
    max_surge_fixed              = each.value.surge
    max_unavailable_fixed        = 0
  }

  instance_lifecycle_policy {
    force_update_on_repair    = "YES"
    default_action_on_failure = "REPAIR"
  }

  # Ten instances, three at a time, each a few minutes in the making.
  timeouts {
    create = "30m"
    update = "60m"
    delete = "30m"
  }

  lifecycle {
    create_before_destroy = true # a region that is taken out leaves the backend first.
    ignore_changes        = [target_size]
  }

  depends_on = [google_compute_network_firewall_policy_rule.load_balancer, google_project_iam_member.instances]
}

# Only what the load balancer and its health checks come from, only to the port, and only to this service's instances.
resource "google_compute_network_firewall_policy_rule" "load_balancer" {
  count = try(var.instances.firewall, null) == null ? 0 : 1

  project                 = var.project
  firewall_policy         = var.instances.firewall.policy
  rule_name               = "${var.name}-load-balancer"
  description             = "The load balancer and its health checks, to the port that ${var.name} listens on."
  priority                = var.instances.firewall.priority
  direction               = "INGRESS"
  action                  = "allow"
  enable_logging          = true
  target_service_accounts = [var.instances.service_account]

  match {
    src_ip_ranges = ["130.211.0.0/22", "35.191.0.0/16"]

    layer4_configs {
      ip_protocol = "tcp"
      ports       = [tostring(var.instances.port)]
    }
  }
}

resource "google_project_iam_member" "instances" {
  for_each = toset(var.cloud_run == null ? ["roles/logging.logWriter", "roles/monitoring.metricWriter"] : [])

  project = var.project
  role    = each.key
  member  = "serviceAccount:${var.instances.service_account}"
}
