package provider

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

const haAddress = "august_cloudsql_ha_policy.test"

// instance is a Cloud SQL instance that a test has to itself, as hashicorp/google would have made it: nothing
// protected, nothing in a second zone.
type instance struct {
	t    testing.TB
	api  *sqladmin.Service
	name string
	head string // the provider block
}

func newInstance(t testing.TB, name string) *instance {
	t.Helper()
	i := laterInstance(t, name)
	i.create()
	return i
}

// laterInstance is one that the test creates itself, when it comes to it.
func laterInstance(t testing.TB, name string) *instance {
	t.Helper()
	cloud := localtest.Shared(t)
	api, err := sqladmin.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return &instance{t: t, api: api, name: name, head: providerBlock(cloud)}
}

func (i *instance) create() {
	i.t.Helper()
	i.createIn("ENTERPRISE", "db-custom-2-7680")
}

func (i *instance) createIn(edition, tier string) {
	i.t.Helper()
	i.wait(i.api.Instances.Insert(accProject, &sqladmin.DatabaseInstance{
		Name: i.name, Region: localtest.Region, DatabaseVersion: "POSTGRES_15",
		Settings: &sqladmin.Settings{Tier: tier, Edition: edition},
	}).Do())
}

// wait follows an operation that somebody other than Terraform started.
func (i *instance) wait(op *sqladmin.Operation, err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = gcp.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		op, err = i.api.Operations.Get(accProject, op.Name).Context(ctx).Do()
		return err == nil && op.Status == "DONE", err
	})
	if err != nil {
		i.t.Fatalf("operation %v: %v", op, err)
	}
	if op.Error != nil {
		i.t.Fatalf("operation %s: %s", op.OperationType, op.Error.Errors[0].Message)
	}
}

// patch changes settings behind Terraform's back.
func (i *instance) patch(settings *sqladmin.Settings) {
	i.t.Helper()
	i.wait(i.api.Instances.Patch(accProject, i.name, &sqladmin.DatabaseInstance{Settings: settings}).Do())
}

func (i *instance) get() *sqladmin.DatabaseInstance {
	i.t.Helper()
	got, err := i.api.Instances.Get(accProject, i.name).Do()
	if err != nil {
		i.t.Fatal(err)
	}
	return got
}

func (i *instance) flags() map[string]string {
	flags := map[string]string{}
	for _, f := range i.get().Settings.DatabaseFlags {
		flags[f.Name] = f.Value
	}
	return flags
}

func (i *instance) wantFlags(want map[string]string) {
	i.t.Helper()
	if got := i.flags(); !maps.Equal(got, want) {
		i.t.Errorf("instance %s has the flags %v, want %v", i.name, got, want)
	}
}

// policy is a configuration that puts a policy on the instance.
func (i *instance) policy(body string) string {
	return i.head + fmt.Sprintf("resource \"august_cloudsql_ha_policy\" \"test\" {\n  instance = %q\n%s\n}\n", i.name, body)
}

var emptyAfterApply = resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}

func TestAccCloudSQLHAPolicy_minimal(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-minimal")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: i.policy(""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(haAddress, tfjsonpath.New("connection_name"), knownvalue.StringExact(accProject+":us-central1:ha-minimal")),
						plancheck.ExpectUnknownValue(haAddress, tfjsonpath.New("secondary_zone")),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("id"), knownvalue.StringExact("projects/"+accProject+"/instances/ha-minimal")),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("project"), knownvalue.StringExact(accProject)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("availability_type"), knownvalue.StringExact("REGIONAL")),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("point_in_time_recovery").AtMapKey("retention_days"), knownvalue.Int64Exact(7)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("backup").AtMapKey("retained_backups"), knownvalue.Int64Exact(30)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("maintenance_window"), knownvalue.Null()),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("database_flags"), knownvalue.Null()),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("deletion_protection"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("database_version"), knownvalue.StringExact("POSTGRES_15")),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("edition"), knownvalue.StringExact("ENTERPRISE")),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("address"), knownvalue.StringRegexp(regexp.MustCompile(`^127\.`))),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("zone"), knownvalue.StringRegexp(regexp.MustCompile(`^us-central1-[a-f]$`))),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("secondary_zone"), knownvalue.StringRegexp(regexp.MustCompile(`^us-central1-[a-f]$`))),
				},
			},
			{
				// A failover moves the zones, which is what the policy is for, and Cloud SQL makes a disk larger that fills up: the
				// next plan is empty.
				PreConfig: func() {
					i.patch(&sqladmin.Settings{DataDiskSizeGb: 250})
					i.wait(i.api.Instances.Failover(accProject, i.name, &sqladmin.InstancesFailoverRequest{
						FailoverContext: &sqladmin.FailoverContext{SettingsVersion: i.get().Settings.SettingsVersion},
					}).Do())
				},
				Config:   i.policy(""),
				PlanOnly: true,
			},
		},
	})
	// Destroying the policy took nothing off the instance.
	if s := i.get().Settings; s.AvailabilityType != "REGIONAL" || !s.DeletionProtectionEnabled || !s.BackupConfiguration.PointInTimeRecoveryEnabled {
		t.Errorf("the instance lost its protection with the policy: %+v", s)
	}
}

