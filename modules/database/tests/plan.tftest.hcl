# What the module promises when nothing is said, and what it refuses. The mocks make what is computed known, so that outputs can be asserted.

mock_provider "google" {
  override_during = plan

  mock_resource "google_sql_database_instance" {
    defaults = {
      self_link = "https://sqladmin.googleapis.com/sql/v1beta4/projects/feel-august-platform/instances/platform"
    }
  }
}

mock_provider "august" {
  override_during = plan
}

variables {
  project = "feel-august-platform"
  name    = "platform"
  region  = "us-central1"
  replica = { name = "platform-dr", region = "us-east1" }
}

run "defaults_are_for_production" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled == false
    error_message = "CIS 6.2.9: no public address."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    error_message = "Every client has a certificate of its own."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].connector_enforcement == "REQUIRED"
    error_message = "Connectors only, whose floor is TLS 1.3."
  }

  assert {
    condition     = google_sql_database_instance.this.deletion_protection && august_cloudsql_ha_policy.this.deletion_protection
    error_message = "Neither Terraform nor Cloud SQL deletes the instance."
  }

  assert {
    condition     = google_sql_database.this["august"].deletion_policy == "PREVENT"
    error_message = "Nor a database of it."
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].retain_backups_on_delete && google_sql_database_instance.this.settings[0].final_backup_config[0].enabled
    error_message = "Backups outlive the instance."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.availability_type == "REGIONAL"
    error_message = "A standby in another zone."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.point_in_time_recovery.retention_days == 7 && august_cloudsql_ha_policy.this.backup.retained_backups == 30
    error_message = "Seven days back, thirty backups."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.maintenance_window.update_track == "week5"
    error_message = "Production gets an update last."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.insights.record_client_address == false
    error_message = "Query Insights keep nobody's address."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.database_flags["log_min_duration_statement"] == "-1"
    error_message = "CIS 6.2.7: no statement with its text in production's log."
  }

  assert {
    condition = alltrue([for flag, value in {
      "cloudsql.enable_pgaudit"     = "on"
      "cloudsql.iam_authentication" = "on"
      log_connections               = "on"
      log_disconnections            = "on"
      log_error_verbosity           = "default"
      log_min_error_statement       = "error"
      log_min_messages              = "warning"
      log_parameter_max_length      = "0"
      log_statement                 = "ddl"
      "pgaudit.log"                 = "ddl,role,write"
      "pgaudit.log_parameter"       = "off"
    } : august_cloudsql_ha_policy.this.database_flags[flag] == value])
    error_message = "CIS 6.2.1 to 6.2.8, and no parameter in a log."
  }

  assert {
    condition     = output.database.consumer_projects == toset(["feel-august-platform"])
    error_message = "By Private Service Connect, and from the instance's own project only."
  }

  assert {
    condition     = output.database.connection_name == "feel-august-platform:us-central1:platform" && output.database.replicas == toset(["platform-dr"])
    error_message = "The output names the instance and its replica."
  }
}

run "staging_gets_updates_first" {
  command = plan

  variables {
    environment = "staging"
    replica     = null
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.maintenance_window.update_track == "canary"
    error_message = "Staging meets each update first."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.database_flags["log_min_duration_statement"] == "500"
    error_message = "Staging holds no patients, and logs slow queries."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.cross_region_replica == null
    error_message = "No replica where none is asked for."
  }
}

run "accounts_reach_this_instance_only" {
  command = plan

  variables {
    iam_users = {
      sync     = { email = "august-sync@feel-august-platform.iam.gserviceaccount.com" }
      auditors = { email = "auditors@example.com", type = "group", database_roles = ["pg_read_all_data"] }
    }
  }

  assert {
    condition     = google_sql_user.iam["sync"].name == "august-sync@feel-august-platform.iam" && google_sql_user.iam["sync"].type == "CLOUD_IAM_SERVICE_ACCOUNT"
    error_message = "PostgreSQL knows a service account without .gserviceaccount.com."
  }

  assert {
    condition     = google_sql_user.iam["auditors"].name == "auditors@example.com" && google_project_iam_member.sign_in["auditors"].member == "group:auditors@example.com"
    error_message = "A group signs in as a group."
  }

  assert {
    condition = alltrue([
      for grant in concat(values(google_project_iam_member.connect), values(google_project_iam_member.sign_in)) :
      grant.condition[0].expression == "resource.type == \"sqladmin.googleapis.com/Instance\" && (resource.name == \"projects/feel-august-platform/instances/platform\" || resource.name == \"projects/feel-august-platform/instances/platform-dr\")"
    ])
    error_message = "Roles hold for this instance and its replica."
  }

  assert {
    condition     = output.database.users == { sync = "august-sync@feel-august-platform.iam", auditors = "auditors@example.com" }
    error_message = "The output names who signs in."
  }
}

