package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/sqladmin/v1"
)

// asShown finds a text however the CLI breaks and frames its lines.
func asShown(texts ...string) *regexp.Regexp {
	for i, text := range texts {
		texts[i] = strings.ReplaceAll(regexp.QuoteMeta(text), " ", `[\s│]+`)
	}
	return regexp.MustCompile(`(?s)` + strings.Join(texts, ".*"))
}

// sizedBy is the rig's runtime with a pool and a scaling, and more in its database.
func (r *runtimeRig) sizedBy(instance, pool string, maxInstances int, database string) string {
	config := r.resource(r.image, fmt.Sprintf("scaling = { max_instances = %d }\n", maxInstances))
	return strings.Replace(config, `instance        = "platform"`, fmt.Sprintf("instance = %s\n    pool_max = %s\n    %s", instance, pool, database), 1)
}

// A pool that the instance cannot carry is refused before anything is made: at plan or, when that could not know, at apply.
func TestAccSyncRuntime_poolTooLarge(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-pool")
	head := providerBlock(r.cloud)
	applied := "" // the revision of a pool that fits
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{
				Config: head + r.sizedBy(`"platform"`, "100", 5, ""), PlanOnly: true,
				ExpectError: asShown("Connection pool not possible", "database.pool_max: The instance feel-august-platform:us-central1:platform has too few connections for this service.",
					"max_connections: 400, the default of db-custom-2-7680", "rt-pool: 5 instances × 100 = 500", "rt-pool, while a new revision is rolled out: 1 instance × 100 = 100",
					"need 619 of 400: 219 too many; lower pool_max to 63, or lower max_instances to 2, or raise max_connections to at least 619 (restarts the database), "+
						"or take a tier with at least 61440 MB of memory (max_connections then is 800)"),
			},
			{ // said to be more, and not so
				PreConfig:   r.gone,
				Config:      head + r.sizedBy(`"platform"`, "100", 5, "max_connections = 700"),
				ExpectError: asShown("Connection pool not possible", "database.max_connections: The instance feel-august-platform:us-central1:platform was to have max_connections 700, and has 400.", "need 619 of 400"),
			},
			{ // known too late for the plan
				PreConfig:   r.gone,
				Config:      head + r.sizedBy(`"platform"`, "tonumber(terraform_data.pool.output)", 5, "") + `resource "terraform_data" "pool" { input = "100" }`,
				ExpectError: asShown("Connection pool not possible", "database.pool_max: The instance", "need 619 of 400"),
			},
			{ // the way out is one: 63 is the largest that fits
				PreConfig:        r.gone,
				Config:           head + r.sizedBy(`"platform"`, "63", 5, ""),
				ConfigPlanChecks: emptyAfterApply,
				Check: func(s *terraform.State) error {
					applied = s.RootModule().Resources[runtimeAddress].Primary.Attributes["revision"]
					return nil
				},
			},
			{
				Config:      head + r.sizedBy(`"platform"`, "64", 5, ""),
				ExpectError: asShown("database.pool_max", "need 403 of 400: 3 too many; lower pool_max to 63"),
			},
			{
				Config:      head + r.sizedBy(`"platform"`, "63", 5, "reserved_connections = 21"),
				ExpectError: asShown("database.pool_max", "reserved: 21", "need 403 of 400"),
			},
			{ // a figure that is only about the budget makes no revision
				Config: head + r.sizedBy(`"platform"`, "63", 5, "reserved_connections = 14"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(runtimeAddress, "database")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				Check: func(s *terraform.State) error {
					if now := s.RootModule().Resources[runtimeAddress].Primary.Attributes["revision"]; now != applied {
						return fmt.Errorf("the revision is %s, and was %s", now, applied)
					}
					return nil
				},
			},
		},
	})
}

// furnish makes the database and the user that a runtime needs on an instance of its own.
func (i *instance) furnish(r *runtimeRig) {
	i.t.Helper()
	i.wait(i.api.Databases.Insert(accProject, i.name, &sqladmin.Database{Name: "august"}).Do())
	i.wait(i.api.Users.Insert(accProject, i.name, &sqladmin.User{Name: "august-sync", Password: secretValue(i.t, r.cloud, "august-db-password")}).Do())
}

// One apply can raise max_connections and deploy what needs it.
func TestAccSyncRuntime_poolWithMaxConnections(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-raise")
	i := newInstance(t, "rt-raise")
	i.furnish(r)
	i.patch(&sqladmin.Settings{DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "max_connections", Value: "25"}}})
	both := func(maxConnections int, database string) string {
		return i.policy(fmt.Sprintf("availability_type = \"ZONAL\"\ndeletion_protection = false\ndatabase_flags = { max_connections = %d }", maxConnections)) +
			r.sizedBy("august_cloudsql_ha_policy.test.instance", "4", 3, database)
	}
	const declared = `max_connections = august_cloudsql_ha_policy.test.database_flags["max_connections"]`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			{ // the plan sees the instance as it is
				Config:      both(35, ""),
				ExpectError: asShown("max_connections: 25, set on the instance", "need 35 of 25", "set database.max_connections"),
			},
			{
				PreConfig:   func() { r.gone(); i.wantFlags(map[string]string{"max_connections": "25"}) },
				Config:      both(34, declared),
				ExpectError: asShown("max_connections: 34, as database.max_connections says it will be", "need 35 of 34"),
			},
			{
				PreConfig:        func() { r.gone(); i.wantFlags(map[string]string{"max_connections": "25"}) },
				Config:           both(35, declared),
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("ready"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("database").AtMapKey("max_connections"), knownvalue.Int64Exact(35)),
				},
			},
		},
	})
}
