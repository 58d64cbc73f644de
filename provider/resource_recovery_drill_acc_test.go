package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"
)

const drillAddress = "august_recovery_drill.test"

// drillRig is a highly available instance that a test has to itself, and a runtime whose database is on it.
type drillRig struct {
	*instance
	runtime  *runtimeRig
	password string
}

func newDrillRig(t *testing.T, name string) *drillRig {
	t.Helper()
	r := &drillRig{instance: newInstance(t, name), runtime: newRuntimeRig(t, "rt-"+name)}
	r.patch(&sqladmin.Settings{
		AvailabilityType: "REGIONAL", DeletionProtectionEnabled: true,
		BackupConfiguration: &sqladmin.BackupConfiguration{
			Enabled: true, PointInTimeRecoveryEnabled: true, TransactionLogRetentionDays: 7,
			BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 7, RetentionUnit: "COUNT"},
		},
	})
	r.password = secretValue(t, r.runtime.cloud, "august-db-password")
	r.wait(r.api.Databases.Insert(accProject, name, &sqladmin.Database{Name: "august"}).Do())
	r.wait(r.api.Users.Insert(accProject, name, &sqladmin.User{Name: "august-sync", Password: r.password}).Do())
	return r
}

// config is the runtime and drills. It declares no pipeline: what tests share of DrChrono is its budget of calls.
func (r *drillRig) config(drills ...string) string {
	runtime := r.runtime.config(r.runtime.image, "")
	return strings.Replace(runtime, `instance        = "platform"`, fmt.Sprintf("instance        = %q", r.name), 1) + strings.Join(drills, "\n")
}

func (r *drillRig) drill(name, kind, more string) string {
	return fmt.Sprintf(`
resource "august_recovery_drill" %q {
  instance = %q
  kind     = %q
  endpoint = august_sync_runtime.test.uri
  audience = august_sync_runtime.test.audience
  %s
}
`, name, r.name, kind, more)
}

// fill puts a table with rows into a schema that the runtime syncs.
func (r *drillRig) fill() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseOf(r.get(), r.password))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "create table billing.rehearsal as select n, md5(n::text) as text from generate_series(1, 50000) n")
	if err != nil {
		r.t.Fatal(err)
	}
}

// noClones fails when a clone of the instance is left.
func (r *drillRig) noClones() {
	r.t.Helper()
	list, err := r.api.Instances.List(accProject).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, instance := range list.Items {
		if strings.HasPrefix(instance.Name, r.name+"-") {
			r.t.Errorf("the clone %s is left", instance.Name)
		}
	}
}

func factOf(address, name string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), want)
}

var aZone = knownvalue.StringRegexp(regexp.MustCompile(`^us-central1-[a-f]$`))

