# By the index's address, with the audience of its runtime; without one, the audience is the endpoint.
terraform import august_index.open_claims 'https://august-sync-abcdefghij-uc.a.run.app/v1/indexes/drchrono/appointments_open_claims?audience=august-sync:feel-august-platform:us-central1:august-sync'