const fullPolicy = `
  project           = "feel-august-platform"
  availability_type = "ZONAL"
  point_in_time_recovery = {
    retention_days = 5
  }
  backup = {
    start_time       = "07:30"
    retained_backups = 14
    location         = "us"
  }
  maintenance_window = {
    day          = "monday"
    hour         = 0
    update_track = "week5"
  }
  database_flags = {
    log_lock_waits                      = "on"
    idle_in_transaction_session_timeout = 60000
  }
  deletion_protection = false
  timeouts = {
    create = "10m"
    update = "10m"
  }
`

func TestAccCloudSQLHAPolicy_full(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-full")
	i.patch(&sqladmin.Settings{DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "log_min_messages", Value: "error"}}})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: i.policy(fullPolicy), ConfigPlanChecks: emptyAfterApply},
			{
				// In place, and a flag that is no longer named goes back to its default.
				Config: i.policy(`
  availability_type   = "ZONAL"
  maintenance_window  = { day = "tuesday", hour = 9 }
  database_flags      = { log_lock_waits = "off" }
  deletion_protection = false
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionUpdate),
						expectChanged(haAddress, "backup", "database_flags", "maintenance_window", "point_in_time_recovery", "timeouts"),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("backup").AtMapKey("start_time"), knownvalue.StringExact("07:30")),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("maintenance_window").AtMapKey("update_track"), knownvalue.StringExact("stable")),
				},
			},
			{
				PreConfig:        func() { i.wantFlags(map[string]string{"log_min_messages": "error", "log_lock_waits": "off"}) },
				Config:           i.policy("availability_type = \"ZONAL\"\ndatabase_flags = {}\ndeletion_protection = false"),
				ConfigPlanChecks: emptyAfterApply,
			},
			{
				PreConfig:        func() { i.wantFlags(map[string]string{"log_min_messages": "error"}) },
				Config:           i.policy("availability_type = \"ZONAL\"\ndeletion_protection = false"),
				ConfigPlanChecks: emptyAfterApply,
			},
		},
	})
}

func TestAccCloudSQLHAPolicy_drift(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-drift")
	config := i.policy(`
  availability_type = "ZONAL"
  maintenance_window = { day = "sunday", hour = 8 }
  database_flags = {
    log_lock_waits = "on"
    log_statement  = "ddl"
  }
`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: emptyAfterApply},
			{
				// One flag changed, one taken away, one of somebody else's added; protection and recovery switched off.
				PreConfig: func() {
					i.patch(&sqladmin.Settings{
						DatabaseFlags: []*sqladmin.DatabaseFlags{
							{Name: "log_lock_waits", Value: "off"}, {Name: "log_min_messages", Value: "error"},
						},
						BackupConfiguration: &sqladmin.BackupConfiguration{
							Enabled: true, TransactionLogRetentionDays: 7, ForceSendFields: []string{"PointInTimeRecoveryEnabled"},
						},
						MaintenanceWindow: &sqladmin.MaintenanceWindow{Day: 3, Hour: 15},
						ForceSendFields:   []string{"DeletionProtectionEnabled"},
					})
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionUpdate),
						expectChanged(haAddress, "database_flags", "deletion_protection", "maintenance_window", "point_in_time_recovery"),
						expectBefore(haAddress, "database_flags", map[string]any{"log_lock_waits": "off"}),
						expectBefore(haAddress, "point_in_time_recovery", nil),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
			{
				PreConfig: func() {
					i.wantFlags(map[string]string{"log_lock_waits": "on", "log_statement": "ddl", "log_min_messages": "error"})
				},
				Config:   config,
				PlanOnly: true,
			},
		},
	})
}

func TestAccCloudSQLHAPolicy_replace(t *testing.T) {
	t.Parallel()
	first, second := newInstance(t, "ha-first"), newInstance(t, "ha-second")
	body := "availability_type = \"ZONAL\"\ndatabase_flags = { log_lock_waits = \"on\" }"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: first.policy(body)},
			{
				Config: second.policy(body),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionReplace)},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
		},
	})
	first.wantFlags(map[string]string{"log_lock_waits": "on"})
	second.wantFlags(map[string]string{"log_lock_waits": "on"})
}

// moving is what is different at every look.
var moving = []string{"earliest_recovery_time", "latest_recovery_time"}

func TestAccCloudSQLHAPolicy_import(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-import")
	config := i.policy(`
  availability_type  = "ZONAL"
  backup             = { start_time = "07:30" }
  maintenance_window = { day = "friday", hour = 23, update_track = "canary" }
  database_flags     = { log_lock_waits = "on" }
`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config},
			{ResourceName: haAddress, ImportState: true, ImportStateId: accProject + "/ha-import", ImportStateVerify: true, ImportStateVerifyIgnore: moving},
			{ResourceName: haAddress, ImportState: true, ImportStateId: "ha-import", ImportStateVerify: true, ImportStateVerifyIgnore: moving},
			// The block kind asserts that the plan after the import is empty.
			{ResourceName: haAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: "projects/" + accProject + "/instances/ha-import"},
			{ResourceName: haAddress, ImportState: true, ImportStateId: "one/two/three", ExpectError: regexp.MustCompile(`not an id of this resource`)},
			{ResourceName: haAddress, ImportState: true, ImportStateId: "ha-typo", ExpectError: regexp.MustCompile(`(?i)cannot import non-existent`)},
		},
	})
}

// Before 1.12 Terraform has no command for this; TestCloudSQLHAPolicy_importByIdentity proves it over the protocol.
func TestAccCloudSQLHAPolicy_importByIdentity(t *testing.T) {
	t.Parallel()
	i := laterInstance(t, "ha-identity")
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{PreConfig: i.create, Config: i.policy(`availability_type = "ZONAL"`)},
			{ResourceName: haAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

// An import finds flags that it cannot tell the owner of. It shows them, and resets none.
func TestAccCloudSQLHAPolicy_importLeavesFlagsAlone(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-adopted")
	i.patch(&sqladmin.Settings{DatabaseFlags: []*sqladmin.DatabaseFlags{
		{Name: "log_min_messages", Value: "error"}, {Name: "log_lock_waits", Value: "on"},
	}})
	config := i.policy("availability_type = \"ZONAL\"\ndatabase_flags = { log_lock_waits = \"on\" }")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config:             config,
				ResourceName:       haAddress,
				ImportState:        true,
				ImportStateId:      "ha-adopted",
				ImportStatePersist: true,
			},
			{
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionUpdate),
						expectBefore(haAddress, "database_flags", map[string]any{"log_lock_waits": "on", "log_min_messages": "error"}),
					},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh,
				},
			},
		},
	})
	i.wantFlags(map[string]string{"log_min_messages": "error", "log_lock_waits": "on"})
}

func TestAccCloudSQLHAPolicy_vanished(t *testing.T) {
	t.Parallel()
	gone, next := newInstance(t, "ha-gone"), newInstance(t, "ha-next")
	body := "availability_type = \"ZONAL\"\ndeletion_protection = false"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: gone.policy(body)},
			{
				PreConfig:   func() { gone.wait(gone.api.Instances.Delete(accProject, "ha-gone").Do()) },
				Config:      gone.policy(body),
				ExpectError: regexp.MustCompile(`There is no Cloud SQL instance\s+feel-august-platform/ha-gone`),
			},
			{
				// It has left the state: there is nothing to replace, only something to create.
				Config: next.policy(body),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(haAddress, plancheck.ResourceActionCreate)},
				},
			},
		},
	})
}

func TestAccCloudSQLHAPolicy_unknownInputs(t *testing.T) {
	t.Parallel()
	i := newInstance(t, "ha-unknown")
	config := i.head + `
resource "terraform_data" "late" {
  input = {
    instance = "ha-unknown"
    type     = "ZONAL"
    days     = 6
    recovery = { retention_days = 6 }
    start    = "01:15"
    day      = "saturday"
    flag     = "on"
  }
}

resource "august_cloudsql_ha_policy" "test" {
  instance               = terraform_data.late.output.instance
  availability_type      = terraform_data.late.output.type
  point_in_time_recovery = terraform_data.late.output.recovery
  backup                 = { start_time = terraform_data.late.output.start }
  maintenance_window     = { day = terraform_data.late.output.day, hour = 3 }
  database_flags         = { log_lock_waits = terraform_data.late.output.flag }
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config:           config,
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("point_in_time_recovery").AtMapKey("retention_days"), knownvalue.Int64Exact(6)),
					statecheck.ExpectKnownValue(haAddress, tfjsonpath.New("database_flags").AtMapKey("log_lock_waits"), knownvalue.StringExact("on")),
				},
			},
		},
	})
}

func TestAccCloudSQLHAPolicy_wrongInput(t *testing.T) {
	t.Parallel()
	i := laterInstance(t, "platform") // the landing zone's: nothing of this is applied
	step := func(body, want string) resource.TestStep {
		return resource.TestStep{Config: i.policy(body), PlanOnly: true, ExpectError: regexp.MustCompile(want)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			step(`maintenance_window = { day = "funday", hour = 8 }`, `(?s)maintenance_window.*day.*"sunday"`),
			step(`point_in_time_recovery = { retention_days = 0 }`, `(?s)retention_days.*between\s+1\s+and\s+35`),
			step(`point_in_time_recovery = { retention_days = 8 }`, `(?s)Recovery window not possible.*at\s+most\s+7`),
			step(`database_flags = { log_lock_wait = "on" }`, `Did\s+you\s+mean\s+"log_lock_waits"`),
			step(`database_flags = { max_connections = "1" }`, `(?s)Flag value not possible.*max_connections`),
		},
	})
}