func TestAccRecoveryDrill_failover(t *testing.T) {
	t.Parallel()
	r := newDrillRig(t, "drill-failover")
	step := func(action plancheck.ResourceActionType, config string, checks ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(drillAddress, action)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: checks,
		}
	}
	fails := func(config string) resource.TestStep {
		return resource.TestStep{Config: config, ExpectError: regexp.MustCompile(`(?s)Recovery drill failed.*max_rto, which\s+is\s+1ms.*Measured: recovery time`)}
	}
	history := func(address string, passed ...bool) statecheck.StateCheck {
		var all []knownvalue.Check
		for _, p := range passed {
			all = append(all, knownvalue.ObjectPartial(map[string]knownvalue.Check{
				"passed": knownvalue.Bool(p), "rto_seconds": knownvalue.NotNull(), "lost_rows": knownvalue.Int64Exact(0),
				"zone_before": aZone, "zone_after": aZone, "clone_seconds": knownvalue.Null(),
			}))
		}
		return factOf(address, "history", knownvalue.ListExact(all))
	}
	const second = "august_recovery_drill.second"
	q1, q2, q3 := `triggers = { quarter = "2027-Q1" }`, `triggers = { quarter = "2027-Q2" }`, `triggers = { quarter = "2027-Q3" }`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.runtime.gone(); return nil },
		Steps: []resource.TestStep{
			// One apply deploys the runtime and drills the instance.
			step(plancheck.ResourceActionCreate, r.config(r.drill("test", "failover", q1)),
				factOf(drillAddress, "id", knownvalue.StringExact("projects/"+accProject+"/instances/drill-failover/drills/failover")),
				factOf(drillAddress, "passed", knownvalue.Bool(true)), factOf(drillAddress, "failure", knownvalue.Null()),
				factOf(drillAddress, "lost_rows", knownvalue.Int64Exact(0)), factOf(drillAddress, "rpo_seconds", knownvalue.Float64Exact(0)),
				factOf(drillAddress, "secondary_zone_before", aZone), factOf(drillAddress, "secondary_zone_after", aZone),
				factOf(drillAddress, "ran_at", knownvalue.StringRegexp(regexp.MustCompile(`^20\d\d-.*Z$`))),
				factOf(drillAddress, "restored_to", knownvalue.Null()), factOf(drillAddress, "max_rto", knownvalue.StringExact("15m")),
				history(drillAddress, true)),
			step(plancheck.ResourceActionUpdate, r.config(r.drill("test", "failover", q2)), history(drillAddress, true, true)),
			// Another promise is for the next drill.
			step(plancheck.ResourceActionUpdate, r.config(r.drill("test", "failover", q2+"\nmax_rto = \"1ms\"")), history(drillAddress, true, true)),
			fails(r.config(r.drill("test", "failover", q3+"\nmax_rto = \"1ms\""))),
			// The failed drill is repeated although its triggers are as they were.
			step(plancheck.ResourceActionUpdate, r.config(r.drill("test", "failover", q3)), history(drillAddress, true, false, true, true)),
			{
				ResourceName: drillAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID,
				ImportStateId: accProject + "/drill-failover/failover", ImportStateVerify: true,
				ImportStateVerifyIgnore: append([]string{"endpoint", "audience", "triggers", "max_rto", "max_lost_rows", "probe_interval", "history", "timeouts"}, factNames()...),
			},
			// A first drill that failed is replaced, and its history goes on.
			fails(r.config(r.drill("test", "failover", q3), r.drill("second", "failover", `max_rto = "1ms"`))),
			{
				Config: r.config(r.drill("test", "failover", q3), r.drill("second", "failover", "")),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(second, plancheck.ResourceActionDestroyBeforeCreate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{history(second, true, false), history(drillAddress, true, false, true, true)},
			},
		},
	})
}

func factNames() []string {
	var names []string
	for name := range drillFacts() {
		names = append(names, name)
	}
	return names
}

func TestAccRecoveryDrill_restore(t *testing.T) {
	t.Parallel()
	r := newDrillRig(t, "drill-restore")
	restored := func(address string) []statecheck.StateCheck {
		return []statecheck.StateCheck{
			factOf(address, "passed", knownvalue.Bool(true)), factOf(address, "lost_rows", knownvalue.Int64Exact(0)),
			factOf(address, "restored_to", knownvalue.NotNull()), factOf(address, "recoverable_after_seconds", knownvalue.NotNull()),
			factOf(address, "clone_seconds", knownvalue.NotNull()), factOf(address, "verify_seconds", knownvalue.NotNull()),
			factOf(address, "tables_different", knownvalue.Int64Exact(0)), factOf(address, "zone_before", knownvalue.Null()),
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.runtime.gone(); r.noClones(); return nil },
		Steps: []resource.TestStep{
			{Config: r.config()},
			{
				PreConfig: r.fill,
				Config:    r.config(r.drill("test", "point_in_time_restore", "")),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue(drillAddress, tfjsonpath.New("rto_seconds"))},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: restored(drillAddress),
			},
			{ // two drills of one instance in one apply: the one waits for the other
				PreConfig: r.noClones,
				Config: r.config(r.drill("test", "point_in_time_restore", `
					triggers      = { month = "2027-01" }
					verify_tables = ["billing.claim", "billing.rehearsal"]`), r.drill("other", "failover", "")),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(drillAddress, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: append(restored(drillAddress),
					factOf(drillAddress, "tables_verified", knownvalue.Int64Exact(2)),
					factOf("august_recovery_drill.other", "lost_rows", knownvalue.Int64Exact(0))),
			},
			{
				Config: r.config(r.drill("test", "point_in_time_restore", `
					triggers      = { month = "2027-02" }
					verify_tables = ["billing.nothing"]`)),
				ExpectError: regexp.MustCompile(`(?s)Recovery drill not run.*billing\.nothing`),
			},
		},
	})
	r.noClones()
}
