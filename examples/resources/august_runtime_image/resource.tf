# No Docker, no shell: the runtime that comes with the provider is packed and pushed as it is, and
# its digest is known before that.
resource "august_runtime_image" "sync" {
  repository = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync"
  tags       = ["production"]
}

output "image" {
  description = "The image by digest."
  value       = august_runtime_image.sync.image
}

output "sbom_digest" {
  description = "Its bill of materials, in the same repository."
  value       = august_runtime_image.sync.sbom_digest
}
