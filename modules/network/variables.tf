variable "data_class" {
  description = "What the network carries: \"phi\" or \"general\". Networks of different classes never meet; see `separate_from`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["phi", "general"], var.data_class)
    error_message = "data_class must be \"phi\" or \"general\": make two networks when both are needed."
  }
}

variable "egress" {
  description = "The only names on the internet that are reached, over TLS (port 443), how many fixed addresses a region calls from, and the TCP ports that are reached within the network's own ranges, where the endpoints of Cloud SQL are. No names: no route to the internet at all."
  type = object({
    fqdns         = optional(set(string), ["app.drchrono.com", "coda.io"])
    nat_addresses = optional(number, 2)
    private_ports = optional(set(number), [443, 3307, 5432, 6432])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in var.egress.fqdns : can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", name))])
    error_message = "egress.fqdns are full names in lower case, such as \"app.drchrono.com\": no scheme, no port, and no wildcard, which the firewall does not know."
  }

  validation {
    condition     = length(var.egress.fqdns) <= 100
    error_message = "egress.fqdns may hold 100 names, the most that one rule of the firewall takes."
  }

  validation {
    condition     = var.egress.nat_addresses >= 1 && var.egress.nat_addresses <= 16 && floor(var.egress.nat_addresses) == var.egress.nat_addresses
    error_message = "egress.nat_addresses is a whole number from 1 to 16 addresses a region."
  }
}

variable "flow_logs" {
  description = "How much of the traffic is logged: the share of flows (0 to 1, more than none) and the interval over which a flow is summed up. The defaults are what CIS 3.8 asks for."
  type = object({
    sampling = optional(number, 1)
    interval = optional(string, "INTERVAL_5_SEC")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.flow_logs.sampling > 0 && var.flow_logs.sampling <= 1
    error_message = "flow_logs.sampling is more than 0 and at most 1: flow logs may be thinned out, but not be switched off."
  }

  validation {
    condition     = contains(["INTERVAL_5_SEC", "INTERVAL_30_SEC", "INTERVAL_1_MIN", "INTERVAL_5_MIN", "INTERVAL_10_MIN", "INTERVAL_15_MIN"], var.flow_logs.interval)
    error_message = "flow_logs.interval is INTERVAL_5_SEC, INTERVAL_30_SEC, INTERVAL_1_MIN, INTERVAL_5_MIN, INTERVAL_10_MIN or INTERVAL_15_MIN."
  }
}

variable "google_apis" {
  description = "Which addresses Google's APIs have within the network: \"private\" reaches all of them, \"restricted\" only those that VPC Service Controls protects."
  type        = string
  default     = "private"
  nullable    = false

  validation {
    condition     = contains(["private", "restricted"], var.google_apis)
    error_message = "google_apis must be \"private\" or, within a perimeter of VPC Service Controls, \"restricted\"."
  }
}

variable "iap" {
  description = "Who reaches which instances through Identity-Aware Proxy: members, the service accounts or secure tags of the instances, TCP ports, and an access level that the caller has to meet. Null: nobody."
  type = object({
    members          = set(string)
    service_accounts = optional(list(string), [])
    secure_tags      = optional(list(string), [])
    ports            = optional(set(number), [22])
    access_level     = optional(string)
  })
  default = null

  validation {
    condition     = var.iap == null ? true : (length(var.iap.service_accounts) > 0) != (length(var.iap.secure_tags) > 0)
    error_message = "iap needs targets, either service_accounts or secure_tags and not both: without one every instance would be reachable, and the firewall refuses the two together."
  }

  validation {
    condition     = var.iap == null ? true : length(var.iap.members) > 0 && alltrue([for member in var.iap.members : can(regex("^(user|group|serviceAccount|principal|principalSet):", member))])
    error_message = "iap.members are principals such as \"group:platform-oncall@example.com\"; allUsers, allAuthenticatedUsers and whole domains are not."
  }

  validation {
    condition     = var.iap == null ? true : length(var.iap.ports) > 0
    error_message = "iap.ports needs at least one TCP port."
  }
}

variable "labels" {
  description = "Labels of the resources that take them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "load_balancing" {
  description = "TCP ports on which Google's load balancers and their health checks reach instances, and the service accounts of these instances (all instances when there are none). Null: on none."
  type = object({
    ports            = set(number)
    service_accounts = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.load_balancing == null ? true : length(var.load_balancing.ports) > 0
    error_message = "load_balancing.ports needs at least one TCP port; leave load_balancing out when nothing is balanced."
  }
}

variable "name" {
  description = "Name of the network, and the beginning of the names of what belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$", var.name))
    error_message = "name is 1 to 30 lower case letters, digits and dashes, begins with a letter and does not end with a dash: names of what belongs to it are made of it."
  }
}