run "encrypted_by_ones_own_keys" {
  command = plan

  variables {
    project_number = "123456789012"
    kms_key        = "projects/keys/locations/us-central1/keyRings/platform/cryptoKeys/database"
    replica        = { name = "platform-dr", region = "us-east1", kms_key = "projects/keys/locations/us-east1/keyRings/platform/cryptoKeys/database" }
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.instance["instance"].member == "serviceAccount:service-123456789012@gcp-sa-cloud-sql.iam.gserviceaccount.com"
    error_message = "Cloud SQL's own account may use the key."
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.cross_region_replica.kms_key_name == "projects/keys/locations/us-east1/keyRings/platform/cryptoKeys/database"
    error_message = "The replica has a key of its own region."
  }
}

run "by_a_peered_range_too" {
  command = plan

  variables {
    access = {
      psc = {
        consumer_projects = ["feel-august-website"]
        auto_connect      = { platform = "projects/feel-august-platform/global/networks/phi" }
      }
      psa = { network = "projects/feel-august-platform/global/networks/phi", range_name = "google" }
    }
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].private_network == "projects/feel-august-platform/global/networks/phi"
    error_message = "A private address in the network's peered range."
  }

  assert {
    condition     = one(google_sql_database_instance.this.settings[0].ip_configuration[0].psc_config).psc_auto_dns_enabled && one(one(google_sql_database_instance.this.settings[0].ip_configuration[0].psc_config).psc_auto_connections).consumer_service_project_id == "feel-august-platform"
    error_message = "An endpoint in the network, and a name that leads to it."
  }

  assert {
    condition     = output.database.consumer_projects == toset(["feel-august-platform", "feel-august-website"])
    error_message = "And endpoints in the projects that were named."
  }
}

run "too_many_connections" {
  command = plan

  variables {
    services = { website = { max_instances = 100, pool_max = 4 } }
  }

  expect_failures = [august_cloudsql_ha_policy.this]
}

run "few_connections_left" {
  command = plan

  variables {
    services = { website = { max_instances = 43, pool_max = 4 } }
  }

  expect_failures = [check.connections_left]
}

run "production_without_a_replica" {
  command = plan

  variables {
    replica = null
  }

  expect_failures = [check.production_outlives_its_region]
}

run "slow_queries_of_production" {
  command = plan

  variables {
    slow_query_ms = 500
  }

  expect_failures = [check.slow_queries_hold_no_patients]
}

run "an_endpoint_where_none_is_allowed" {
  command = plan

  variables {
    access = { psc = { auto_connect = { website = "projects/feel-august-website/global/networks/general" } } }
  }

  expect_failures = [google_sql_database_instance.this]
}

run "five_weeks_in_enterprise_plus" {
  command = plan

  variables {
    edition = "ENTERPRISE_PLUS"
    tier    = "db-perf-optimized-N-2"
    backup  = { recovery_days = 35, retained_backups = 40 }
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.point_in_time_recovery.retention_days == 35
    error_message = "ENTERPRISE_PLUS goes back further."
  }
}

run "pooling_in_enterprise_plus" {
  command = plan

  variables {
    edition            = "ENTERPRISE_PLUS"
    tier               = "db-perf-optimized-N-2"
    connection_pooling = { flags = { max_pool_size = "40" } }
    services           = { website = { max_instances = 200, pool_max = 4, pooled = true } }
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.connection_pooling.flags["max_pool_size"] == "40" && output.connections.fits
    error_message = "Poolers hold many clients on few connections."
  }
}

run "drills" {
  command = plan

  variables {
    drills = { failover = { kind = "failover", endpoint = "https://sync.example.com", triggers = { quarter = "2027-Q1" } } }
  }

  assert {
    condition     = august_recovery_drill.this["failover"].max_rto == "15m" && august_recovery_drill.this["failover"].max_lost_rows == 0
    error_message = "The promise is a quarter of an hour, and no row."
  }
}

