# Who has read or changed what, of every service: what 45 CFR 164.312(b) asks for. There is no exempted_members, so that nobody can be
# left out by a variable; where the records go and how long they are kept is modules/observability's part.

resource "google_project_iam_audit_config" "all" {
  project = var.project
  service = "allServices"

  dynamic "audit_log_config" {
    for_each = var.audit.log_types

    content {
      log_type = audit_log_config.value
    }
  }
}
