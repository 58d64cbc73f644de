mock_provider "google" {
  override_during = plan

  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/feel-august-platform/notificationChannels/mocked" }
  }

  mock_resource "google_logging_project_sink" {
    defaults = { writer_identity = "serviceAccount:service-1@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  mock_resource "google_monitoring_slo" {
    defaults = { name = "projects/1/services/s/serviceLevelObjectives/mocked" }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"
  name           = "august-platform"
  environment    = "production"
  region         = "us-central1"

  channels = {
    on-call = { channel = "projects/feel-august-platform/notificationChannels/1", urgency = ["page"] }
    team    = { channel = "projects/feel-august-platform/notificationChannels/2", urgency = ["ticket"] }
  }
}

run "production" {
  command = plan

  variables {
    database = { instance = "platform", max_connections = 200, replicas = ["platform-dr"] }

    sync = {
      name                     = "august-sync"
      region                   = "us-central1"
      uri                      = "https://august-sync-abc.a.run.app"
      subscription             = "august-sync"
      dead_letter_subscription = "august-sync-dead"
    }

    services = {
      website = { kind = "load_balancer", url_map = "website", instance_groups = ["website-us-central1"], uptime = { host = "api.example.com", path = "/healthz" } }
      reports = { region = "us-central1", uptime = { host = "reports-abc.a.run.app", authenticated = true } }
    }
  }

  assert {
    condition = alltrue([for promise in [
      "website-availability", "website-latency", "website-uptime", "reports-availability", "reports-latency", "reports-uptime", "sync-uptime",
      "sync-webhook-taken", "sync-webhook-safe", "sync-webhook-applied", "sync-deliveries-kept", "sync-full", "sync-runs", "sync-recovery",
    ] : contains(keys(google_monitoring_slo.this), promise)])
    error_message = "A promise has no objective: ${join(", ", keys(google_monitoring_slo.this))}"
  }

  assert {
    condition     = alltrue([for name in ["sync-uptime", "website-uptime", "website-availability", "reports-availability", "sync-webhook-taken"] : google_monitoring_slo.this[name].goal == 0.999])
    error_message = "99.9 % uptime is promised."
  }

  assert {
    condition = (
      google_monitoring_slo.this["sync-webhook-safe"].request_based_sli[0].distribution_cut[0].range[0].max
      + google_monitoring_slo.this["sync-webhook-applied"].request_based_sli[0].distribution_cut[0].range[0].max / 1000 == 5
    )
    error_message = "The parts of a webhook's time have to add up to 5 s, one of them in milliseconds."
  }

  assert {
    condition     = abs((1 - google_monitoring_slo.this["sync-webhook-safe"].goal) + (1 - google_monitoring_slo.this["sync-webhook-applied"].goal) - 0.05) < 1e-9
    error_message = "What the parts of a webhook's time may miss has to add up to the 5 % that a p95 leaves."
  }

  assert {
    condition     = google_monitoring_slo.this["sync-full"].request_based_sli[0].distribution_cut[0].range[0].max == 30 && google_monitoring_slo.this["sync-recovery"].request_based_sli[0].distribution_cut[0].range[0].max == 900
    error_message = "A full sync in 30 s and a recovery in 15 minutes are promised."
  }

  assert {
    condition     = alltrue([for slo in google_monitoring_slo.this : slo.rolling_period_days == 30 && length(slo.request_based_sli) + length(slo.windows_based_sli) == 1])
    error_message = "The rates of the alerts are reckoned for 30 days, and an objective is measured in one way."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.burn) == 2 * length(google_monitoring_slo.this)
    error_message = "Each objective has two alerts."
  }

  assert {
    condition = alltrue([for name, alert in google_monitoring_alert_policy.burn : alert.combiner == "AND" && toset([for condition in alert.conditions : condition.condition_threshold[0].filter]) == toset([
      for seconds in endswith(name, "-fast") ? [3600, 300] : [21600, 1800] : "select_slo_burn_rate(\"projects/1/services/s/serviceLevelObjectives/mocked\", \"${seconds}s\")"
    ]) && alltrue([for condition in alert.conditions : condition.condition_threshold[0].threshold_value == (endswith(name, "-fast") ? 14.4 : 6)])])
    error_message = "14.4 times the pace over an hour and five minutes, 6 times over six hours and half an hour, both windows each."
  }

  assert {
    condition     = alltrue([for name, alert in google_monitoring_alert_policy.burn : tolist(alert.notification_channels) == tolist(["projects/feel-august-platform/notificationChannels/${endswith(name, "-fast") ? 1 : 2}"])])
    error_message = "A fast burn is a page, a slow one a ticket."
  }

  assert {
    condition     = google_monitoring_alert_policy.level["sync-given-up"].conditions[0].condition_threshold[0].threshold_value == 0 && google_monitoring_alert_policy.level["sync-given-up"].severity == "CRITICAL"
    error_message = "A single delivery that was given up is a page."
  }

  assert {
    condition     = alltrue([for name in ["sync-parked", "sync-audit-chain", "sync-inbox-shut", "sync-inbox-full"] : contains(keys(google_monitoring_alert_policy.event), name)])
    error_message = "What may lose a delivery, or a change's record, is an alert."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["sync-run-failed"].conditions[0].condition_matched_log[0].filter, "jsonPayload.message = \"run failed\"") && strcontains(google_monitoring_alert_policy.event["sync-run-failed"].conditions[0].condition_matched_log[0].filter, "resource.labels.service_name = \"august-sync\"")
    error_message = "The runtime's log is looked at, and no other's."
  }

  assert {
    condition     = google_monitoring_alert_policy.level["database-down"].conditions[0].condition_threshold[0].duration == "300s" && google_monitoring_alert_policy.level["database-connections"].conditions[0].condition_threshold[0].threshold_value == 170
    error_message = "A third of the recovery time is left to act in twice; connections are told of at 85 %."
  }

  assert {
    condition     = contains(keys(google_monitoring_alert_policy.level), "database-replica-platform-dr") && strcontains(google_monitoring_alert_policy.level["database-replica-platform-dr"].conditions[0].condition_threshold[0].filter, "\"feel-august-platform:platform-dr\"")
    error_message = "Each replica's lag is looked at."
  }

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.prometheus)) == toset(["website-us-central1-disk", "website-us-central1-memory"])
    error_message = "What nobody collects is not alerted on, and what Ops Agent collects is."
  }

  assert {
    condition     = contains(keys(google_monitoring_alert_policy.level), "website-us-central1-cpu") && contains(keys(google_monitoring_alert_policy.level), "reports-cpu")
    error_message = "Processors of machines and of instances are looked at."
  }

  assert {
    condition     = alltrue([for name in ["sync-memory", "sync-waiting", "sync-given-up", "sync-dead-letters", "reports-memory"] : strcontains(google_monitoring_alert_policy.level[name].conditions[0].condition_threshold[0].filter, "resource.labels.project_id = \"feel-august-platform\"")])
    error_message = "Another project's service of the same name is not this one."
  }

  assert {
    condition     = alltrue([for number in range(4, 12) : anytrue([for alert in google_monitoring_alert_policy.event : strcontains(alert.display_name, "(CIS 2.${number})")])])
    error_message = "CIS 2.4 to 2.11 each ask for an alert."
  }

  assert {
    condition     = alltrue([for name, metric in google_logging_metric.security : google_monitoring_alert_policy.event[replace(name, "_", "-")].conditions[0].condition_matched_log[0].filter == metric.filter])
    error_message = "CIS asks for a metric of what each alert looks at."
  }

  assert {
    condition     = alltrue([for name in ["perimeter-violated", "phi-read-by-human", "phi-access-granted", "phi-access-denied", "log-kept-no-more"] : contains(keys(google_monitoring_alert_policy.event), name)])
    error_message = "Access to patients' data, and what would hide it, is watched."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.this["sync"].monitored_resource[0].labels.host == "august-sync-abc.a.run.app" && google_monitoring_uptime_check_config.this["sync"].http_check[0].path == "/readyz"
    error_message = "The runtime is asked whether it can take deliveries."
  }

  assert {
    condition     = alltrue([for check in google_monitoring_uptime_check_config.this : check.period == "60s" && check.http_check[0].use_ssl && check.http_check[0].validate_ssl])
    error_message = "Every minute, over TLS, with the certificate checked."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.this["reports"].http_check[0].service_agent_authentication[0].type == "OIDC_TOKEN" && google_cloud_run_v2_service_iam_member.uptime["reports"].role == "roles/run.invoker" && length(google_cloud_run_v2_service_iam_member.uptime) == 1
    error_message = "Who has to show a token has one, and may call; nobody else may."
  }
}

