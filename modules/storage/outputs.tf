output "bucket" {
  description = "The bucket, once those who have a role on it have it: project, name, url, self_link, location, regions and kms_key."
  value       = local.bucket

  depends_on = [google_storage_bucket_iam_member.grant]
}
