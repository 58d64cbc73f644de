package cloudsql

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

// command runs a program to its end and returns what it printed.
func command(t testing.TB, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), env...), time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGcloud has Google's own command line make an instance and its replica, and fail over.
func TestGcloud(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	try, gcloud := r.gcloud()
	describe := func(name string) (d sqladmin.DatabaseInstance) {
		t.Helper()
		if err := json.Unmarshal([]byte(gcloud("instances", "describe", name, "--format=json")), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	gcloud("instances", "create", "platform", "--database-version="+version, "--edition=enterprise", "--tier=db-custom-2-7680",
		"--region="+region, "--availability-type=REGIONAL", "--enable-point-in-time-recovery", "--backup-start-time=03:00")
	gcloud("instances", "create", "dr", "--master-instance-name=platform", "--region=us-east1", "--tier=db-custom-2-7680")
	before := describe("platform")
	if before.SecondaryGceZone == "" || len(before.ReplicaNames) != 1 {
		t.Errorf("describe: %+v", before)
	}
	if dr := describe("dr"); dr.MasterInstanceName != project+":platform" || dr.Region != "us-east1" || dr.InstanceType != typeReplica {
		t.Errorf("describe the replica: %+v", dr)
	}
	if out := gcloud("instances", "list", "--format=value(name,state)"); strings.Count(out, stateRunnable) != 2 {
		t.Errorf("list: %s", out)
	}
	gcloud("instances", "patch", "platform", "--maintenance-window-day=SUN", "--maintenance-window-hour=8", "--database-flags=log_lock_waits=on")
	gcloud("instances", "failover", "platform")
	after := describe("platform")
	if after.GceZone != before.SecondaryGceZone || after.SecondaryGceZone != before.GceZone || after.Settings.MaintenanceWindow.Hour != 8 {
		t.Errorf("after the failover: %+v", after)
	}
	gcloud("instances", "restart", "platform")
	if out, err := try("instances", "delete", "platform"); err == nil || !strings.Contains(out, "not valid for a replication master instance") {
		t.Errorf("delete with a replica: %v, %s", err, out)
	}
	gcloud("users", "list", "--instance=dr")
	gcloud("databases", "list", "--instance=dr")
	if out, err := try("databases", "create", "other", "--instance=dr"); err == nil || !strings.Contains(out, "not valid for a replica") {
		t.Errorf("a database on the replica: %v, %s", err, out)
	}
	gcloud("instances", "promote-replica", "dr")
	if dr := describe("dr"); dr.MasterInstanceName != "" || dr.InstanceType != typeInstance {
		t.Errorf("after the promotion: %+v", dr)
	}
	out := gcloud("operations", "list", "--instance=platform", "--format=value(operationType,status)")
	for _, kind := range []string{"CREATE", "UPDATE", "FAILOVER", "RESTART"} {
		if !strings.Contains(out, kind+"\t"+statusDone) {
			t.Errorf("no %s in the operations: %s", kind, out)
		}
	}
	if out := gcloud("operations", "list", "--instance=dr", "--format=value(operationType)"); !strings.Contains(out, "CREATE_REPLICA") || !strings.Contains(out, "PROMOTE_REPLICA") {
		t.Errorf("the replica's operations: %s", out)
	}
	gcloud("instances", "delete", "dr")
	gcloud("instances", "delete", "platform")

	// Advanced disaster recovery.
	gcloud("instances", "create", "east", "--database-version="+version, "--edition=enterprise-plus", "--tier=db-perf-optimized-N-2",
		"--region=us-east1", "--availability-type=ZONAL", "--enable-point-in-time-recovery", "--backup-start-time=03:00")
	gcloud("instances", "create", "west", "--master-instance-name=east", "--region=us-west1", "--edition=enterprise-plus", "--tier=db-perf-optimized-N-2")
	gcloud("instances", "patch", "east", "--failover-dr-replica-name=west")
	gcloud("instances", "switchover", "west")
	if east, west := describe("east"), describe("west"); east.MasterInstanceName != project+":west" || west.MasterInstanceName != "" {
		t.Errorf("after the switchover: %+v and %+v", east, west)
	}
	gcloud("instances", "promote-replica", "east", "--failover")
	if east, west := describe("east"), describe("west"); east.MasterInstanceName != "" || west.MasterInstanceName != project+":east" {
		t.Errorf("after the failover to the replica: %+v and %+v", east, west)
	}
}

// TestHashicorpGoogle has the provider that most people use make an instance with a replica, plan nothing,
// update, fail over, plan nothing, destroy.
func TestHashicorpGoogle(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("AUGUST_TEST_HASHICORP_GOOGLE")
	if folder == "" {
		t.Skip("AUGUST_TEST_HASHICORP_GOOGLE names no folder with terraform-provider-google in it")
	}
	r := newRig(t)
	dir := t.TempDir()
	write := func(name, body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rc", `provider_installation {
  dev_overrides { "hashicorp/google" = "`+folder+`" }
  direct {}
}
`)
	config := func(flag, replica string) {
		write("main.tf", `
terraform {
  required_providers { google = { source = "hashicorp/google" } }
}
provider "google" {
  project             = "`+project+`"
  region              = "`+region+`"
  access_token        = "fake"
  universe_domain     = "emulator.local"
  poll_interval       = "200ms"
  sql_custom_endpoint = "`+r.http.URL+`/sql/v1beta4/"
}
resource "google_sql_database_instance" "platform" {
  name                = "platform"
  database_version    = "`+version+`"
  deletion_protection = false
  settings {
    tier              = "db-custom-2-7680"
    edition           = "ENTERPRISE"
    availability_type = "REGIONAL"
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
    }
    maintenance_window {
      day  = 7
      hour = 8
    }
    database_flags {
      name  = "log_min_duration_statement"
      value = "`+flag+`"
    }
  }
}
resource "google_sql_database_instance" "dr" {
  name                 = "dr"
  `+replica+`
  region               = "us-east1"
  database_version     = "`+version+`"
  deletion_protection  = false
  settings {
    tier    = "db-custom-2-7680"
    edition = "ENTERPRISE"
    database_flags {
      name  = "log_min_duration_statement"
      value = "`+flag+`"
    }
  }
}
resource "google_sql_database" "august" {
  name     = "august"
  instance = google_sql_database_instance.platform.name
}
resource "google_sql_user" "sync" {
  name     = "august-sync"
  instance = google_sql_database_instance.platform.name
  password = "synthetic-password-1"
}
`)
	}
	env := []string{"TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "rc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}
	terraform := func(args ...string) {
		t.Helper()
		if out, err := command(t, dir, env, "terraform", args...); err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	follows := "master_instance_name = google_sql_database_instance.platform.name"
	config("500", follows)
	terraform("apply", "-auto-approve", "-no-color")
	terraform("plan", "-detailed-exitcode", "-no-color")
	r.failover("platform") // is no drift
	terraform("plan", "-detailed-exitcode", "-no-color")
	config("250", follows)
	terraform("apply", "-auto-approve", "-no-color")
	terraform("plan", "-detailed-exitcode", "-no-color")
	if v := r.admin("SHOW log_min_duration_statement"); v != "250ms" {
		t.Errorf("the flag is %s", v)
	}
	config("250", `instance_type = "CLOUD_SQL_INSTANCE"`) // promotes it
	terraform("apply", "-auto-approve", "-no-color")
	terraform("plan", "-detailed-exitcode", "-no-color")
	if d := r.get("dr"); d.MasterInstanceName != "" {
		t.Errorf("not promoted: %+v", d)
	}
	terraform("destroy", "-auto-approve", "-no-color")
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d instances are left", left)
	}
}