variable "private_service_connect" {
  description = "Whether Cloud SQL may make its own endpoints in the network (service connectivity automation for google-cloud-sql), and how many a region."
  type = object({
    enabled     = optional(bool, true)
    connections = optional(number, 8)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.private_service_connect.connections >= 1
    error_message = "private_service_connect.connections is at least 1; set enabled = false for none."
  }
}

variable "private_services" {
  description = "Range that Google's services take addresses from by private services access, which is a peering: only for what does not know Private Service Connect. Null: none."
  type = object({
    cidr = string
  })
  default = null

  validation {
    condition     = var.private_services == null ? true : can(cidrnetmask(var.private_services.cidr)) && try(tonumber(split("/", var.private_services.cidr)[1]) <= 24, false)
    error_message = "private_services.cidr is a private IPv4 range of /24 or larger, such as \"10.64.0.0/20\"."
  }
}

variable "private_traffic" {
  description = "Further traffic within private ranges that is let in or out, by name: a priority of its own (2000 to 2999), direction, ranges, TCP ports, and the service accounts of the instances (all instances when there are none)."
  type = map(object({
    priority         = number
    direction        = string
    cidrs            = set(string)
    ports            = set(number)
    service_accounts = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue(flatten([for rule in var.private_traffic : [
      for cidr in rule.cidrs : can(cidrnetmask(cidr)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", cidr)) && try(tonumber(split("/", cidr)[1]) >= 8, false)
    ]]))
    error_message = "private_traffic.cidrs are private IPv4 ranges (10/8, 172.16/12, 192.168/16): what comes from the internet comes through a load balancer or Identity-Aware Proxy, and what goes there is named in egress.fqdns."
  }

  validation {
    condition     = alltrue([for rule in var.private_traffic : contains(["INGRESS", "EGRESS"], rule.direction) && length(rule.cidrs) > 0 && length(rule.ports) > 0])
    error_message = "Each rule of private_traffic has a direction, INGRESS or EGRESS, and at least one range and one TCP port."
  }

  validation {
    condition     = alltrue([for rule in var.private_traffic : rule.priority >= 2000 && rule.priority <= 2999 && floor(rule.priority) == rule.priority]) && length(distinct([for rule in var.private_traffic : rule.priority])) == length(var.private_traffic)
    error_message = "Each rule of private_traffic has a priority of its own, from 2000 to 2999: it is what the firewall knows the rule by, so that it must not change when another rule is added."
  }
}

variable "project" {
  description = "ID of the project that the network is in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project's ID, such as \"feel-august-platform\", and not its number or name."
  }
}

variable "regions" {
  description = "Subnetwork of each region, by the region's name: its private IPv4 range, /26 or larger."
  type = map(object({
    cidr = string
  }))
  nullable = false

  validation {
    condition     = length(var.regions) > 0
    error_message = "regions needs at least one region, such as { us-central1 = { cidr = \"10.10.0.0/20\" } }."
  }

  validation {
    condition     = alltrue([for region, _ in var.regions : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))])
    error_message = "The keys of regions are names of regions, such as \"us-central1\"; a zone has a letter too many."
  }

  validation {
    condition = alltrue([for region in var.regions :
      can(cidrnetmask(region.cidr)) && try(cidrhost(region.cidr, 0) == split("/", region.cidr)[0] && tonumber(split("/", region.cidr)[1]) <= 26, false)
    ])
    error_message = "Each cidr is an IPv4 range of /26 or larger (what Cloud Run's direct egress needs) that begins at its own first address, such as \"10.10.0.0/20\"."
  }

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", region.cidr))])
    error_message = "Each cidr is within the private ranges 10/8, 172.16/12 and 192.168/16."
  }
}

