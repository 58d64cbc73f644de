# GitHub's jobs come in without a key: each shows a token that GitHub signed, and becomes one account by the environment that it runs
# in. The repository is told by numbers, since a name that was given up can be taken by somebody else; what builds and what applies comes from the
# branch alone, and an environment's reviewers have approved it.

locals {
  github_environments = {
    build = sort(coalesce(var.github.environments.build, ["${var.environment}-build"]))
    plan  = sort(coalesce(var.github.environments.plan, ["${var.environment}-plan"]))
    apply = sort(coalesce(var.github.environments.apply, [var.environment]))
  }

  from_branch = concat(local.github_environments.build, local.github_environments.apply)

  pool = "${var.name}-github"

  github_accounts = merge([for use, environments in local.github_environments : {
    for environment in environments : "${use}/${environment}" => { use = use, environment = environment }
  }]...)
}

resource "google_iam_workload_identity_pool" "github" {
  project                   = var.project
  workload_identity_pool_id = local.pool
  display_name              = "GitHub, ${var.environment}"
  description               = "Jobs of ${var.github.repository} that deliver to ${var.environment}."
}

resource "google_iam_workload_identity_pool_provider" "github" {
  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }

  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.environment" = "assertion.environment"
    "attribute.ref"         = "assertion.ref"
    "attribute.repository"  = "assertion.repository"
    "attribute.workflow"    = "assertion.job_workflow_ref"
  }

  # A token without an environment is refused by itself: the claim is not there to be compared.
  attribute_condition = join(" && ", [
    "assertion.repository_owner_id == \"${var.github.owner_id}\"",
    "assertion.repository_id == \"${var.github.repository_id}\"",
    "assertion.repository == \"${var.github.repository}\"",
    "(assertion.environment in ${jsonencode(local.github_environments.plan)} || (assertion.environment in ${jsonencode(local.from_branch)} && assertion.ref == \"refs/heads/${var.github.branch}\"))",
  ])

  lifecycle {
    precondition {
      condition     = length(local.github_accounts) == length(distinct(values(local.github_accounts)[*].environment))
      error_message = "A GitHub environment is that of one account alone, since a job that plans must not be able to apply: take it out of all but one of github.environments."
    }
  }
}

resource "google_service_account_iam_member" "github" {
  for_each = local.github_accounts

  service_account_id = google_service_account.this[each.value.use].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${google_iam_workload_identity_pool.github.workload_identity_pool_id}/attribute.environment/${each.value.environment}"
}
