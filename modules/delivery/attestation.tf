# Only what the pipeline has signed may run. It signs a digest after the build, its tests and its scan; the key is asymmetric, never
# leaves Cloud KMS, and only the build account may use it.

resource "google_kms_key_ring" "attestor" {
  project  = var.project
  name     = "${var.name}-attestation"
  location = coalesce(var.binary_authorization.key_location, var.region)
}

resource "google_kms_crypto_key" "attestor" {
  name            = "${var.name}-built"
  key_ring        = google_kms_key_ring.attestor.id
  purpose         = "ASYMMETRIC_SIGN"
  labels          = merge(var.labels, { environment = var.environment })
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = var.binary_authorization.key_level
  }
}

# The public half of the key above, which nobody knows before it is made: read at the apply that makes it, and by no plan before.
data "google_kms_crypto_key_version" "attestor" {
  crypto_key = google_kms_crypto_key.attestor.id
}

resource "google_container_analysis_note" "built" {
  project = var.project
  name    = "${var.name}-built"

  attestation_authority {
    hint {
      human_readable_name = "Built, tested and scanned for ${var.environment}"
    }
  }
}

resource "google_binary_authorization_attestor" "built" {
  project         = var.project
  name            = "${var.name}-built"
  description     = "Vouches that the pipeline built, tested and scanned an image for ${var.environment}."
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"

  attestation_authority_note {
    note_reference = google_container_analysis_note.built.name

    public_keys {
      id = data.google_kms_crypto_key_version.attestor.id

      pkix_public_key {
        public_key_pem      = data.google_kms_crypto_key_version.attestor.public_key[0].pem
        signature_algorithm = data.google_kms_crypto_key_version.attestor.public_key[0].algorithm
      }
    }
  }
}

# As whom the attestor looks attestations up: without this it finds none, and nothing runs.
resource "google_container_analysis_note_iam_member" "attestor" {
  project = var.project
  note    = google_container_analysis_note.built.name
  role    = "roles/containeranalysis.notes.occurrences.viewer"
  member  = "serviceAccount:${google_binary_authorization_attestor.built.attestation_authority_note[0].delegation_service_account_email}"
}

# The project's one policy. Google's own system images pass; everything else needs every attestor to vouch for its digest.
resource "google_binary_authorization_policy" "this" {
  project                       = var.project
  description                   = "Images run that the pipeline has signed."
  global_policy_evaluation_mode = "ENABLE"

  default_admission_rule {
    evaluation_mode         = "REQUIRE_ATTESTATION"
    enforcement_mode        = var.binary_authorization.mode == "enforce" ? "ENFORCED_BLOCK_AND_AUDIT_LOG" : "DRYRUN_AUDIT_LOG_ONLY"
    require_attestations_by = concat([google_binary_authorization_attestor.built.id], sort(var.binary_authorization.attestors))
  }

  dynamic "admission_whitelist_patterns" {
    for_each = var.binary_authorization.exempt_images

    content {
      name_pattern = admission_whitelist_patterns.value
    }
  }

  depends_on = [google_container_analysis_note_iam_member.attestor]
}

resource "google_kms_crypto_key_iam_member" "signer" {
  crypto_key_id = google_kms_crypto_key.attestor.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.this["build"].member
}

resource "google_container_analysis_note_iam_member" "signer" {
  project = var.project
  note    = google_container_analysis_note.built.name
  role    = "roles/containeranalysis.notes.attacher"
  member  = google_service_account.this["build"].member
}

resource "google_project_iam_member" "signer" {
  project = var.project
  role    = "roles/containeranalysis.occurrences.editor"
  member  = google_service_account.this["build"].member
}

resource "google_binary_authorization_attestor_iam_member" "signer" {
  project  = var.project
  attestor = google_binary_authorization_attestor.built.name
  role     = "roles/binaryauthorization.attestorsViewer"
  member   = google_service_account.this["build"].member
}

resource "google_binary_authorization_attestor_iam_member" "consumer" {
  for_each = var.consumers

  project  = var.project
  attestor = google_binary_authorization_attestor.built.name
  role     = "roles/binaryauthorization.attestorsVerifier"
  member   = "serviceAccount:service-${each.value}@gcp-sa-binaryauthorization.iam.gserviceaccount.com"
}
