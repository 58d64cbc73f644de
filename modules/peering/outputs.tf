output "connection" {
  description = "How the services reach the database, once they may: address, dns_name, port, connection_name (what the Cloud SQL connectors take) and database_users (by service)."
  value       = local.connection
}