run "what_the_runtime_measures" {
  command = plan

  variables {
    sync = {
      name         = "august-sync"
      region       = "us-central1"
      uri          = "https://august-sync-abc.a.run.app"
      subscription = "august-sync"
      prometheus   = true
    }
  }

  assert {
    condition     = google_monitoring_alert_policy.prometheus["webhook-late"].conditions[0].condition_prometheus_query_language[0].query == "histogram_quantile(0.95, sum by (le) (rate(august_webhook_latency_seconds_bucket[5m]))) > 5"
    error_message = "The runtime's own p95 is held against the 5 s."
  }

  assert {
    condition     = alltrue([for alert in google_monitoring_alert_policy.prometheus : alert.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "A metric that nobody has written yet must not fail the apply."
  }

  assert {
    condition     = !contains(keys(google_monitoring_alert_policy.level), "sync-dead-letters")
    error_message = "Without a subscription of dead letters there is nothing to look at."
  }
}

run "audit_logs_are_locked" {
  command = plan

  variables {
    kms_key            = "projects/feel-august-platform/locations/us-central1/keyRings/august/cryptoKeys/logs"
    audit              = { kms_service_account = "cmek-p1@gcp-sa-logging.iam.gserviceaccount.com", members = { auditors = "group:auditors@example.com" } }
    monitored_projects = { "feel-august-website" = null }
  }

  assert {
    condition     = google_logging_project_bucket_config.audit[0].locked && google_logging_project_bucket_config.audit[0].retention_days == 2557 && google_logging_project_bucket_config.audit[0].deletion_policy == "PREVENT"
    error_message = "Seven years, locked, and not to be deleted."
  }

  assert {
    condition     = google_logging_project_bucket_config.audit[0].cmek_settings[0].kms_key_name == var.kms_key && google_kms_crypto_key_iam_member.audit[0].member == "serviceAccount:cmek-p1@gcp-sa-logging.iam.gserviceaccount.com"
    error_message = "The key is used, and granted to who encrypts."
  }

  assert {
    condition     = toset(keys(google_logging_project_sink.audit)) == toset(["feel-august-platform", "feel-august-website"]) && alltrue([for sink in google_logging_project_sink.audit : length(sink.exclusions) == 0 && sink.filter == "logName:\"cloudaudit.googleapis.com\"" && !coalesce(sink.disabled, false)])
    error_message = "Every project's audit logs go there, whole."
  }

  assert {
    condition     = toset(keys(google_project_iam_member.audit_writer)) == toset(["feel-august-website"]) && strcontains(google_project_iam_member.audit_writer["feel-august-website"].condition[0].expression, "/locations/us-central1/buckets/audit")
    error_message = "Another project's sink may write into this bucket, and into no other."
  }

  assert {
    condition     = google_project_iam_member.audit_reader["auditors"].role == "roles/logging.viewAccessor" && strcontains(google_project_iam_member.audit_reader["auditors"].condition[0].expression, "/buckets/audit/views/")
    error_message = "Auditors read this bucket, and no other."
  }

  assert {
    condition     = google_monitoring_monitored_project.this["feel-august-website"].metrics_scope == "feel-august-platform"
    error_message = "The other project's metrics are seen here."
  }
}

run "money" {
  command = plan

  variables {
    budget   = { billing_account = "012345-6789AB-CDEF01", amount = 4000 }
    channels = { team = { email = "platform@example.com" } }
  }

  assert {
    condition     = anytrue([for rule in google_billing_budget.this[0].threshold_rules : rule.spend_basis == "FORECASTED_SPEND" && rule.threshold_percent == 1]) && length(google_billing_budget.this[0].threshold_rules) == 4
    error_message = "Half, four fifths and the whole as spent, and the whole as forecast."
  }

  assert {
    condition     = google_billing_budget.this[0].budget_filter[0].projects == toset(["projects/123456789012"]) && google_billing_budget.this[0].amount[0].specified_amount[0].units == "4000"
    error_message = "The budget is this project's."
  }

  assert {
    condition     = length(google_billing_budget.this[0].all_updates_rule[0].monitoring_notification_channels) == 1 && google_billing_budget.this[0].all_updates_rule[0].disable_default_iam_recipients
    error_message = "The team is told, and not whoever administers the billing account."
  }
}

run "staging_pages_nobody" {
  command = plan

  variables {
    environment = "staging"
    database    = { instance = "platform" }
    services    = { reports = { region = "us-central1" } }
  }

  assert {
    condition     = alltrue([for alert in concat(values(google_monitoring_alert_policy.burn), values(google_monitoring_alert_policy.level), values(google_monitoring_alert_policy.event)) : tolist(alert.notification_channels) == tolist(["projects/feel-august-platform/notificationChannels/2"]) && alert.severity == "WARNING"])
    error_message = "Nobody gets up for staging."
  }
}

run "a_team_of_its_own" {
  command = plan

  variables {
    project  = "feel-august-website"
    name     = "website"
    audit    = { keep = false }
    services = { website = { region = "us-central1" } }
  }

  assert {
    condition     = length(google_logging_project_bucket_config.audit) + length(google_logging_project_sink.audit) + length(google_logging_metric.sync) == 0
    error_message = "Another project keeps the audit logs, and no runtime is looked for."
  }

  assert {
    condition     = toset(keys(google_monitoring_dashboard.this)) == toset(["platform", "services", "cost"]) && toset(keys(google_monitoring_slo.this)) == toset(["website-availability", "website-latency"])
    error_message = "Dashboards and objectives are those of what there is."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.this["services"].dashboard_json).mosaicLayout.tiles) == 4
    error_message = "A service on Cloud Run has four charts."
  }
}

