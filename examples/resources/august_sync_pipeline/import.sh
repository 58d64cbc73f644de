# By endpoint, name and the audience that the runtime's control API asks for.
terraform import august_sync_pipeline.billing 'https://august-sync-abcdefghij-uc.a.run.app/v1/pipelines/billing?audience=august-sync:feel-august-platform:us-central1:august-sync'
