locals {
  # A set of OWASP's core rules each; the others are for PHP and Java, or refuse PUT and DELETE.
  waf = {
    for index, set in ["sqli", "xss", "lfi", "rfi", "rce", "scannerdetection", "protocolattack", "sessionfixation", "nodejs", "cve"] : set => {
      priority = 2000 + index * 10
      rules    = set == "cve" ? "cve-canary" : "${set}-v33-stable"
      opt_out  = [for id in sort(var.armor.opt_out_rule_ids) : "'${id}'" if endswith(id, "-${set}")]
    }
  }

  strangers = var.armor.allowed_ranges == null ? null : join(" && ", [for range in sort(var.armor.allowed_ranges) : "!inIpRange(origin.ip, '${range}')"])
}

resource "google_compute_security_policy" "armor" {
  project     = var.project
  name        = var.name
  description = "What comes to ${var.name} from outside."
  type        = "CLOUD_ARMOR"
  labels      = local.labels

  advanced_options_config {
    json_parsing                 = "STANDARD"
    log_level                    = "NORMAL" # VERBOSE would write what a rule matched, a patient's name perhaps, into the log.
    request_body_inspection_size = "64KB"
  }

  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }

  dynamic "rule" {
    for_each = var.armor.allowed_ranges == null ? [] : [local.strangers]

    content {
      description = "Whoever is not expected"
      priority    = 1000
      action      = "deny(403)"

      match {
        expr {
          expression = rule.value
        }
      }
    }
  }

  # A body that a partner sends is data: a false alarm of the WAF would lose a delivery, which is tried only four times.
  # Its sender calls from few addresses, so that the limit is of another size.
  dynamic "rule" {
    for_each = length(var.armor.self_authenticated_paths) > 0 ? [sort(var.armor.self_authenticated_paths)] : []

    content {
      description = "Callers that the application authenticates itself"
      priority    = 1500
      action      = "throttle"

      match {
        expr {
          expression = join(" || ", [for path in rule.value : "request.path == '${path}'"])
        }
      }

      rate_limit_options {
        conform_action = "allow"
        exceed_action  = "deny(429)"
        enforce_on_key = "IP"

        rate_limit_threshold {
          count        = 10000
          interval_sec = 10
        }
      }
    }
  }

  dynamic "rule" {
    for_each = local.waf

    content {
      description = "OWASP ${rule.key}"
      priority    = rule.value.priority
      action      = "deny(403)"
      preview     = var.armor.preview

      match {
        expr {
          expression = "evaluatePreconfiguredWaf('${rule.value.rules}', {'sensitivity': ${var.armor.sensitivity}${length(rule.value.opt_out) > 0 ? ", 'opt_out_rule_ids': [${join(", ", rule.value.opt_out)}]" : ""}})"
        }
      }
    }
  }

  # Last, for what is within the limit is let in without a look at the rules behind.
  rule {
    description = "Too many requests from one address"
    priority    = 3000
    action      = "rate_based_ban"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action   = "allow"
      exceed_action    = "deny(429)"
      enforce_on_key   = "IP"
      ban_duration_sec = var.armor.ban_seconds

      rate_limit_threshold {
        count        = var.armor.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    description = "Everything else"
    priority    = 2147483647
    action      = "allow"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
