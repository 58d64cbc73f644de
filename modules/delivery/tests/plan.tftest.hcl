# What a delivery promises by default.

mock_provider "google" {
  override_during = plan

  mock_data "google_kms_crypto_key_version" {
    defaults = {
      public_key = [{ pem = "-----BEGIN PUBLIC KEY-----", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }

  mock_resource "google_service_account" {
    defaults = {
      email  = "deliver@feel-august-platform.iam.gserviceaccount.com"
      member = "serviceAccount:deliver@feel-august-platform.iam.gserviceaccount.com"
      name   = "projects/feel-august-platform/serviceAccounts/deliver@feel-august-platform.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_binary_authorization_attestor" {
    defaults = {
      id = "projects/feel-august-platform/attestors/deliver-built"
    }
  }
}

variables {
  project        = "feel-august-platform"
  project_number = "123456789012"

  github = {
    repository    = "feel-august/platform"
    owner_id      = "1001"
    repository_id = "2002"
  }

  state = { bucket = "feel-august-state", prefix = "platform/production" }
}

run "registries" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.this["august"].docker_config[0].immutable_tags && google_artifact_registry_repository.this["august"].vulnerability_scanning_config[0].enablement_config == "INHERITED"
    error_message = "A tag may move, or images are not scanned."
  }

  assert {
    condition     = google_project_service.scanning[0].service == "containerscanning.googleapis.com" && !google_project_service.scanning[0].disable_on_destroy
    error_message = "Scanning is asked for and not switched on."
  }

  assert {
    condition     = one([for policy in google_artifact_registry_repository.this["august"].cleanup_policies : policy.most_recent_versions[0].keep_count if policy.action == "KEEP"]) == 20
    error_message = "The newest images are not kept, or another number of them."
  }

  assert {
    condition     = one([for policy in google_artifact_registry_repository.this["august"].cleanup_policies : policy.condition[0].older_than if policy.action == "DELETE"]) == "15552000s"
    error_message = "Images are deleted before they are 180 days old, or never."
  }

  assert {
    condition     = google_artifact_registry_repository.this["august"].deletion_policy == "PREVENT" && google_kms_crypto_key.attestor.deletion_policy == "PREVENT" && google_binary_authorization_attestor.built.deletion_policy == "PREVENT"
    error_message = "What runs could not start again: a registry, the key or the attestor may be deleted by default."
  }

  assert {
    condition     = keys(google_artifact_registry_repository_iam_member.writer) == ["august/deliver/apply", "august/deliver/build"] && length(google_artifact_registry_repository_iam_member.reader) == 0
    error_message = "Others than the pipeline read or push by default."
  }
}

run "attestation" {
  command = plan

  assert {
    condition     = google_binary_authorization_policy.this.default_admission_rule[0].evaluation_mode == "REQUIRE_ATTESTATION" && google_binary_authorization_policy.this.default_admission_rule[0].enforcement_mode == "ENFORCED_BLOCK_AND_AUDIT_LOG"
    error_message = "An image that nobody vouched for may run."
  }

  assert {
    condition     = google_binary_authorization_policy.this.default_admission_rule[0].require_attestations_by == toset(["projects/feel-august-platform/attestors/deliver-built"])
    error_message = "The pipeline's attestor does not have to vouch."
  }

  assert {
    condition     = length(google_binary_authorization_policy.this.admission_whitelist_patterns) == 0
    error_message = "Images are exempt by default."
  }

  assert {
    condition     = google_kms_crypto_key.attestor.purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.attestor.version_template[0].protection_level == "HSM"
    error_message = "The signing key is not one, or may be read out of a disk."
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.signer.role == "roles/cloudkms.signerVerifier" && google_container_analysis_note_iam_member.signer.role == "roles/containeranalysis.notes.attacher"
    error_message = "The build account may not sign, or may do more than that."
  }

  assert {
    condition     = google_container_analysis_note_iam_member.attestor.role == "roles/containeranalysis.notes.occurrences.viewer" && google_container_analysis_note_iam_member.attestor.note == google_container_analysis_note.built.name
    error_message = "The attestor cannot read what was attested, so that nothing would run."
  }
}

run "github" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_owner_id == \"1001\" && assertion.repository_id == \"2002\" && assertion.repository == \"feel-august/platform\" && (assertion.environment in [\"production-plan\"] || (assertion.environment in [\"production-build\",\"production\"] && assertion.ref == \"refs/heads/main\"))"
    error_message = "A job of another repository, environment or branch comes in."
  }

  assert {
    condition = { for key, grant in google_service_account_iam_member.github : key => grant.member } == {
      "apply/production"       = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/deliver-github/attribute.environment/production"
      "build/production-build" = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/deliver-github/attribute.environment/production-build"
      "plan/production-plan"   = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/deliver-github/attribute.environment/production-plan"
    }
    error_message = "An account is not that of one environment."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.oidc[0].issuer_uri == "https://token.actions.githubusercontent.com" && google_iam_workload_identity_pool_provider.github.attribute_mapping["attribute.environment"] == "assertion.environment"
    error_message = "Tokens of another issuer are taken, or the environment is not what the token says."
  }
}

run "accounts" {
  command = plan

  assert {
    condition     = length(setintersection([for grant in values(google_project_iam_member.apply) : grant.role], ["roles/owner", "roles/editor", "roles/viewer", "roles/resourcemanager.projectIamAdmin", "roles/iam.securityAdmin", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser", "roles/iam.roleAdmin", "roles/iam.workloadIdentityPoolAdmin"])) == 0
    error_message = "The apply account may do everything, or give itself everything."
  }

  assert {
    condition     = alltrue([for key, grant in google_project_iam_member.plan : can(regex("(?i)(view|browser|reader|consumer)", grant.role)) if key != "custom"])
    error_message = "The plan account may change something."
  }

  assert {
    condition     = alltrue([for permission in google_project_iam_custom_role.plan.permissions : can(regex("\\.(get|list|getSettings)$", permission)) && !strcontains(permission, "logEntries")])
    error_message = "The plan's own role changes something, or reads log entries."
  }

  assert {
    condition     = length(setsubtract(["networkconnectivity.serviceConnectionPolicies.get", "orgpolicy.policy.get"], google_project_iam_custom_role.plan.permissions)) == 0
    error_message = "A plan cannot read what modules/network declares."
  }

  assert {
    condition     = google_project_iam_member.grants[0].role == "roles/resourcemanager.projectIamAdmin" && strcontains(google_project_iam_member.grants[0].condition[0].expression, "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/cloudsql.client', ") && !can(regex("([aA]dmin|roles/owner|roles/editor)'", google_project_iam_member.grants[0].condition[0].expression))
    error_message = "The apply account may grant other roles than the modules grant."
  }

  assert {
    condition = { for use, grant in google_storage_bucket_iam_member.state : use => grant.role } == {
      apply = "roles/storage.objectUser"
      plan  = "roles/storage.objectViewer"
    }
    error_message = "The plan account writes the state, or the apply account does not."
  }

  assert {
    condition     = alltrue([for grant in values(google_storage_bucket_iam_member.state) : grant.condition[0].expression == "resource.name == \"projects/_/buckets/feel-august-state\" || resource.name.startsWith(\"projects/_/buckets/feel-august-state/objects/platform/production/\")"])
    error_message = "An account reaches another environment's state."
  }

  assert {
    condition = alltrue([for grant in google_storage_bucket_iam_member.plans : grant.role == "roles/storage.objectCreator"
    && grant.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/feel-august-state/objects/platform/production/plans/\")"])
    error_message = "The plan account does more than keep new plans beside the state."
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.plans) == 1
    error_message = "Nobody may keep a plan for its apply."
  }
}

run "many_grantable_roles" {
  command = plan

  variables {
    grantable_roles = [for number in range(11) : "roles/example.reader${number}"]
  }

  assert {
    condition     = length(regexall("hasOnly\\(\\[[^\\]]*\\]\\)", google_project_iam_member.grants[0].condition[0].expression)) == 2 && !can(regex("hasOnly\\(\\[('[^']*', ){10}", google_project_iam_member.grants[0].condition[0].expression))
    error_message = "A list holds more than the ten roles that IAM takes."
  }
}

run "nothing_to_grant_and_no_state" {
  command = plan

  variables {
    grantable_roles = []
    state           = null
  }

  assert {
    condition     = length(google_project_iam_member.grants) == 0 && length(google_storage_bucket_iam_member.state) + length(google_storage_bucket_iam_member.plans) == 0
    error_message = "An empty set lets the apply account grant anything, or somebody is given a state that there is none of."
  }
}

run "shared_with_staging" {
  command = plan

  variables {
    consumers = { staging = "210987654321" }
    acts_as   = { sync = "projects/feel-august-platform/serviceAccounts/august-sync@feel-august-platform.iam.gserviceaccount.com" }
    kms_key   = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"

    binary_authorization = { attestors = ["projects/feel-august-platform-staging/attestors/deliver-built"] }
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.reader["august/run/staging"].member == "serviceAccount:service-210987654321@serverless-robot-prod.iam.gserviceaccount.com"
    error_message = "Staging's Cloud Run cannot pull."
  }

  assert {
    condition     = google_binary_authorization_attestor_iam_member.consumer["staging"].member == "serviceAccount:service-210987654321@gcp-sa-binaryauthorization.iam.gserviceaccount.com"
    error_message = "Staging's Binary Authorization cannot ask."
  }

  assert {
    condition     = google_binary_authorization_policy.this.default_admission_rule[0].require_attestations_by == toset(["projects/feel-august-platform/attestors/deliver-built", "projects/feel-august-platform-staging/attestors/deliver-built"])
    error_message = "One attestor is enough where two are asked for."
  }

  assert {
    condition     = google_artifact_registry_repository.this["august"].kms_key_name == var.kms_key && google_kms_crypto_key_iam_member.registry[0].member == "serviceAccount:service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    error_message = "The registry is not encrypted by the key, or may not use it."
  }

  assert {
    condition     = google_service_account_iam_member.acts_as["sync"].role == "roles/iam.serviceAccountUser"
    error_message = "The apply account cannot attach the runtime's account."
  }
}

run "audit_only" {
  command = plan

  variables {
    binary_authorization = { mode = "audit" }
  }

  assert {
    condition     = google_binary_authorization_policy.this.default_admission_rule[0].enforcement_mode == "DRYRUN_AUDIT_LOG_ONLY"
    error_message = "Auditing blocks."
  }
}
