output "connection" {
  description = "How the services reach the database, once they may: address, dns_name, port, connection_name (what the Cloud SQL connectors take) and database_users (by service)."
  value       = local.connection

  depends_on = [
    google_compute_forwarding_rule.endpoint,
    google_dns_record_set.database,
    google_project_iam_member.connect,
    google_project_iam_member.sign_in,
    google_sql_user.service,
  ]
}
