package provider

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const statusAddress = "data.august_cloudsql_ha_status.test"

func codes(want ...string) statecheck.StateCheck {
	checks := make([]knownvalue.Check, 0, len(want))
	for _, code := range want {
		checks = append(checks, knownvalue.ObjectPartial(map[string]knownvalue.Check{"code": knownvalue.StringExact(code)}))
	}
	return statecheck.ExpectKnownValue(statusAddress, tfjsonpath.New("findings"), knownvalue.ListExact(checks))
}

func inStatus(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(statusAddress, tfjsonpath.New(attribute), want)
}

// The status of a real instance, before and after a policy has hardened it.
func TestAccCloudSQLHAStatus(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-status")
	const data = `
data "august_cloudsql_ha_status" "test" {
  instance = %s
}
`
	bare := i.head + fmt.Sprintf(data, `"ha-status"`)
	hard := i.policy(`
  maintenance_window      = { day = "sunday", hour = 8 }
  deny_maintenance_period = { start_date = "01-01", end_date = "03-31" }
`) + fmt.Sprintf(data, haAddress+".instance") + `
check "available" {
  assert {
    condition     = data.august_cloudsql_ha_status.test.healthy
    error_message = jsonencode(data.august_cloudsql_ha_status.test.findings)
  }
}
`
	zone := knownvalue.StringRegexp(regexp.MustCompile(`^us-central1-[a-f]$`))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: bare,
				ConfigStateChecks: []statecheck.StateCheck{
					codes("NOT_REGIONAL", "BACKUPS_OFF", "DELETION_UNPROTECTED", "NO_MAINTENANCE_WINDOW", "NO_CROSS_REGION_REPLICA"),
					inStatus("id", knownvalue.StringExact("projects/"+accProject+"/instances/ha-status")),
					inStatus("healthy", knownvalue.Bool(false)),
					inStatus("state", knownvalue.StringExact("RUNNABLE")),
					inStatus("availability_type", knownvalue.StringExact("ZONAL")),
					inStatus("zone", zone),
					inStatus("secondary_zone", knownvalue.Null()),
					inStatus("last_backup", knownvalue.Null()),
					inStatus("backups_kept", knownvalue.Int64Exact(0)),
					inStatus("earliest_recovery_time", knownvalue.Null()),
					inStatus("recovery_window_days", knownvalue.Float64Exact(0)),
					inStatus("max_backup_age_hours", knownvalue.Int64Exact(28)),
					inStatus("settings_version", knownvalue.Int64Exact(1)),
					inStatus("replicas", knownvalue.MapExact(map[string]knownvalue.Check{})),
				},
			},
			{
				Config:           hard,
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					codes("RECOVERY_WINDOW_SHORT", "NO_CROSS_REGION_REPLICA"),
					inStatus("healthy", knownvalue.Bool(true)),
					inStatus("availability_type", knownvalue.StringExact("REGIONAL")),
					inStatus("secondary_zone", zone),
					inStatus("deletion_protection", knownvalue.Bool(true)),
					inStatus("edition", knownvalue.StringExact("ENTERPRISE")),
					inStatus("database_version", knownvalue.StringExact("POSTGRES_15")),
					inStatus("backups_kept", knownvalue.Int64Exact(1)), // the one that recovery begins with
					inStatus("last_backup", knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"age_hours": knownvalue.Int64Exact(0), "id": knownvalue.StringRegexp(regexp.MustCompile(`^[0-9]+$`)),
					})),
					inStatus("latest_recovery_time", knownvalue.StringRegexp(regexp.MustCompile(`^20.*Z$`))),
					inStatus("maintenance_window", knownvalue.ObjectPartial(map[string]knownvalue.Check{"day": knownvalue.StringExact("sunday")})),
					inStatus("pooler_count", knownvalue.Null()),
				},
			},
			{Config: i.head + fmt.Sprintf(data, `"ha-typo"`), ExpectError: regexp.MustCompile(`There is no Cloud SQL instance\s+feel-august-platform/ha-typo`)},
		},
	})
}

