ephemeral "august_runtime_token" "sync" {
  audience = august_sync_runtime.sync.audience
}
