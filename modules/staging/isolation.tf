# What keeps staging apart from production: policies that hold whoever administers the project, and a network that is closed to
# production's addresses both ways, whatever rules come after.

locals {
  # Google's own organisation, where the networks of its services are: private services access peers with them.
  google_networks = "under:organizations/433637338589"

  allowed = {
    "compute.restrictVpcPeering" = setunion([local.google_networks], var.peers)
  }

  denied = ["compute.restrictSharedVpcHostProjects", "compute.restrictSharedVpcSubnetworks", "compute.restrictVpnPeerIPs"]

  enforced = [
    "iam.disableCrossProjectServiceAccountUsage",
    "iam.disableServiceAccountKeyCreation",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
  ]
}

resource "google_org_policy_policy" "allowed" {
  for_each = var.organization_policies ? local.allowed : {}

  name   = "projects/${var.project}/policies/${each.key}"
  parent = "projects/${var.project}"

  spec {
    rules {
      values {
        allowed_values = each.value
      }
    }
  }

  depends_on = [google_project.this]
}

resource "google_org_policy_policy" "denied" {
  for_each = toset(var.organization_policies ? local.denied : [])

  name   = "projects/${var.project}/policies/${each.value}"
  parent = "projects/${var.project}"

  spec {
    rules {
      deny_all = "TRUE"
    }
  }

  depends_on = [google_project.this]
}

resource "google_org_policy_policy" "enforced" {
  for_each = toset(var.organization_policies ? local.enforced : [])

  name   = "projects/${var.project}/policies/${each.value}"
  parent = "projects/${var.project}"

  spec {
    rules {
      enforce = "TRUE"
    }
  }

  depends_on = [google_project.this]
}

# In the network's own policy, since it comes before rules of the network itself, and at the priorities before all others in it.
resource "google_compute_network_firewall_policy_rule" "to_production" {
  count = var.network == null || length(var.production.cidrs) == 0 ? 0 : 1

  project         = var.project
  firewall_policy = var.network.firewall_policy
  rule_name       = "never-to-production"
  description     = "Staging never reaches production."
  direction       = "EGRESS"
  priority        = 0
  action          = "deny"
  enable_logging  = true

  match {
    dest_ip_ranges = sort(var.production.cidrs)

    layer4_configs {
      ip_protocol = "all"
    }
  }
}

resource "google_compute_network_firewall_policy_rule" "from_production" {
  count = var.network == null || length(var.production.cidrs) == 0 ? 0 : 1

  project         = var.project
  firewall_policy = var.network.firewall_policy
  rule_name       = "never-from-production"
  description     = "Production never reaches staging."
  direction       = "INGRESS"
  priority        = 1
  action          = "deny"
  enable_logging  = true

  match {
    src_ip_ranges = sort(var.production.cidrs)

    layer4_configs {
      ip_protocol = "all"
    }
  }
}