run "a_flag_that_may_be_tuned" {
  command = plan

  variables {
    flags = { idle_in_transaction_session_timeout = "30000", work_mem = "16384" }
  }

  assert {
    condition     = august_cloudsql_ha_policy.this.database_flags["idle_in_transaction_session_timeout"] == "30000" && august_cloudsql_ha_policy.this.database_flags["work_mem"] == "16384"
    error_message = "Flags that harden nothing are whose database it is."
  }
}

run "direct_connections_are_encrypted" {
  command = plan

  variables {
    direct_connections = true
    password_users     = { website = { database_roles = ["pg_read_all_data"], password_version = 1 } }
    passwords          = { website = "correct horse 7 Battery" }
  }

  assert {
    condition     = google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "Nothing goes unencrypted, whoever connects."
  }
}

# Every validation is met once. Those of several inputs are met in one plan, since each plan takes a second.

run "refused" {
  command = plan

  variables {
    access             = {}
    audit_classes      = ["ddl", "role"]
    backup             = { recovery_days = 35, retained_backups = 40 }
    connection_pooling = {}
    databases          = { postgres = {} }
    direct_connections = true
    disk               = { size_gb = 100, limit_gb = 50 }
    drills             = { fire = { kind = "evacuation", endpoint = "https://sync.example.com", triggers = { quarter = "2027-Q1" } } }
    environment        = "development"
    flags              = { "Cloudsql.enable_pgaudit" = "off" }
    iam_users          = { sync = { email = "august-sync@feel-august-platform.iam.gserviceaccount.com", type = "robot" } }
    max_connections    = 10
    name               = "Platform"
    password_users     = { website = { database_roles = [], password_version = 1 } }
    passwords          = { website = "correct horse 7 Battery" }
    postgresql_version = 12
    replica            = { name = "platform-dr", region = "us-central1" }
    slow_query_ms      = 0
    tier               = "db-f1-micro"
  }

  expect_failures = [
    var.access, var.audit_classes, var.backup, var.connection_pooling, var.databases, var.disk, var.drills, var.environment, var.flags,
    var.iam_users, var.max_connections, var.name, var.password_users, var.postgresql_version, var.replica, var.slow_query_ms, var.tier,
  ]
}

run "refused_for_another_reason" {
  command = plan

  variables {
    access         = { psc = { consumer_projects = ["123456789012"] } }
    audit_classes  = ["ddl", "role", "write", "everything"]
    backup         = { retained_backups = 5 }
    disk           = { size_gb = 5 }
    drills         = { failover = { kind = "failover", endpoint = "https://sync.example.com", triggers = {} } }
    kms_key        = "database"
    password_users = { website = { database_roles = ["pg_read_all_data"], password_version = 1 } }
    passwords      = { website = "correct horse 7 Battery" }
    project_number = "123456789012"
    tier           = "db-perf-optimized-N-2"
  }

  expect_failures = [var.access, var.audit_classes, var.backup, var.disk, var.drills, var.kms_key, var.password_users, var.tier]
}

run "refused_elsewhere" {
  command = plan

  variables {
    access         = { psc = { auto_connect = { platform = "phi" } } }
    edition        = "PREMIUM"
    kms_key        = "projects/keys/locations/europe-west1/keyRings/platform/cryptoKeys/database"
    project        = "Feel August"
    project_number = "123456789012"
  }

  expect_failures = [var.access, var.edition, var.kms_key, var.project]
}

run "keys_that_nobody_may_use" {
  command = plan

  variables {
    kms_key = "projects/keys/locations/us-central1/keyRings/platform/cryptoKeys/database"
  }

  expect_failures = [var.project_number, var.replica]
}

run "a_replica_with_a_key_elsewhere" {
  command = plan

  variables {
    project_number = "123456789012"
    kms_key        = "projects/keys/locations/us-central1/keyRings/platform/cryptoKeys/database"
    replica        = { name = "platform-dr", region = "us-east1", kms_key = "projects/keys/locations/us-central1/keyRings/platform/cryptoKeys/database" }
  }

  expect_failures = [var.replica]
}

run "a_failover_target_in_enterprise" {
  command = plan

  variables {
    backup  = { final_days = 0 }
    replica = { name = "platform-dr", region = "us-east1", failover_target = true }
  }

  expect_failures = [var.backup, var.replica]
}
