terraform import august_sync_pipeline.billing https://august-sync-abcdefghij-uc.a.run.app/v1/pipelines/billing
