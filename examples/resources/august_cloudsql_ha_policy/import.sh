# By project and instance; by instance alone, in the provider's project; or by resource name.
terraform import august_cloudsql_ha_policy.platform feel-august-platform/platform
terraform import august_cloudsql_ha_policy.platform platform
terraform import august_cloudsql_ha_policy.platform projects/feel-august-platform/instances/platform
