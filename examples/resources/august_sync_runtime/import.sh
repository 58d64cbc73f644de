# By project, location and name; by name alone, in the provider's project and region; or by resource name.
terraform import august_sync_runtime.sync feel-august-platform/us-central1/august-sync
terraform import august_sync_runtime.sync august-sync
terraform import august_sync_runtime.sync projects/feel-august-platform/locations/us-central1/services/august-sync
