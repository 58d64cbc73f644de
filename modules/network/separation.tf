# What the plan proves of the ranges: no two overlap, so that no route leads from one network into another, and
# no rule of the firewall names a range of a network that this one is kept apart from.
locals {
  _own = concat(
    [for region, subnetwork in var.regions : { name = "regions.${region}", cidr = subnetwork.cidr }],
    [for range in var.private_services[*] : { name = "private_services", cidr = range.cidr }],
  )
  _apart   = flatten([for name, network in var.separate_from : [for cidr in network.cidrs : { name = "separate_from.${name}", cidr = cidr }]])
  _sites   = flatten([for name, vpn in var.vpn : [for cidr in vpn.cidrs : { name = "vpn.${name}", cidr = cidr }]])
  _traffic = flatten([for name, rule in var.private_traffic : [for cidr in rule.cidrs : { name = "private_traffic.${name}", cidr = cidr }]])

  _ranges = concat(
    concat([for one, range in local._own : [for two, other in local._own : [range, other] if one < two]]...),
    setproduct(local._own, concat(local._apart, local._sites)),
    setproduct(local._sites, local._apart),
  )

  # Two ranges overlap when their addresses agree as far as the shorter of their prefixes goes.
  _pairs = [for pair in concat(local._ranges, setproduct(local._traffic, local._apart)) : {
    what    = "${pair[0].name} (${pair[0].cidr}) and ${pair[1].name} (${pair[1].cidr})"
    traffic = startswith(pair[0].name, "private_traffic.")
    overlap = length(distinct([for range in pair : cidrhost(join("/", [
      split("/", range.cidr)[0], min([for each in pair : tonumber(split("/", each.cidr)[1])]...),
    ]), 0)])) == 1
  }]

  overlapping = [for pair in local._pairs : pair.what if pair.overlap && !pair.traffic]
  leaking     = [for pair in local._pairs : pair.what if pair.overlap && pair.traffic]

  mixed = [for name, network in var.separate_from : name if network.project == var.project && network.data_class != var.data_class]
}
