output "evidence" {
  description = "What the last export was made by, and what the scan of it looked for; null when nothing was published yet."
  value = one([
    for export in august_staging_anonymization.this : {
      verdict         = export.verdict
      verified        = export.verified
      method          = export.method
      policy_hash     = export.policy_hash
      manifest_sha256 = export.manifest_sha256
      snapshot        = export.snapshot
      scan            = export.scan
      k_anonymity     = export.k_anonymity
      remarks         = export.remarks
    }
  ])
}

output "source" {
  description = "What staging takes in: `bucket`, as gs://bucket/prefix, the key that its exports are signed by and the name of the newest, both null when nothing was published yet, and production's project."
  value = {
    project    = var.project
    bucket     = "gs://${google_storage_bucket.this.name}/${var.prefix}"
    public_key = one(august_staging_anonymization.this[*].public_key)
    export     = one(august_staging_anonymization.this[*].export)
  }

  depends_on = [google_storage_bucket_iam_member.reader, google_storage_bucket_iam_member.writer, google_iam_deny_policy.staging]
}
