package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// The lag of a policy's replica is different at every look, and never plans a change; nor does it when it cannot be had.
func TestAccCloudSQLHAPolicy_replicaLag(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	fake.lag = map[string]float64{"platform-dr": 4, "other": 900}
	change := func(edit func()) func() {
		return func() {
			fake.mu.Lock()
			defer fake.mu.Unlock()
			edit()
		}
	}
	is := func(want knownvalue.Check) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("replica_lag_seconds"), want)}
	}
	still := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: policy(""), ConfigPlanChecks: emptyAfterApply, ConfigStateChecks: is(knownvalue.Null())},
			{Config: policy(withReplica), ConfigPlanChecks: emptyAfterApply, ConfigStateChecks: is(knownvalue.Float64Exact(4))},
			{
				PreConfig: change(func() { fake.lag["platform-dr"] = 7.25 }),
				Config:    policy(withReplica), ConfigPlanChecks: still, ConfigStateChecks: is(knownvalue.Float64Exact(7.25)),
			},
			{
				PreConfig: change(func() { fake.blind = true }),
				Config:    policy(withReplica), ConfigPlanChecks: still, ConfigStateChecks: is(knownvalue.Null()),
			},
			{
				// A change of something else knows no better.
				Config: policy(withReplica + `database_flags = { log_lock_waits = "on" }`), ConfigPlanChecks: emptyAfterApply, ConfigStateChecks: is(knownvalue.Null()),
			},
			{
				PreConfig: change(func() { fake.blind = false }),
				Config:    policy(`database_flags = { log_lock_waits = "on" }`), ConfigPlanChecks: emptyAfterApply, ConfigStateChecks: is(knownvalue.Null()),
			},
		},
	})
}
