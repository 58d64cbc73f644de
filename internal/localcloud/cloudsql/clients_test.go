package cloudsql

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// gcloud is gcloud sql against the rig.
func (r *rig) gcloud() *conformance.Gcloud {
	r.t.Helper()
	return conformance.NewGcloud(r.t, "sql", project, "CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL="+r.http.URL+"/")
}

// TestGcloud has Google's own command line make an instance and its replica, fail over, and change their roles. Each
// command takes seconds, so each is given once; what it has done is looked at through the API.
func TestGcloud(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gcloud := r.gcloud()
	gcloud.Run("instances", "create", "platform", "--database-version="+version, "--edition=enterprise-plus", "--tier=db-perf-optimized-N-2",
		"--region="+region, "--availability-type=REGIONAL", "--enable-point-in-time-recovery", "--backup-start-time=03:00")
	gcloud.Run("instances", "create", "dr", "--master-instance-name=platform", "--region=us-east1", "--edition=enterprise-plus",
		"--tier=db-perf-optimized-N-2")
	gcloud.Run("instances", "patch", "platform", "--maintenance-window-day=SUN", "--maintenance-window-hour=8",
		"--database-flags=log_lock_waits=on", "--failover-dr-replica-name=dr")
	var before sqladmin.DatabaseInstance
	if err := json.Unmarshal([]byte(gcloud.Run("instances", "describe", "platform", "--format=json")), &before); err != nil {
		t.Fatal(err)
	}
	if before.SecondaryGceZone == "" || len(before.ReplicaNames) != 1 || before.Settings.MaintenanceWindow.Hour != 8 ||
		before.ReplicationCluster.FailoverDrReplicaName != project+":dr" || before.Settings.DatabaseFlags[0].Name != "log_lock_waits" {
		t.Errorf("describe: %+v", before)
	}
	if dr := r.get("dr"); dr.MasterInstanceName != project+":platform" || dr.Region != "us-east1" || dr.InstanceType != typeReplica {
		t.Errorf("the replica: %+v", dr)
	}
	if out := gcloud.Run("instances", "list", "--format=value(name,state)"); strings.Count(out, stateRunnable) != 2 {
		t.Errorf("list: %s", out)
	}
	gcloud.Run("instances", "failover", "platform")
	if after := r.get("platform"); after.GceZone != before.SecondaryGceZone || after.SecondaryGceZone != before.GceZone {
		t.Errorf("after the failover: %+v", after)
	}
	gcloud.Run("instances", "restart", "platform")
	if out, err := gcloud.Try("instances", "delete", "platform"); err == nil || !strings.Contains(out, "not valid for a replication master instance") {
		t.Errorf("delete with a replica: %v, %s", err, out)
	}
	gcloud.Run("users", "list", "--instance=dr")
	gcloud.Run("databases", "list", "--instance=dr")
	if out, err := gcloud.Try("databases", "create", "other", "--instance=dr"); err == nil || !strings.Contains(out, "not valid for a replica") {
		t.Errorf("a database on the replica: %v, %s", err, out)
	}
	out := gcloud.Run("operations", "list", "--instance=platform", "--format=value(operationType,status)")
	for _, kind := range []string{"CREATE", "UPDATE", "FAILOVER", "RESTART"} {
		if !strings.Contains(out, kind+"\t"+statusDone) {
			t.Errorf("no %s in the operations: %s", kind, out)
		}
	}

	gcloud.Run("instances", "switchover", "dr")
	if platform, dr := r.get("platform"), r.get("dr"); platform.MasterInstanceName != project+":dr" || dr.MasterInstanceName != "" {
		t.Errorf("after the switchover: %+v and %+v", platform, dr)
	}
	gcloud.Run("instances", "promote-replica", "platform", "--failover")
	if platform, dr := r.get("platform"), r.get("dr"); platform.MasterInstanceName != "" || dr.MasterInstanceName != project+":platform" {
		t.Errorf("after the failover to the replica: %+v and %+v", platform, dr)
	}
	gcloud.Run("instances", "promote-replica", "dr")
	if dr := r.get("dr"); dr.MasterInstanceName != "" || dr.InstanceType != typeInstance {
		t.Errorf("after the promotion: %+v", dr)
	}
	gcloud.Run("instances", "delete", "dr")
	if left := len(r.face.Report()); left != 1 {
		t.Errorf("%d instances are left", left)
	}
}

// TestHashicorpGoogle has the provider that most people use make an instance with a replica, plan nothing,
// update, fail over, plan nothing, destroy.
func TestHashicorpGoogle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := conformance.NewGoogle(t, conformance.Setup{Project: project, Region: region,
		Endpoints: map[string]string{"sql_custom_endpoint": r.http.URL + "/sql/v1beta4/"}})
	config := func(flag, replica string) {
		g.Write("main.tf", `
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
	follows := "master_instance_name = google_sql_database_instance.platform.name"
	config("500", follows)
	g.Apply()
	g.Settled("the first apply")
	r.failover("platform") // is no drift
	g.Settled("a failover")
	config("250", follows)
	g.Apply()
	g.Settled("a change")
	if v := r.admin("SHOW log_min_duration_statement"); v != "250ms" {
		t.Errorf("the flag is %s", v)
	}
	config("250", `instance_type = "CLOUD_SQL_INSTANCE"`) // promotes it
	g.Apply()
	g.Settled("the promotion")
	if d := r.get("dr"); d.MasterInstanceName != "" {
		t.Errorf("not promoted: %+v", d)
	}
	g.Destroy()
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d instances are left", left)
	}
}
