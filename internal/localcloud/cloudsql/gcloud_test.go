package cloudsql

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What its users do with gcloud when they recover a database.
func TestGcloudRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gcloud := r.gcloud()
	gcloud.Run("instances", "create", "platform", "--database-version="+version, "--edition=enterprise", "--tier=db-custom-2-7680",
		"--region="+region, "--availability-type=REGIONAL", "--enable-point-in-time-recovery", "--backup-start-time=03:00")
	d := r.get("platform")
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	r.exec(c, "INSERT INTO commits VALUES (1)")
	var moment time.Time
	if err := c.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&moment); err != nil {
		t.Fatal(err)
	}
	r.exec(c, "INSERT INTO commits VALUES (2)")

	var window struct{ EarliestRecoveryTime, LatestRecoveryTime time.Time }
	if err := json.Unmarshal([]byte(gcloud.Run("instances", "get-latest-recovery-time", "platform", "--format=json")), &window); err != nil {
		t.Fatal(err)
	}
	if window.LatestRecoveryTime.Before(moment) || !window.EarliestRecoveryTime.Before(moment) {
		t.Fatalf("the window is %+v", window)
	}
	gcloud.Run("instances", "clone", "platform", "restored", "--point-in-time", moment.UTC().Format(time.RFC3339Nano), "--preferred-zone", region+"-b")
	made := r.get("restored")
	if highest, _ := r.commits(connTo(made)); highest != 1 || made.GceZone != region+"-b" {
		t.Fatalf("the clone in %s ends at commit %d", made.GceZone, highest)
	}
	gcloud.Run("instances", "clone", "platform", "copied")
	if highest, _ := r.commits(connTo(r.get("copied"))); highest != 2 {
		t.Fatalf("the clone of now ends at commit %d", highest)
	}
	if out, err := gcloud.Try("instances", "clone", "platform", "early", "--point-in-time", "2020-01-01T00:00:00Z"); err == nil || !strings.Contains(out, "successful backup") {
		t.Fatalf("a clone of the past: %v\n%s", err, out)
	}
	if out := gcloud.Run("operations", "list", "--instance=restored", "--format=value(operationType,status)"); !strings.Contains(out, "CLONE") {
		t.Errorf("operations: %s", out)
	}

	gcloud.Run("backups", "create", "--instance=platform", "--description=before the change")
	var runs []struct{ ID, Description, Status string }
	if err := json.Unmarshal([]byte(gcloud.Run("backups", "list", "--instance=platform", "--format=json")), &runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].Description != "before the change" || runs[0].Status != "SUCCESSFUL" {
		t.Fatalf("backups: %+v", runs)
	}
	if out := gcloud.Run("backups", "describe", runs[0].ID, "--instance=platform"); !strings.Contains(out, "before the change") {
		t.Errorf("describe: %s", out)
	}
	r.exec(c, "INSERT INTO commits VALUES (3)")
	gcloud.Run("backups", "restore", runs[0].ID, "--restore-instance=platform")
	if highest, _ := r.commits(conn); highest != 2 {
		t.Fatalf("restored: the last commit is %d", highest)
	}
	gcloud.Run("backups", "restore", runs[0].ID, "--restore-instance=restored", "--backup-instance=platform")
	if highest, _ := r.commits(connTo(made)); highest != 2 {
		t.Fatalf("restored onto another instance: the last commit is %d", highest)
	}
	gcloud.Run("backups", "delete", runs[0].ID, "--instance=platform")
	id, err := strconv.ParseInt(runs[0].ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.api.BackupRuns.Get(project, "platform", id).Do(); err == nil {
		t.Error("the deleted backup is still there")
	}
}
