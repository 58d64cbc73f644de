# By the pipeline's address, with the audience of its runtime; without one, the audience is the endpoint.
terraform import august_sync_pipeline.billing 'https://august-sync-abcdefghij-uc.a.run.app/v1/pipelines/billing?audience=august-sync:feel-august-platform:us-central1:august-sync'
