package cloudsql

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gcloud answers two ways to run a gcloud sql command against the rig: try answers its output and whether it
// succeeded, must ends the test when it did not.
func (r *rig) gcloud() (try func(args ...string) (string, error), must func(args ...string) string) {
	r.t.Helper()
	if _, err := exec.LookPath("gcloud"); err != nil {
		r.t.Skip("gcloud is not installed")
	}
	env := []string{
		"CLOUDSDK_CONFIG=" + r.t.TempDir(), "CLOUDSDK_CORE_PROJECT=" + project, "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_AUTH_ACCESS_TOKEN=fake",
		"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true", "CLOUDSDK_SURVEY_DISABLE_PROMPTS=1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true",
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL=" + r.http.URL + "/",
	}
	try = func(args ...string) (string, error) {
		return command(r.t, "", env, "gcloud", append([]string{"sql"}, args...)...)
	}
	must = func(args ...string) string {
		r.t.Helper()
		out, err := try(args...)
		if err != nil {
			r.t.Fatalf("gcloud sql %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	return try, must
}

// What its users do with gcloud when they recover a database.
func TestGcloudRecovers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run, gcloud := r.gcloud()
	d := r.create(available())
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
	if err := json.Unmarshal([]byte(gcloud("instances", "get-latest-recovery-time", "platform", "--format=json")), &window); err != nil {
		t.Fatal(err)
	}
	if window.LatestRecoveryTime.Before(moment) || !window.EarliestRecoveryTime.Before(moment) {
		t.Fatalf("the window is %+v", window)
	}
	gcloud("instances", "clone", "platform", "restored", "--point-in-time", moment.UTC().Format(time.RFC3339Nano), "--preferred-zone", region+"-b")
	made := r.get("restored")
	if highest, _ := r.commits(connTo(made)); highest != 1 || made.GceZone != region+"-b" {
		t.Fatalf("the clone in %s ends at commit %d", made.GceZone, highest)
	}
	gcloud("instances", "clone", "platform", "copied")
	if highest, _ := r.commits(connTo(r.get("copied"))); highest != 2 {
		t.Fatalf("the clone of now ends at commit %d", highest)
	}
	if out, err := run("instances", "clone", "platform", "early", "--point-in-time", "2020-01-01T00:00:00Z"); err == nil || !strings.Contains(out, "successful backup") {
		t.Fatalf("a clone of the past: %v\n%s", err, out)
	}
	if out := gcloud("operations", "list", "--instance=restored", "--format=value(operationType,status)"); !strings.Contains(out, "CLONE") {
		t.Errorf("operations: %s", out)
	}

	gcloud("backups", "create", "--instance=platform", "--description=before the change")
	var runs []struct{ ID, Description, Status string }
	if err := json.Unmarshal([]byte(gcloud("backups", "list", "--instance=platform", "--format=json")), &runs); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].Description != "before the change" || runs[0].Status != "SUCCESSFUL" {
		t.Fatalf("backups: %+v", runs)
	}
	if out := gcloud("backups", "describe", runs[0].ID, "--instance=platform"); !strings.Contains(out, "before the change") {
		t.Errorf("describe: %s", out)
	}
	r.exec(c, "INSERT INTO commits VALUES (3)")
	gcloud("backups", "restore", runs[0].ID, "--restore-instance=platform")
	if highest, _ := r.commits(conn); highest != 2 {
		t.Fatalf("restored: the last commit is %d", highest)
	}
	gcloud("backups", "restore", runs[0].ID, "--restore-instance=restored", "--backup-instance=platform")
	if highest, _ := r.commits(connTo(made)); highest != 2 {
		t.Fatalf("restored onto another instance: the last commit is %d", highest)
	}
	gcloud("backups", "delete", runs[0].ID, "--instance=platform")
	id, err := strconv.ParseInt(runs[0].ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.api.BackupRuns.Get(project, "platform", id).Do(); err == nil {
		t.Error("the deleted backup is still there")
	}
	gcloud("instances", "delete", "copied")
}
