# What is worth an alert each time that it happens. These alerts look at the log itself: an alert on a metric that was made a moment ago is
# refused for up to ten minutes (hashicorp/terraform-provider-google#11102), and none of these must come late.
locals {
  sync_events = {
    parked         = { urgency = "ticket", title = "deliveries are parked", says = "`august-sync webhook parked` lists them; once the cause is mended, `august-sync webhook replay` applies them." }
    audit_chain    = { urgency = local.page, title = "the audit trail's chain does not go on", says = "Changes are recorded all the same; they are not sealed, or no head in the bucket proves them. The log entry names the step and why." }
    inbox_shut     = { urgency = local.page, title = "deliveries cannot be taken", says = "Neither Pub/Sub nor the database takes them: DrChrono tries again for seven hours, and then gives up." }
    inbox_full     = { urgency = local.page, title = "the inbox is full", says = "Deliveries are refused until parked ones are settled or drchrono.webhook_inbox_max_mb is larger." }
    pubsub_away    = { urgency = "ticket", title = "Pub/Sub does not take deliveries", says = "They go to the database, and nothing is lost as long as that is there." }
    secret_missing = { urgency = local.page, title = "the webhook has no secret", says = "Every delivery is refused: set drchrono.webhook_secret." }
    run_failed     = { urgency = "ticket", title = "a run failed", says = "It is not tried again before its schedule. data.august_sync_status and the log entry say why." }
    caller_refused = { urgency = "ticket", title = "a caller was refused", says = "Somebody called the control API who may not: either control.allowed_callers lacks an account, or somebody tries." }
    coda_away      = { urgency = "ticket", title = "a view was not pushed to Coda", says = "The outbox keeps it, and it is tried again." }
    stopped        = { urgency = local.page, title = "an instance gave up", says = "Cloud Run starts another; the log entry says why." }
    panicked       = { urgency = "ticket", title = "a request panicked", says = "It was answered with 500. The stack is in the log entry, the value that caused it is not." }
  }

  # Who did what to the platform itself. CIS numbers are those of the Google Cloud Platform Foundation Benchmark 3.0.
  security_events = {
    owner_changed       = { urgency = local.page, title = "an owner was added or removed (CIS 2.4)", filter = "(protoPayload.serviceName = \"cloudresourcemanager.googleapis.com\" AND (\"ProjectOwnership\" OR \"projectOwnerInvitee\")) OR (protoPayload.serviceData.policyDelta.bindingDeltas.role = \"roles/owner\" AND protoPayload.serviceData.policyDelta.bindingDeltas.action = (\"ADD\" OR \"REMOVE\"))" }
    auditing_changed    = { urgency = local.page, title = "what is audited was changed (CIS 2.5)", filter = "protoPayload.methodName = \"SetIamPolicy\" AND protoPayload.serviceData.policyDelta.auditConfigDeltas:*" }
    role_changed        = { urgency = "ticket", title = "a custom role was changed (CIS 2.6)", filter = "resource.type = \"iam_role\" AND protoPayload.methodName = (\"google.iam.admin.v1.CreateRole\" OR \"google.iam.admin.v1.DeleteRole\" OR \"google.iam.admin.v1.UpdateRole\" OR \"google.iam.admin.v1.UndeleteRole\")" }
    firewall_changed    = { urgency = "ticket", title = "a firewall was changed (CIS 2.7)", filter = "protoPayload.methodName =~ \"compute[.](firewalls|networkFirewallPolicies|regionNetworkFirewallPolicies|firewallPolicies)[.](insert|patch|update|delete|addRule|patchRule|removeRule|addAssociation|removeAssociation)$\"" }
    route_changed       = { urgency = "ticket", title = "a route was changed (CIS 2.8)", filter = "protoPayload.methodName =~ \"compute[.]routes[.](insert|delete)$\"" }
    network_changed     = { urgency = "ticket", title = "a network was changed (CIS 2.9)", filter = "protoPayload.methodName =~ \"compute[.]networks[.](insert|patch|delete|addPeering|updatePeering|removePeering)$\"" }
    bucket_shared       = { urgency = "ticket", title = "who may reach a bucket was changed (CIS 2.10)", filter = "resource.type = \"gcs_bucket\" AND protoPayload.methodName = \"storage.setIamPermissions\"" }
    database_changed    = { urgency = "ticket", title = "a Cloud SQL instance was changed (CIS 2.11)", filter = "protoPayload.methodName =~ \"^cloudsql[.]instances[.](update|patch|delete)$\"" }
    log_kept_no_more    = { urgency = local.page, title = "a sink, a bucket of logs or an exclusion was changed", filter = "protoPayload.methodName =~ \"^google[.]logging[.]v2[.]ConfigServiceV2[.]((Update|Delete)(Sink|Bucket)|(Create|Update)Exclusion|Update(Cmek)?Settings)\"" }
    key_made            = { urgency = local.page, title = "a key of a service account was made", filter = "protoPayload.methodName = \"google.iam.admin.v1.CreateServiceAccountKey\"" }
    key_destroyed       = { urgency = local.page, title = "a key that encrypts data is being destroyed or switched off", filter = "protoPayload.serviceName = \"cloudkms.googleapis.com\" AND protoPayload.methodName =~ \"(DestroyCryptoKeyVersion|UpdateCryptoKeyVersion)$\"" }
    perimeter_violated  = { urgency = local.page, title = "a service perimeter was violated", filter = "protoPayload.metadata.\"@type\" = \"type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata\" AND NOT protoPayload.metadata.dryRun = true" }
    phi_access_granted  = { urgency = "ticket", title = "access to patients' data was asked for or granted", filter = "protoPayload.serviceName = \"privilegedaccessmanager.googleapis.com\" AND protoPayload.methodName =~ \"(CreateGrant|ApproveGrant|RevokeGrant)$\"" }
    phi_read_by_human   = { urgency = "ticket", title = "somebody signed in where patients' data is, or read a secret", filter = "protoPayload.authenticationInfo.principalEmail:* AND NOT protoPayload.authenticationInfo.principalEmail : \"gserviceaccount.com\" AND (protoPayload.methodName = (\"cloudsql.instances.login\" OR \"cloudsql.instances.connect\" OR \"cloudsql.instances.export\" OR \"cloudsql.instances.clone\") OR protoPayload.methodName =~ \"AccessSecretVersion$\")" }
    phi_access_denied   = { urgency = "ticket", title = "somebody was denied access to data, secrets or keys", filter = "protoPayload.status.code = 7 AND protoPayload.serviceName = (\"cloudsql.googleapis.com\" OR \"sqladmin.googleapis.com\" OR \"secretmanager.googleapis.com\" OR \"storage.googleapis.com\" OR \"cloudkms.googleapis.com\")" }
    permissions_widened = { urgency = local.page, title = "something was opened to everybody", filter = "protoPayload.serviceData.policyDelta.bindingDeltas.action = \"ADD\" AND protoPayload.serviceData.policyDelta.bindingDeltas.member = (\"allUsers\" OR \"allAuthenticatedUsers\")" }
  }

  events = merge(
    { for name, event in local.sync_events : "sync-${replace(name, "_", "-")}" => merge(event, { filter = local.sync_log[name] }) if var.sync != null },
    { for name, event in local.security_events : replace(name, "_", "-") => {
      urgency = event.urgency
      title   = event.title
      filter  = "${local.audit_filter} AND (${event.filter})"
      says    = "The log entry says who, when and what. It was either a plan that was applied, or somebody who should be asked."
    } },
  )
}

# CIS asks for a metric beside each alert; the dashboards count by it.
resource "google_logging_metric" "security" {
  for_each = local.security_events

  project     = var.project
  name        = "${var.name}/security/${each.key}"
  description = each.value.title
  filter      = "${local.audit_filter} AND (${each.value.filter})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "event" {
  for_each = local.events

  project               = var.project
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = local.severity[each.value.urgency]
  notification_channels = local.told[each.value.urgency]
  user_labels           = merge(local.labels, { urgency = each.value.urgency })

  conditions {
    display_name = each.value.title

    condition_matched_log {
      filter = each.value.filter
    }
  }

  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = each.value.urgency == "page" ? "300s" : "3600s"
    }
  }

  documentation {
    subject = "${var.name} ${each.key}"
    content = join("\n\n", compact([each.value.says, var.runbook_url == null ? "" : "${var.runbook_url}#${each.key}"]))
  }
}
