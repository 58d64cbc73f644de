# Another provider is configured with it, and calls the runtime as Terraform's own service account.
provider "restapi" {
  uri = august_sync_runtime.sync.uri

  headers = {
    Authorization = "Bearer ${ephemeral.august_runtime_token.sync.token}"
  }
}