variable "restrict_peering" {
  description = "Whether the project's organization policy forbids VPC peering. Needs the role Organization Policy Administrator; set it to false where the organization, a folder or another module already says so for this project."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = !(var.restrict_peering && var.private_services != null)
    error_message = "private_services is a peering with Google's own network, which restrict_peering would refuse: leave private_services out and use Private Service Connect, or set restrict_peering = false and say in the organization's policy which peerings are allowed."
  }
}

variable "separate_from" {
  description = "Networks that this one is kept apart from, by name: pass the output `network` of each, other environments' too. Ranges must not overlap, and a network of the other data class must be in another project."
  type = map(object({
    project    = string
    data_class = string
    cidrs      = list(string)
  }))
  default  = {}
  nullable = false
}

variable "vpn" {
  description = "HA VPN connections to other sites, by name: the region, both sides' BGP numbers, the peer gateway's two public addresses, a link-local /30 for each tunnel's BGP session (the first host is this side), the private ranges behind it (no other is learned), and a version that is raised when the secret in `vpn_secrets` is changed. What may pass is said in `private_traffic`."
  type = map(object({
    region         = string
    asn            = optional(number, 64514)
    peer_asn       = number
    peer_addresses = list(string)
    sessions       = list(string)
    cidrs          = set(string)
    secret_version = optional(number, 1)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for vpn in var.vpn : contains(keys(var.regions), vpn.region)])
    error_message = "vpn.region must be one of regions: the tunnels end where there is a subnetwork."
  }

  validation {
    condition     = alltrue([for vpn in var.vpn : length(distinct(vpn.peer_addresses)) == 2])
    error_message = "vpn.peer_addresses are the two different addresses of the peer's gateway: with one, the connection has no 99.99 % availability."
  }

  validation {
    condition = alltrue(flatten([for vpn in var.vpn : [
      for cidr in vpn.cidrs : can(cidrnetmask(cidr)) && can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", cidr)) && try(tonumber(split("/", cidr)[1]) >= 8, false)
    ]])) && alltrue([for vpn in var.vpn : length(vpn.cidrs) > 0])
    error_message = "vpn.cidrs are the private IPv4 ranges (10/8, 172.16/12, 192.168/16) behind the peer, at least one."
  }

  validation {
    condition = alltrue([for vpn in var.vpn : length(vpn.sessions) == 2]) && alltrue(flatten([for vpn in var.vpn : [
      for session in vpn.sessions : startswith(session, "169.254.") && endswith(session, "/30") && try(cidrhost(session, 0) == split("/", session)[0], false)
    ]])) && length(distinct(flatten([for vpn in var.vpn : vpn.sessions]))) == 2 * length(var.vpn)
    error_message = "vpn.sessions are two link-local ranges of four addresses, such as \"169.254.16.0/30\" and \"169.254.16.4/30\", each of one tunnel only."
  }

  validation {
    condition     = alltrue([for vpn in var.vpn : vpn.asn != vpn.peer_asn])
    error_message = "vpn.asn and vpn.peer_asn must differ: the two sides speak external BGP."
  }

  validation {
    condition     = alltrue([for name, _ in var.vpn : can(regex("^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$", name))])
    error_message = "The keys of vpn are names of at most 15 lower case letters, digits and dashes."
  }
}

variable "vpn_secrets" {
  description = "Pre-shared key of each VPN connection, by its name in `vpn`. Ephemeral: they enter neither plan nor state."
  type        = map(string)
  default     = {}
  nullable    = false
  ephemeral   = true
  sensitive   = true
}
