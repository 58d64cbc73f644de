# Run `terraform query -generate-config-out=found.tf` to have resource and import blocks written.
list "august_sync_runtime" "all" {
  provider = august

  config {
    location = "us-central1"
  }
}
