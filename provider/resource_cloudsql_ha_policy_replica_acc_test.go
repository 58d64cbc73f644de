package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// replicaRig is a policy on the fake of Cloud SQL, which plays what no local cloud should have to: disasters.
func replicaRig(t *testing.T) (*fakeCloudSQL, func(body string) string) {
	t.Helper()
	fake, url := newFakeCloudSQL(t)
	return fake, func(body string) string {
		return fmt.Sprintf(`
provider "august" {
  project      = "feel-august-platform"
  access_token = "local"
  endpoints    = { cloud_sql = %[1]q, monitoring = %[1]q }
}

resource "august_cloudsql_ha_policy" "test" {
  instance = "platform"
  %s
}
`, url, body)
	}
}

func inReplica(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("cross_region_replica").AtMapKey(attribute), want)
}

func wantWritten(t *testing.T, fake *fakeCloudSQL, want ...string) {
	t.Helper()
	got := fake.written()
	for n, call := range got {
		got[n] = strings.ReplaceAll(strings.TrimSuffix(call, " []"), "/v1/projects/feel-august-platform/", "")
	}
	if !slices.Equal(got, want) {
		t.Errorf("wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const withReplica = `cross_region_replica = { name = "platform-dr", region = "us-east1" }` + "\n"

func TestAccCloudSQLHAPolicy_replica(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	replicaFlags := func() string {
		var flags []string
		fake.change("platform-dr", func(_, settings map[string]any) {
			list, _ := settings["databaseFlags"].([]any)
			for _, f := range list {
				flag := f.(map[string]any)
				flags = append(flags, fmt.Sprintf("%s=%s", flag["name"], flag["value"]))
			}
		})
		return strings.Join(flags, " ")
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				// Made after its primary, and like it.
				Config: policy(withReplica + `database_flags = { max_connections = "200", log_lock_waits = "on" }`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(haAddress, tfjsonpath.New("cross_region_replica").AtMapKey("tier"), knownvalue.StringExact("db-custom-2-7680")),
						plancheck.ExpectKnownValue(haAddress, tfjsonpath.New("cross_region_replica").AtMapKey("connection_name"),
							knownvalue.StringExact("feel-august-platform:us-east1:platform-dr")),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					inReplica("failover_target", knownvalue.Bool(false)),
					inReplica("deletion_protection", knownvalue.Bool(true)),
					inReplica("flags_match", knownvalue.Bool(true)),
				},
			},
			{
				// Raised on the replica first, and lowered there never.
				PreConfig: func() {
					wantWritten(t, fake,
						"PATCH instances/platform [availabilityType backupConfiguration databaseFlags deletionProtectionEnabled settingsVersion]", "POST instances")
					if got := replicaFlags(); got != "log_lock_waits=on max_connections=200" {
						t.Errorf("the replica was made with %s", got)
					}
				},
				Config:           policy(withReplica + `database_flags = { max_connections = "300", log_lock_waits = "off" }`),
				ConfigPlanChecks: emptyAfterApply,
			},
			{
				PreConfig: func() {
					wantWritten(t, fake, "PATCH instances/platform-dr [databaseFlags settingsVersion]", "PATCH instances/platform [databaseFlags settingsVersion]")
				},
				Config:           policy(withReplica + `database_flags = { max_connections = "100", log_lock_waits = "off" }`),
				ConfigPlanChecks: emptyAfterApply,
			},
			{
				// Drift on the replica is seen, and named.
				PreConfig: func() {
					wantWritten(t, fake, "PATCH instances/platform [databaseFlags settingsVersion]")
					if got := replicaFlags(); got != "log_lock_waits=off max_connections=300" {
						t.Errorf("the replica has %s", got)
					}
					fake.change("platform-dr", func(_, settings map[string]any) {
						settings["databaseFlags"] = []any{map[string]any{"name": "max_connections", "value": "50"}}
						settings["deletionProtectionEnabled"] = false
					})
				},
				Config: policy(withReplica + `database_flags = { max_connections = "100", log_lock_waits = "off" }`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "cross_region_replica")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{
				// Gone, it is made again.
				PreConfig: func() {
					wantWritten(t, fake, "PATCH instances/platform-dr [databaseFlags deletionProtectionEnabled settingsVersion]")
					fake.remove("platform-dr")
				},
				Config: policy(withReplica + `database_flags = { max_connections = "100", log_lock_waits = "off" }`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectBefore(haAddress, "cross_region_replica", nil)},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{ResourceName: haAddress, ImportState: true, ImportStateId: "platform", ImportStateVerify: true, ImportStateVerifyIgnore: moving},
			{
				// Let go of, it stays.
				PreConfig:        func() { wantWritten(t, fake, "POST instances") },
				Config:           policy(`database_flags = { max_connections = "100", log_lock_waits = "off" }`),
				ConfigPlanChecks: emptyAfterApply,
			},
		},
	})
	wantWritten(t, fake) // neither letting go nor the destroy wrote anything
	if replicaFlags() == "" {
		t.Error("the replica is gone")
	}
}

// What somebody else has made is taken over, and brought into line before the primary is.
func TestAccCloudSQLHAPolicy_replicaAdopted(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	fake.add("platform", map[string]any{"settings": map[string]any{"edition": "ENTERPRISE_PLUS", "tier": "db-perf-optimized-N-4"}})
	fake.add("platform-dr", map[string]any{
		"region": "us-east1", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "feel-august-platform:platform",
		"connectionName": "feel-august-platform:us-east1:platform-dr",
		"settings":       map[string]any{"edition": "ENTERPRISE_PLUS", "tier": "db-perf-optimized-N-8"},
	})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: policy(withReplica + `on_destroy = "relax"`), ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					inReplica("tier", knownvalue.StringExact("db-perf-optimized-N-8")),
					inReplica("failover_target", knownvalue.Bool(true)), // the edition has it, and nobody else is it
				},
			},
			{
				PreConfig: func() {
					wantWritten(t, fake,
						"PATCH instances/platform-dr [deletionProtectionEnabled settingsVersion]",
						"PATCH instances/platform [availabilityType backupConfiguration deletionProtectionEnabled settingsVersion]",
						"PATCH instances/platform [settingsVersion]") // the designation
				},
				Config: policy(`
  on_destroy           = "relax"
  cross_region_replica = { name = "platform-dr", region = "us-east1", tier = "db-perf-optimized-N-4", failover_target = false }
`),
				ConfigPlanChecks: emptyAfterApply,
			},
		},
	})
	wantWritten(t, fake,
		"PATCH instances/platform-dr [settingsVersion tier]", "PATCH instances/platform [settingsVersion]",
		"PATCH instances/platform [deletionProtectionEnabled settingsVersion]", "PATCH instances/platform-dr [deletionProtectionEnabled settingsVersion]")
}