// What the local cloud never does: announced maintenance, old backups, replicas in trouble.
func TestAccCloudSQLHAStatus_troubles(t *testing.T) {
	t.Parallel()
	fake, url := newFakeCloudSQL(t)
	const project = "feel-august-platform"
	fake.add("platform", map[string]any{
		"replicaNames": []any{project + ":near", "far", "deleted-meanwhile"}, "secondaryGceZone": "us-central1-b",
		"scheduledMaintenance": map[string]any{"startTime": "2026-11-29T08:00:00Z", "canDefer": true},
		"replicationCluster":   map[string]any{"failoverDrReplicaName": project + ":far"},
		"settings": map[string]any{
			"availabilityType": "REGIONAL", "edition": "ENTERPRISE_PLUS", "deletionProtectionEnabled": true,
			"backupConfiguration": map[string]any{"enabled": true, "pointInTimeRecoveryEnabled": true, "transactionLogRetentionDays": 7},
			"databaseFlags":       []any{map[string]any{"name": "max_connections", "value": "200"}},
			"connectionPoolConfig": map[string]any{
				"connectionPoolingEnabled": true, "poolerCount": 2,
			},
			"denyMaintenancePeriods": []any{map[string]any{
				"startDate": time.Now().UTC().AddDate(0, 0, -2).Format("01-02"), "endDate": time.Now().UTC().AddDate(0, 0, 2).Format("01-02"), "time": "00:00:00",
			}},
		},
	})
	replica := func(region, state string) map[string]any {
		return map[string]any{"region": region, "state": state, "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": project + ":platform"}
	}
	fake.add("near", replica("us-central1", "RUNNABLE"))
	fake.add("far", replica("us-east1", "MAINTENANCE"))
	fake.backups = []any{
		map[string]any{"id": "7", "status": "SUCCESSFUL", "endTime": "2026-01-02T03:04:05Z", "location": "us"},
		map[string]any{"id": "9", "status": "FAILED"},
	}
	fake.lag = map[string]float64{"near": 75.5}
	config := func(more string) string {
		return fmt.Sprintf(`
provider "august" {
  project      = %q
  access_token = "local"
  endpoints    = { cloud_sql = %[2]q, monitoring = %[2]q }
}

data "august_cloudsql_ha_status" "test" {
  instance             = "platform"
  max_backup_age_hours = 48
  %s
}
`, project, url, more)
	}
	inReplicas := func(name, attribute string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(statusAddress, tfjsonpath.New("replicas").AtMapKey(name).AtMapKey(attribute), want)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{{
			Config: config(""),
			ConfigStateChecks: []statecheck.StateCheck{
				codes("NO_RECENT_BACKUP", "LAST_BACKUP_FAILED", "NO_MAINTENANCE_WINDOW", "REPLICA_NOT_RUNNING", "REPLICA_TOO_SMALL", "REPLICA_LAGGING", "MAINTENANCE_SCHEDULED"),
				inStatus("healthy", knownvalue.Bool(false)),
				inStatus("scheduled_maintenance", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"start_time": knownvalue.StringExact("2026-11-29T08:00:00Z"), "can_defer": knownvalue.Bool(true), "can_reschedule": knownvalue.Bool(false),
				})),
				inStatus("deny_period_active", knownvalue.Bool(true)),
				inStatus("pooler_count", knownvalue.Int64Exact(2)),
				inStatus("failover_replica", knownvalue.StringExact("far")),
				inStatus("recovery_window_days", knownvalue.Float64Exact(7)),
				inStatus("last_backup", knownvalue.ObjectPartial(map[string]knownvalue.Check{"id": knownvalue.StringExact("7"), "location": knownvalue.StringExact("us")})),
				inReplicas("far", "cross_region", knownvalue.Bool(true)),
				inReplicas("near", "cross_region", knownvalue.Bool(false)),
				inReplicas("far", "lag_seconds", knownvalue.Null()),
				inReplicas("near", "lag_seconds", knownvalue.Float64Exact(75.5)),
			},
		}, {
			Config: config("max_replica_lag_seconds = 120"),
			ConfigStateChecks: []statecheck.StateCheck{
				codes("NO_RECENT_BACKUP", "LAST_BACKUP_FAILED", "NO_MAINTENANCE_WINDOW", "REPLICA_NOT_RUNNING", "REPLICA_TOO_SMALL", "MAINTENANCE_SCHEDULED"),
			},
		}, {
			// Who may not read metrics sees everything else, and why this is missing.
			PreConfig: func() {
				fake.mu.Lock()
				defer fake.mu.Unlock()
				fake.blind = true
			},
			Config: config(""),
			ConfigStateChecks: []statecheck.StateCheck{
				codes("NO_RECENT_BACKUP", "LAST_BACKUP_FAILED", "NO_MAINTENANCE_WINDOW", "REPLICA_NOT_RUNNING", "REPLICA_TOO_SMALL", "REPLICA_LAG_UNKNOWN", "MAINTENANCE_SCHEDULED"),
				statecheck.ExpectKnownValue(statusAddress, tfjsonpath.New("findings").AtSliceIndex(5).AtMapKey("message"),
					knownvalue.StringRegexp(regexp.MustCompile(`project feel-august-platform, .*roles/monitoring\.viewer.*monitoring\.timeSeries\.list denied`))),
				inReplicas("near", "lag_seconds", knownvalue.Null()),
			},
		}},
	})
}
