output "bucket" {
  description = "The bucket, once those who have a role on it have it: project, name, url, self_link, location, regions and kms_key."
  value       = local.bucket
}
