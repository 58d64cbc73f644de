package provider

import (
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// `terraform query` itself, with a Terraform that has it.
func TestAccList_query(t *testing.T) {
	t.Parallel()
	if os.Getenv("TF_ACC_PROVIDER_HOST") != "" {
		t.Skip("OpenTofu has no query, whatever its version")
	}
	s := newSecretRig(t, "acc-secret-listed")
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             s.gone,
		Steps: []resource.TestStep{
			{Config: s.config("value-one", "")},
			{
				Query: true, // beside the configuration of the step before
				Config: `
list "august_secret" "all" {
  provider         = august
  include_resource = true
  config {}
}
list "august_cloudsql_ha_policy" "all" {
  provider = august
  config {}
}
`,
				QueryResultChecks: []querycheck.QueryResultCheck{
					querycheck.ExpectLengthAtLeast("august_cloudsql_ha_policy.all", 1),
					querycheck.ExpectIdentity("august_secret.all", map[string]knownvalue.Check{
						"project": knownvalue.StringExact(accProject), "name": knownvalue.StringExact(s.name),
					}),
				},
			},
		},
	})
}
