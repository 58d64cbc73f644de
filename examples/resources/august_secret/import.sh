# Of the provider's own project, the name is enough.
terraform import august_secret.coda feel-august-platform/coda-token
