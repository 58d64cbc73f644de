package provider

import (
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

func (i *instance) wantDenied(want *cloudsql.DenyPeriod) {
	i.t.Helper()
	if got := cloudsql.Denied(i.get().Settings); !reflect.DeepEqual(got, want) {
		i.t.Errorf("instance %s denies maintenance in %+v, want %+v", i.name, got, want)
	}
}

func TestAccCloudSQLHAPolicy_parts(t *testing.T) {
	t.Parallel()
	i := laterInstance(t, "ha-parts")
	i.createIn(cloudsql.EnterprisePlus, "db-perf-optimized-N-8")
	value := func(want knownvalue.Check, at ...string) statecheck.StateCheck {
		p := tfjsonpath.New(at[0])
		for _, step := range at[1:] {
			p = p.AtMapKey(step)
		}
		return statecheck.ExpectKnownValue(haAddress, p, want)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				// Everything by default; the deny period goes over New Year.
				Config: i.policy(`
  availability_type       = "ZONAL"
  deletion_protection     = false
  point_in_time_recovery  = { retention_days = 14 }
  maintenance_window      = { day = "sunday", hour = 8 }
  low_traffic_hours       = { from = "00:00", to = "05:00", time_zone = "America/Chicago" }
  deny_maintenance_period = { start_date = "12-15", end_date = "01-10" }
  insights                = {}
  connection_pooling      = {}
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(haAddress, tfjsonpath.New("insights").AtMapKey("query_string_length"), knownvalue.Int64Exact(1024)),
						plancheck.ExpectUnknownValue(haAddress, tfjsonpath.New("pooler_count")),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					value(knownvalue.Int64Exact(2), "pooler_count"),
					value(knownvalue.StringExact("00:00:00"), "deny_maintenance_period", "time"),
					value(knownvalue.Int64Exact(5), "insights", "query_plans_per_minute"),
					value(knownvalue.Bool(true), "insights", "record_application_tags"),
					value(knownvalue.Bool(false), "insights", "record_client_address"),
					value(knownvalue.StringExact("keep"), "on_destroy"),
					value(knownvalue.StringRegexp(regexp.MustCompile(`^20`)), "earliest_recovery_time"),
				},
			},
			{
				// All said, one by one.
				PreConfig: func() { i.wantDenied(&cloudsql.DenyPeriod{Start: "12-15", End: "01-10", Time: "00:00:00"}) },
				Config: i.policy(`
  availability_type       = "ZONAL"
  deletion_protection     = false
  point_in_time_recovery  = { retention_days = 14 }
  deny_maintenance_period = { start_date = "2026-12-01", end_date = "2027-02-28", time = "06:30:00" }
  insights                = { query_plans_per_minute = 100, query_string_length = 20000, record_application_tags = false, record_client_address = true }
  connection_pooling      = { flags = { max_pool_size = "60", pool_mode = "transaction" } }
  on_destroy              = "keep"
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionUpdate),
						expectChanged(haAddress, "connection_pooling", "deny_maintenance_period", "insights", "low_traffic_hours"),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{
				// Drift in each is named, and only there.
				PreConfig: func() {
					i.patch(&sqladmin.Settings{
						InsightsConfig:         &sqladmin.InsightsConfig{QueryPlansPerMinute: 3},
						ConnectionPoolConfig:   &sqladmin.ConnectionPoolConfig{Flags: []*sqladmin.ConnectionPoolFlags{{Name: "max_pool_size", Value: "5"}}},
						DenyMaintenancePeriods: []*sqladmin.DenyMaintenancePeriod{}, ForceSendFields: []string{"DenyMaintenancePeriods"},
					})
				},
				Config: i.policy(`
  availability_type       = "ZONAL"
  deletion_protection     = false
  point_in_time_recovery  = { retention_days = 14 }
  deny_maintenance_period = { start_date = "2026-12-01", end_date = "2027-02-28", time = "06:30:00" }
  insights                = { query_plans_per_minute = 100, query_string_length = 20000, record_application_tags = false, record_client_address = true }
  connection_pooling      = { flags = { max_pool_size = "60", pool_mode = "transaction" } }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "connection_pooling", "deny_maintenance_period", "insights")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{
				// No setting of the poolers is not the same as none of ours.
				Config: i.policy(`
  availability_type       = "ZONAL"
  deletion_protection     = false
  point_in_time_recovery  = { retention_days = 14 }
  deny_maintenance_period = { start_date = "2026-12-01", end_date = "2027-02-28", time = "06:30:00" }
  insights                = { query_plans_per_minute = 100, query_string_length = 20000, record_application_tags = false, record_client_address = true }
  connection_pooling      = { flags = {} }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "connection_pooling")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{
				// Taken out: the deny period ends, the others stay as they are. Switched off is switched off.
				PreConfig: func() { i.wantDenied(&cloudsql.DenyPeriod{Start: "2026-12-01", End: "2027-02-28", Time: "06:30:00"}) },
				Config: i.policy(`
  availability_type      = "ZONAL"
  deletion_protection    = false
  point_in_time_recovery = { retention_days = 14 }
  connection_pooling     = { enabled = false, flags = { max_pool_size = "60" } }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue(haAddress, tfjsonpath.New("pooler_count"))},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					value(knownvalue.Null(), "deny_maintenance_period"),
					value(knownvalue.Null(), "pooler_count"),
					value(knownvalue.Int64Exact(100), "insights", "query_plans_per_minute"),
				},
			},
			{
				// An import sees it all.
				ResourceName: haAddress, ImportState: true, ImportStateId: "ha-parts", ImportStateVerify: true,
				ImportStateVerifyIgnore: append(moving, "connection_pooling.flags.%", "connection_pooling.flags.max_pool_size"),
			},
			{
				// Somebody else's deny period is left alone, and plans nothing.
				PreConfig: func() {
					i.wantDenied(nil)
					i.patch(&sqladmin.Settings{DenyMaintenancePeriods: []*sqladmin.DenyMaintenancePeriod{{StartDate: "11-20", EndDate: "12-31", Time: "00:00:00"}}})
				},
				Config: i.policy(`
  availability_type      = "ZONAL"
  deletion_protection    = false
  point_in_time_recovery = { retention_days = 14 }
  insights               = { enabled = false }
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(haAddress, "insights")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
		},
	})
	i.wantDenied(&cloudsql.DenyPeriod{Start: "11-20", End: "12-31", Time: "00:00:00"})
	if s := i.get().Settings; s.InsightsConfig.QueryInsightsEnabled || cloudsql.PoolingOn(s) {
		t.Errorf("still on: %+v, %+v", s.InsightsConfig, s.ConnectionPoolConfig)
	}
}

// Destroying a policy that says so takes deletion protection off, and nothing else.
func TestAccCloudSQLHAPolicy_relax(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-relax")
	config := i.policy(`
  on_destroy     = "relax"
  database_flags = { log_lock_waits = "on" }
`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps:                    []resource.TestStep{{Config: config, ConfigPlanChecks: emptyAfterApply}},
	})
	s := i.get().Settings
	if s.DeletionProtectionEnabled {
		t.Error("deletion protection is still on")
	}
	if s.AvailabilityType != "REGIONAL" || !s.BackupConfiguration.PointInTimeRecoveryEnabled {
		t.Errorf("more than protection came off: %+v", s)
	}
	i.wantFlags(map[string]string{"log_lock_waits": "on"})
}

// What moves all the time plans nothing: neither a change nor a value that is known after apply.
func TestAccCloudSQLHAPolicy_timeGoesBy(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-moving")
	config := i.policy(`availability_type = "ZONAL"`)
	latest := statecheck.CompareValue(compareDiffer())
	at := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{latest.AddStateValue(haAddress, tfjsonpath.New("latest_recovery_time"))}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: emptyAfterApply, ConfigStateChecks: at()},
			{PreConfig: func() { time.Sleep(time.Second) }, Config: config, PlanOnly: true},
			{RefreshState: true},
			{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}, ConfigStateChecks: at()},
		},
	})
}
