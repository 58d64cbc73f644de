package cloudsql

import (
	"net/http"
	"testing"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

func TestFailoverKeepsAddressAndCommits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	if d.SecondaryGceZone == "" || d.SecondaryGceZone == d.GceZone {
		t.Fatalf("zones: %s and %s", d.GceZone, d.SecondaryGceZone)
	}
	if sync := r.admin("SELECT sync_state FROM pg_stat_replication WHERE application_name = 'august_standby'"); sync != "sync" {
		t.Fatalf("the standby is %s", sync)
	}
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	for n := range 20 {
		r.exec(c, "INSERT INTO commits VALUES ($1)", n)
	}

	failover := func(version int64) (*sqladmin.Operation, error) {
		return r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
			FailoverContext: &sqladmin.FailoverContext{SettingsVersion: version},
		}).Do()
	}
	_, err := failover(d.Settings.SettingsVersion + 1)
	refused(t, err, http.StatusPreconditionFailed, "staleData")
	for round := range 2 { // there and back again
		before := r.get("platform")
		r.done(failover(before.Settings.SettingsVersion))
		if _, err := c.Exec(t.Context(), "SELECT 1"); err == nil {
			t.Fatal("a connection outlived its primary")
		}
		after := r.get("platform")
		if after.GceZone != before.SecondaryGceZone || after.SecondaryGceZone != before.GceZone {
			t.Fatalf("zones did not swap: %s/%s, then %s/%s", before.GceZone, before.SecondaryGceZone, after.GceZone, after.SecondaryGceZone)
		}
		if after.IpAddresses[0].IpAddress != d.IpAddresses[0].IpAddress {
			t.Fatal("the address changed")
		}
		c = r.dial(conn)
		var n int
		if err := c.QueryRow(t.Context(), "SELECT count(*) FROM commits").Scan(&n); err != nil || n != 20+round {
			t.Fatalf("round %d: %d commits, %v", round, n, err)
		}
		r.exec(c, "INSERT INTO commits VALUES (100)")
		if sync := r.admin("SELECT sync_state FROM pg_stat_replication WHERE application_name = 'august_standby'"); sync != "sync" {
			t.Fatalf("after failover the standby is %s", sync)
		}
	}

	// Back to one zone: the standby is gone, a failover is refused, commits do not wait.
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{
		Settings: &sqladmin.Settings{AvailabilityType: zonal}}).Do())
	d = r.get("platform")
	if d.SecondaryGceZone != "" {
		t.Fatal("a zonal instance has a secondary zone")
	}
	if n := r.admin("SELECT count(*)::text FROM pg_stat_replication WHERE application_name = 'august_standby'"); n != "0" {
		t.Fatal("the standby still runs")
	}
	_, err = failover(d.Settings.SettingsVersion)
	refused(t, err, http.StatusBadRequest, "invalid")
	r.exec(c, "INSERT INTO commits VALUES (101)")
}

func TestRegionalNeedsBackups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := available()
	d.Settings.BackupConfiguration.PointInTimeRecoveryEnabled = false
	_, err := r.api.Instances.Insert(project, d).Do()
	refused(t, err, http.StatusBadRequest, "invalid")
}

// A REGIONAL instance that lost its standby goes on, and gets it back; so does one that lost its primary.
func TestProcessesComeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	r.face.mu.Lock()
	cluster := r.face.instances[project+"/platform"].cluster
	r.face.mu.Unlock()

	cluster.KillStandby()
	r.exec(c, "INSERT INTO commits VALUES (1)") // waits until the loss is noticed, no longer
	r.eventually("a synchronous standby", func() bool {
		return r.admin("SELECT coalesce(max(sync_state), '') FROM pg_stat_replication WHERE application_name = 'august_standby'") == "sync"
	})
	cluster.KillPrimary()
	c = r.dial(conn)
	var n int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM commits").Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d commits, %v", n, err)
	}
}

func TestPointInTimeWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	_, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, "platform").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	before := time.Now()
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}}}).Do())
	window := func() (earliest, latest time.Time) {
		w, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, "platform").Do()
		if err != nil {
			t.Fatal(err)
		}
		for text, target := range map[string]*time.Time{w.EarliestRecoveryTime: &earliest, w.LatestRecoveryTime: &latest} {
			if *target, err = time.Parse(time.RFC3339, text); err != nil {
				t.Fatal(err)
			}
		}
		return earliest, latest
	}
	earliest, latest := window()
	if earliest.Before(before) || latest.Before(earliest) {
		t.Fatalf("window from %s to %s", earliest, latest)
	}
	c := r.dial(r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres")
	r.exec(c, "CREATE TABLE commits (n int)")
	var committed time.Time
	if err := c.QueryRow(t.Context(), "INSERT INTO commits VALUES (1) RETURNING clock_timestamp()").Scan(&committed); err != nil {
		t.Fatal(err)
	}
	r.eventually("the window to reach the commit", func() bool {
		again, now := window()
		if !again.Equal(earliest) {
			t.Fatalf("the window's beginning moved from %s to %s", earliest, again)
		}
		return now.After(committed)
	})

	// It survives a failover's timeline, a restart of the database and of the local cloud.
	r.done(r.api.Instances.Restart(project, "platform").Do())
	r.close()
	r.open()
	now := time.Now()
	r.eventually("the window to go on", func() bool { _, latest := window(); return latest.After(now) })
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{
		Settings: &sqladmin.Settings{AvailabilityType: regional}}).Do())
	r.done(r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: r.get("platform").Settings.SettingsVersion}}).Do())
	now = time.Now()
	r.eventually("the window to go on after a failover", func() bool { _, latest := window(); return latest.After(now) })
}

func TestBackups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(small("platform"))
	op := r.done(r.api.BackupRuns.Insert(project, "platform", &sqladmin.BackupRun{Description: "before the change"}).Do())
	if op.BackupContext == nil || op.BackupContext.BackupId == 0 {
		t.Fatal("the operation names no backup")
	}
	b, err := r.api.BackupRuns.Get(project, "platform", op.BackupContext.BackupId).Do()
	if err != nil || b.Status != "SUCCESSFUL" || b.Type != onDemand || b.Description != "before the change" || b.MaxChargeableBytes == 0 {
		t.Fatalf("backup: %+v, %v", b, err)
	}
	list, err := r.api.BackupRuns.List(project, "platform").Do()
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("backups: %+v, %v", list, err)
	}
	r.done(r.api.BackupRuns.Delete(project, "platform", b.Id).Do())
	_, err = r.api.BackupRuns.Get(project, "platform", b.Id).Do()
	refused(t, err, http.StatusNotFound, "backupRunDoesNotExist")

	// Automated ones are retained by number.
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true,
			BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 2}}}}).Do())
	for day := 1; day <= 3; day++ {
		r.face.startDueBackups(time.Now().AddDate(0, 0, day))
		r.eventually("the daily backup", func() bool {
			r.face.mu.Lock()
			defer r.face.mu.Unlock()
			return r.face.instances[project+"/platform"].busy == ""
		})
	}
	list, err = r.api.BackupRuns.List(project, "platform").Do()
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("retained backups: %d, %v", len(list.Items), err)
	}
}

// eventually polls for something that happens by itself.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("waited in vain for " + what)
		}
	}
}
