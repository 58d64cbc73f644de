# One policy for the whole network: what is not allowed by name is denied, in both directions, and logged. A rule is
# known by its priority, so that each has a fixed one: those of private_traffic are the caller's.
locals {
  # From where Google's load balancers and their health checks come, and from where Identity-Aware Proxy does.
  _load_balancers = ["130.211.0.0/22", "35.191.0.0/16"]
  _iap            = ["35.235.240.0/20"]

  _rule = {
    action           = "allow"
    protocol         = "tcp"
    ports            = []
    src              = []
    dest             = []
    fqdns            = []
    service_accounts = []
    secure_tags      = []
  }

  _allowed_in = merge(
    { for iap in var.iap[*] : "iap" => {
      priority         = 1000
      direction        = "INGRESS"
      src              = local._iap
      ports            = iap.ports
      service_accounts = iap.service_accounts
      secure_tags      = iap.secure_tags
      description      = "People, through Identity-Aware Proxy."
    } },
    { for balancing in var.load_balancing[*] : "load-balancing" => {
      priority         = 1100
      direction        = "INGRESS"
      src              = local._load_balancers
      ports            = balancing.ports
      service_accounts = balancing.service_accounts
      description      = "Google's load balancers and their health checks."
    } },
  )

  _allowed_private = { for name, rule in var.private_traffic : name => {
    priority         = rule.priority
    direction        = rule.direction
    src              = rule.direction == "INGRESS" ? sort(rule.cidrs) : []
    dest             = rule.direction == "EGRESS" ? sort(rule.cidrs) : []
    ports            = rule.ports
    service_accounts = rule.service_accounts
    description      = "Named in private_traffic."
  } }

  _allowed_out = merge(
    { google-apis = {
      priority    = 3000
      direction   = "EGRESS"
      dest        = local.google_apis_ranges
      ports       = [443]
      description = "Google's APIs, at their addresses for private access."
    } },
    # A rule without ports would allow all of them.
    length(var.egress.private_ports) == 0 ? {} : {
      within = {
        priority    = 3100
        direction   = "EGRESS"
        dest        = local.network.cidrs
        ports       = var.egress.private_ports
        description = "Databases and other endpoints at the network's own addresses."
      }
    },
    local.reaches_internet ? {
      partners = {
        priority    = 3200
        direction   = "EGRESS"
        fqdns       = sort(var.egress.fqdns)
        ports       = [443]
        description = "The only names that are reached on the internet."
      }
    } : {},
  )

  _denied = { for direction, priority in { INGRESS = 60000, EGRESS = 60001 } : "deny-${lower(direction)}" => {
    priority    = priority
    direction   = direction
    action      = "deny"
    protocol    = "all"
    src         = direction == "INGRESS" ? ["0.0.0.0/0"] : []
    dest        = direction == "EGRESS" ? ["0.0.0.0/0"] : []
    description = "Whatever is not allowed."
  } }

  rules = { for name, rule in merge(local._allowed_private, local._allowed_in, local._allowed_out, local._denied) : name => merge(local._rule, rule) }
}

resource "google_compute_network_firewall_policy" "network" {
  project     = var.project
  name        = var.name
  description = "What may enter and leave the network ${var.name}; all else is denied and logged."
}

resource "google_compute_network_firewall_policy_rule" "rule" {
  for_each = local.rules

  project         = var.project
  firewall_policy = google_compute_network_firewall_policy.network.name
  rule_name       = each.key
  description     = each.value.description
  priority        = each.value.priority
  direction       = each.value.direction
  action          = each.value.action
  enable_logging  = true

  target_service_accounts = length(each.value.service_accounts) > 0 ? each.value.service_accounts : null

  dynamic "target_secure_tags" {
    for_each = each.value.secure_tags
    content {
      name = target_secure_tags.value
    }
  }

  match {
    src_ip_ranges  = length(each.value.src) > 0 ? each.value.src : null
    dest_ip_ranges = length(each.value.dest) > 0 ? each.value.dest : null
    dest_fqdns     = length(each.value.fqdns) > 0 ? each.value.fqdns : null

    layer4_configs {
      ip_protocol = each.value.protocol
      ports       = length(each.value.ports) > 0 ? [for port in sort([for port in each.value.ports : format("%05d", port)]) : tostring(tonumber(port))] : null
    }
  }
}

# The rules come first: the network is never without them.
resource "google_compute_network_firewall_policy_association" "network" {
  project           = var.project
  name              = var.name
  firewall_policy   = google_compute_network_firewall_policy.network.name
  attachment_target = google_compute_network.network.id

  depends_on = [google_compute_network_firewall_policy_rule.rule]
}