// What only the configuration knows is an update, after an import too, that writes to the state alone.
func TestAccCloudSQLHAPolicy_stateOnly(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	const window = withReplica + `maintenance_window = { day = "sunday", hour = 8 }` + "\n"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: policy(window), ConfigPlanChecks: emptyAfterApply},
			{
				PreConfig: func() { fake.written() },
				Config: policy(window + `
  low_traffic_hours = { from = "07:00", to = "10:00" }
  on_destroy        = "relax"
  timeouts          = { update = "10m" }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "low_traffic_hours", "on_destroy", "timeouts")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				Check: func(*terraform.State) error { wantWritten(t, fake); return nil },
			},
		},
	})
}

// A disaster, and what people do in one, must not stand in the way of every other plan.
func TestAccCloudSQLHAPolicy_replicaPromoted(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	promote := func() {
		fake.change("platform-dr", func(instance, _ map[string]any) {
			instance["instanceType"] = "CLOUD_SQL_INSTANCE"
			delete(instance, "masterInstanceName")
		})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: policy(withReplica)},
			{PreConfig: promote, Config: policy(withReplica), PlanOnly: true}, // a warning, and no change
			{
				// The rest of the policy goes on being applied.
				Config:           policy(withReplica + `database_flags = { log_lock_waits = "on" }`),
				ConfigPlanChecks: emptyAfterApply,
			},
			{
				// The roles are the other way round: it stands still.
				PreConfig: func() {
					fake.written()
					fake.change("platform", func(instance, settings map[string]any) {
						instance["instanceType"], instance["masterInstanceName"] = "READ_REPLICA_INSTANCE", "feel-august-platform:platform-dr"
						settings["backupConfiguration"] = map[string]any{"enabled": false}
					})
				},
				Config:   policy(withReplica + `database_flags = { log_lock_waits = "on" }`),
				PlanOnly: true,
			},
			{
				// To change something of it is refused, with the way out.
				Config:      policy(withReplica + `database_flags = { log_lock_waits = "off" }`),
				ExpectError: regexp.MustCompile(`put\s+the\s+policy\s+on\s+the\s+primary`),
			},
		},
	})
	wantWritten(t, fake)
}

// A replica that is not made leaves an instance that follows the policy, and the next apply goes on from there.
func TestAccCloudSQLHAPolicy_replicaNotMade(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	fails := func(fail bool) func() {
		return func() {
			fake.mu.Lock()
			defer fake.mu.Unlock()
			fake.noReplicas = fail
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: policy("")},
			{
				PreConfig: fails(true), Config: policy(withReplica + `database_flags = { log_lock_waits = "on" }`),
				ExpectError: regexp.MustCompile(`(?s)Cross-region replica not created.*follows\s+the\s+policy`),
			},
			{
				PreConfig: fails(false), Config: policy(withReplica + `database_flags = { log_lock_waits = "on" }`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "cross_region_replica")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
		},
	})
}

// An apply that was cut off while the replica was being made goes on with waiting for it.
func TestAccCloudSQLHAPolicy_replicaHalfMade(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	fake.add("platform-dr", map[string]any{
		"region": "us-east1", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "feel-august-platform:platform", "state": "PENDING_CREATE",
		"connectionName": "feel-august-platform:us-east1:platform-dr", "settings": map[string]any{"deletionProtectionEnabled": true},
	})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps:                    []resource.TestStep{{Config: policy(withReplica), ConfigPlanChecks: emptyAfterApply}},
	})
	fake.change("platform-dr", func(instance, _ map[string]any) {
		if instance["state"] != "RUNNABLE" {
			t.Errorf("the apply has ended with the replica %s", instance["state"])
		}
	})
}

// A policy that relaxes what it has protected leaves alone what has been promoted: it may hold what nothing else does.
func TestAccCloudSQLHAPolicy_relaxLeavesThePromotedAlone(t *testing.T) {
	t.Parallel()
	fake, policy := replicaRig(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: policy(withReplica + `on_destroy = "relax"`)},
			{
				PreConfig: func() {
					fake.written()
					fake.change("platform-dr", func(instance, _ map[string]any) {
						instance["instanceType"] = "CLOUD_SQL_INSTANCE"
						delete(instance, "masterInstanceName")
					})
				},
				Config: policy(withReplica + `on_destroy = "relax"`), PlanOnly: true,
			},
		},
	})
	wantWritten(t, fake, "PATCH instances/platform [deletionProtectionEnabled settingsVersion]")
}
