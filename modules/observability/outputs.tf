output "observability" {
  description = "What looks after the platform: project, notification channels by name, objectives, dashboards, and the bucket of audit logs, null where another project keeps them."
  value = {
    project      = var.project
    channels     = local.channels
    audit_bucket = one(google_logging_project_bucket_config.audit[*].id)
    dashboards   = { for name, dashboard in google_monitoring_dashboard.this : name => dashboard.id }
    objectives   = { for name, slo in google_monitoring_slo.this : name => slo.name }
  }

  depends_on = [google_project_iam_member.audit_writer, google_project_iam_member.audit_reader]
}