run "drills_that_kept_the_promise" {
  command = plan

  variables {
    recovery_drills = { failover = { passed = true, rto_seconds = 41, lost_rows = 0, ran_at = "2099-01-01T00:00:00Z" } }
  }
}

run "a_drill_that_failed" {
  command = plan

  variables {
    recovery_drills = { failover = { passed = false, rto_seconds = 41, lost_rows = 3, ran_at = "2099-01-01T00:00:00Z" } }
  }

  expect_failures = [check.recovery_drills]
}

run "a_drill_that_took_too_long" {
  command = plan

  variables {
    recovery_drills = { failover = { passed = true, rto_seconds = 901, lost_rows = 0, ran_at = "2099-01-01T00:00:00Z" } }
  }

  expect_failures = [check.recovery_drills]
}

run "a_restore_with_a_promise_of_its_own" {
  command = plan

  variables {
    recovery_drills = { restore = { passed = true, rto_seconds = 5400.5, lost_rows = 0, ran_at = "2099-01-01T00:00:00Z", max_rto = "1h30m500ms" } }
  }
}

run "a_restore_that_took_longer_than_its_own" {
  command = plan

  variables {
    recovery_drills = { restore = { passed = true, rto_seconds = 5400.6, lost_rows = 0, ran_at = "2099-01-01T00:00:00Z", max_rto = "1h30m500ms" } }
  }

  expect_failures = [check.recovery_drills]
}

