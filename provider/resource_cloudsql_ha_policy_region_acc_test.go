package provider

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// A real replica in another region: made, kept as big as its primary, switched over to, and followed there by the policy.
func TestAccCloudSQLHAPolicy_anotherRegion(t *testing.T) {
	t.Parallel()
	i := laterInstance(t, "ha-pair")
	i.createIn(cloudsql.EnterprisePlus, "db-perf-optimized-N-2")
	replica := *i
	replica.name = "ha-pair-dr"
	pair := func(primary, other *instance, region, flags string) string {
		return primary.policy(fmt.Sprintf(`
  deletion_protection  = false
  cross_region_replica = { name = %q, region = %q, deletion_protection = false }
  database_flags       = { max_connections = %q }
`, other.name, region, flags)) + `
data "august_cloudsql_ha_status" "test" {
  instance = august_cloudsql_ha_policy.test.instance
}
`
	}
	connections := func(want string) {
		t.Helper()
		for _, of := range []*instance{i, &replica} {
			if got := of.flags()["max_connections"]; got != want {
				t.Errorf("%s has max_connections %q, want %s", of.name, got, want)
			}
		}
	}
	aLag := knownvalue.NotNull() // measured on the real replica
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config:           pair(i, &replica, "us-east1", "300"),
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					inReplica("failover_target", knownvalue.Bool(true)),
					inReplica("flags_match", knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("replica_lag_seconds"), aLag),
					inReplica("connection_name", knownvalue.StringExact(accProject+":us-east1:ha-pair-dr")),
					inStatus("failover_replica", knownvalue.StringExact("ha-pair-dr")),
					inStatus("replicas", knownvalue.MapExact(map[string]knownvalue.Check{
						"ha-pair-dr": knownvalue.ObjectPartial(map[string]knownvalue.Check{"state": knownvalue.StringExact("RUNNABLE"), "cross_region": knownvalue.Bool(true), "lag_seconds": aLag}),
					})),
				},
			},
			{
				PreConfig:        func() { connections("300") },
				Config:           pair(i, &replica, "us-east1", "350"),
				ConfigPlanChecks: emptyAfterApply,
			},
			{
				// Somebody switches over. The policy says so, and stands still.
				PreConfig: func() {
					connections("350")
					i.wait(i.api.Instances.Switchover(accProject, "ha-pair-dr").Do())
					if live := i.get(); !cloudsql.IsReplica(live) {
						t.Errorf("not switched over: %+v", live)
					}
				},
				Config:   pair(i, &replica, "us-east1", "350"),
				PlanOnly: true,
			},
			{
				// And follows when it is told to, as its warning says.
				Config: pair(&replica, i, "us-central1", "350"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionReplace)},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{inReplica("failover_target", knownvalue.Bool(true))},
			},
		},
	})
	if s := replica.get().Settings; s.AvailabilityType != "REGIONAL" || !s.BackupConfiguration.PointInTimeRecoveryEnabled {
		t.Errorf("the new primary is %+v", s)
	}
	// Nothing has been deleted, with the policy gone.
	i.wait(i.api.Instances.Patch(accProject, i.name, &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{UserLabels: map[string]string{"still": "there"}}}).Do())
}
