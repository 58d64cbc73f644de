# The image is the same on every machine, so the plan already knows its digest.
resource "august_runtime_image" "sync" {
  repository = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync"

  # For people to find it by; the service is deployed by digest.
  tags = [terraform.workspace]
}
