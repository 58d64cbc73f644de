output "connections" {
  description = "Connections that services may need, those that there are, and what is left; `lines` has the arithmetic."
  value       = local.connections
}

output "database" {
  description = "The instance as other modules take it: where it is, how it is reached, what it holds, and who may reach it. `dns_name` and `psc_service_attachment` are empty without Private Service Connect, `address` is null without a private address."
  value = {
    project                = var.project
    instance               = august_cloudsql_ha_policy.this.instance
    region                 = var.region
    connection_name        = "${var.project}:${var.region}:${var.name}"
    version                = google_sql_database_instance.this.database_version
    edition                = var.edition
    environment            = var.environment
    max_connections        = var.max_connections
    databases              = keys(google_sql_database.this)
    users                  = { for name, user in google_sql_user.iam : name => user.name }
    replicas               = toset(var.replica[*].name)
    address                = var.access.psa == null ? null : google_sql_database_instance.this.private_ip_address
    dns_name               = google_sql_database_instance.this.dns_name
    psc_service_attachment = google_sql_database_instance.this.psc_service_attachment_link
    consumer_projects      = local.consumer_projects
  }

  depends_on = [google_project_iam_member.connect, google_project_iam_member.sign_in, google_sql_user.password]
}

output "drills" {
  description = "What the last drill of each name measured: whether it kept its promise, which was `max_rto`, recovery time in seconds, rows lost."
  value = {
    for name, drill in august_recovery_drill.this : name => {
      ran_at      = drill.ran_at
      max_rto     = drill.max_rto
      passed      = drill.passed
      rto_seconds = drill.rto_seconds
      lost_rows   = drill.lost_rows
    }
  }
}