run "a_promise_that_is_no_duration" {
  command = plan

  variables {
    recovery_drills = { restore = { passed = true, rto_seconds = 41, lost_rows = 0, ran_at = "2099-01-01T00:00:00Z", max_rto = "soon" } }
  }

  expect_failures = [var.recovery_drills]
}

run "a_drill_long_ago" {
  command = plan

  variables {
    recovery_drills = { failover = { passed = true, rto_seconds = 41, lost_rows = 0, ran_at = "2020-01-01T00:00:00Z" } }
  }

  expect_failures = [check.recovery_drills]
}

run "key_elsewhere_refused" {
  command = plan

  variables {
    kms_key = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    audit   = { kms_service_account = "cmek-p1@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  expect_failures = [google_logging_project_bucket_config.audit]
}

run "too_many_told_of_cost_refused" {
  command = plan

  variables {
    budget   = { billing_account = "012345-6789AB-CDEF01", amount = 10 }
    channels = { for name in ["a", "b", "c", "d", "e", "f"] : name => { email = "${name}@example.com" } }
  }

  expect_failures = [google_billing_budget.this]
}

# Refused: too little, too much, and not what it is.
run "refused_1" {
  command = plan

  variables {
    audit       = { retention_days = 365 }
    budget      = { billing_account = "012345-6789AB-CDEF01", amount = 0.5 }
    channels    = { team = { email = "a@example.com", pubsub_topic = "projects/p/topics/t" } }
    name        = "August"
    objectives  = { webhook_goal = 0.9 }
    runbook_url = "http://example.com"
    services    = { website = { kind = "cloud_function", region = "us-central1" } }
    sync        = { name = "s", region = "us-central1", uri = "august-sync.a.run.app", subscription = "s" }
  }

  expect_failures = [var.audit, var.budget, var.channels, var.name, var.objectives, var.runbook_url, var.services, var.sync]
}

# Refused: an open lock, a prefix, an urgency and a goal that are none, a service nowhere.
run "refused_2" {
  command = plan

  variables {
    audit      = { locked = false }
    budget     = { billing_account = "billingAccounts/012345-6789AB-CDEF01", amount = 10 }
    channels   = { team = { email = "a@example.com" }, other = { email = "b@example.com", urgency = ["panic"] } }
    objectives = { availability = 0.9999 }
    services   = { website = {} }
  }

  expect_failures = [var.audit, var.budget, var.channels, var.objectives, var.services]
}

# Refused: a name that is none, per cent for a share, nobody to page, no time, no map.
run "refused_3" {
  command = plan

  variables {
    audit      = { bucket = "Audit Logs" }
    budget     = { billing_account = "012345-6789AB-CDEF01", amount = 10, thresholds = [50] }
    channels   = { team = { email = "a@example.com", urgency = ["ticket"] } }
    objectives = { full_sync_seconds = 0 }
    services   = { website = { kind = "load_balancer" } }
  }

  expect_failures = [var.audit, var.budget, var.channels, var.objectives, var.services]
}

# Refused: logs for everybody, half a topic's name, a goal too low for its alert.
run "refused_4" {
  command = plan

  variables {
    audit      = { members = { all = "allUsers" } }
    channels   = { team = { pubsub_topic = "alerts" } }
    objectives = { webhook_goal = 0.999 }
    services   = { website = { region = "us-central1", availability = 0.9 } }
  }

  expect_failures = [var.audit, var.channels, var.objectives, var.services]
}

# Refused: a key without an account, half a channel's name, an address for a host.
run "refused_5" {
  command = plan

  variables {
    kms_key  = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    audit    = {}
    channels = { team = { channel = "1234" } }
    services = { website = { region = "us-central1", uptime = { host = "https://example.com" } } }
  }

  expect_failures = [var.audit, var.channels, var.services]
}

# Refused: what needs the project's number, without it.
run "refused_6" {
  command = plan

  variables {
    project_number = null
    budget         = { billing_account = "012345-6789AB-CDEF01", amount = 10 }
    channels       = { team = { pubsub_topic = "projects/p/topics/t" } }
    services       = { reports = { region = "us-central1", uptime = { host = "example.com", authenticated = true } } }
  }

  expect_failures = [var.budget, var.channels, var.services]
}

# Refused: an environment that is none, a project twice, a token for a balancer.
run "refused_7" {
  command = plan

  variables {
    environment        = "prod"
    monitored_projects = { "feel-august-platform" = "1" }
    services           = { website = { kind = "load_balancer", url_map = "w", uptime = { host = "example.com", authenticated = true } } }
  }

  expect_failures = [var.environment, var.monitored_projects, var.services]
}

# Refused: a key's and a project's names that are none, and a name that is taken.
run "refused_8" {
  command = plan

  variables {
    kms_key  = "august"
    project  = "Feel August"
    services = { sync = { region = "us-central1" } }
  }

  expect_failures = [var.kms_key, var.project, var.services]
}

# Refused: an ID for a number.
run "refused_9" {
  command = plan

  variables {
    project_number = "feel-august-platform"
  }

  expect_failures = [var.project_number]
}
