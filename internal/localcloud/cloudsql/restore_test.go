package cloudsql

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func (r *rig) backup(instance string) int64 {
	r.t.Helper()
	op := r.done(r.api.BackupRuns.Insert(project, instance, &sqladmin.BackupRun{}).Do())
	return op.BackupContext.BackupId
}

func (r *rig) restore(target, source string, id int64) (*sqladmin.Operation, error) {
	return r.api.Instances.RestoreBackup(project, target, &sqladmin.InstancesRestoreBackupRequest{
		RestoreBackupContext: &sqladmin.RestoreBackupContext{BackupRunId: id, InstanceId: source, Project: project}}).Do()
}

func (r *rig) instance(name string) *instance {
	r.face.mu.Lock()
	defer r.face.mu.Unlock()
	return r.face.instances[project+"/"+name]
}

func TestRestoreOntoItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	r.exec(c, "INSERT INTO commits VALUES (1)")
	id := r.backup("platform")
	r.exec(c, "INSERT INTO commits VALUES (2)")
	r.user(d, "too-late", "synthetic-password-2")
	_, before := r.window()

	op := r.done(r.restore("platform", "platform", id))
	if op.OperationType != "RESTORE_VOLUME" {
		t.Errorf("the operation is a %s", op.OperationType)
	}
	after := r.get("platform")
	if after.GceZone != d.GceZone || after.SecondaryGceZone != d.SecondaryGceZone || after.IpAddresses[0].IpAddress != d.IpAddresses[0].IpAddress {
		t.Errorf("the instance moved: %+v", after)
	}
	if highest, count := r.commits(conn); highest != 1 || count != 1 {
		t.Fatalf("restored: %d commits, the last is %d", count, highest)
	}
	users, err := r.api.Users.List(project, "platform").Do()
	if err != nil || len(users.Items) != 2 {
		t.Fatalf("users: %+v, %v", users, err)
	}
	if sync := r.admin("SELECT max(sync_state) FROM pg_stat_replication WHERE application_name = 'august_standby'"); sync != "sync" {
		t.Fatalf("the standby is %q", sync)
	}
	// Point-in-time recovery begins anew, the backups are still there, and it all goes on.
	earliest, _ := r.window()
	if earliest.Before(before) {
		t.Fatalf("the window still begins at %s, the restore was after %s", earliest, before)
	}
	if b, err := r.api.BackupRuns.Get(project, "platform", id).Do(); err != nil || b.Status != "SUCCESSFUL" {
		t.Fatalf("the restored backup: %+v, %v", b, err)
	}
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (3)")
	r.done(r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: after.Settings.SettingsVersion}}).Do())
	if highest, count := r.commits(conn); highest != 3 || count != 2 {
		t.Fatalf("after a failover: %d commits, the last is %d", count, highest)
	}
	_, latest := r.window()
	r.done(r.clone("later", latest))
	if highest, count := r.commits(connTo(r.get("later"))); highest != 3 || count != 2 {
		t.Fatalf("a clone has %d commits, the last is %d", count, highest)
	}
	r.noSecrets("synthetic")
}

func TestRestoreOntoAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	id := r.backup("platform")
	other := small("other")
	other.Settings.DataDiskSizeGb = 20
	other = r.create(other)
	otherID := r.backup("other")

	_, err := r.restore("other", "platform", 1)
	refused(t, err, http.StatusNotFound, "backupRunDoesNotExist")
	_, err = r.restore("other", "nothing", id)
	refused(t, err, http.StatusNotFound, "instanceDoesNotExist")
	_, err = r.restore("other", "platform", 0)
	refused(t, err, http.StatusBadRequest, "required")
	_, err = r.restore("platform", "other", otherID) // whose disk is larger
	refused(t, err, http.StatusBadRequest, "invalid")
	_, err = r.api.Instances.RestoreBackup(project, "other", &sqladmin.InstancesRestoreBackupRequest{Backup: "projects/x/backups/y"}).Do()
	refused(t, err, http.StatusNotImplemented, "notImplemented")
	i := r.instance("other")
	spoiled := func(spoil, mend func()) {
		t.Helper()
		r.face.mu.Lock()
		spoil()
		r.face.mu.Unlock()
		_, err := r.restore("other", "platform", id)
		refused(t, err, http.StatusBadRequest, "invalid")
		r.face.mu.Lock()
		mend()
		r.face.mu.Unlock()
	}
	spoiled(func() { i.Instance.DatabaseVersion = "POSTGRES_14" }, func() { i.Instance.DatabaseVersion = version })
	p := r.instance("platform")
	spoiled(func() { p.Instance.MasterInstanceName = project + ":other" }, func() { p.Instance.MasterInstanceName = "" })

	r.done(r.restore("other", "platform", id))
	if highest, count := r.commits(connTo(other)); highest != 1 || count != 1 {
		t.Fatalf("restored: %d commits, the last is %d", count, highest)
	}
	if highest, count := r.commits(conn); highest != 1 || count != 1 {
		t.Fatalf("the source: %d commits, the last is %d", count, highest)
	}
}

// An instance that no longer starts is restored from its backup, and cloned from its archive.
func TestFailedInstance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	id := r.backup("platform")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (2)")

	// Stopped on request it can still be cloned, with all that was committed.
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{ActivationPolicy: "NEVER"}}).Do())
	_, latest := r.seen()
	r.done(r.clone("stopped", latest))
	if highest, _ := r.commits(connTo(r.get("stopped"))); highest != 2 {
		t.Fatalf("a clone of the stopped instance ends at commit %d", highest)
	}
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{ActivationPolicy: policyAlways}}).Do())

	r.close()
	if err := os.Remove(filepath.Join(r.dir, "instances", project, "platform", "node-a", "global", "pg_control")); err != nil {
		t.Fatal(err)
	}
	r.open()
	if state := r.get("platform").State; state != stateFailed {
		t.Fatalf("the instance is %s", state)
	}
	_, latest = r.seen()
	r.done(r.clone("saved", latest))
	r.done(r.clone("saved-now", time.Time{}))
	for _, name := range []string{"saved", "saved-now"} {
		if highest, _ := r.commits(connTo(r.get(name))); highest != 2 {
			t.Fatalf("%s ends at commit %d", name, highest)
		}
	}
	r.done(r.restore("platform", "platform", id))
	if state := r.get("platform").State; state != stateRunnable {
		t.Fatalf("the restored instance is %s", state)
	}
	if highest, _ := r.commits(conn); highest != 1 {
		t.Fatalf("restored: the last commit is %d", highest)
	}
}

// What is no longer retained goes, and the window never begins where nothing can be recovered.
func TestRetention(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true,
		TransactionLogRetentionDays: 2, BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 2}}
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	dir := filepath.Join(r.dir, "instances", project, "platform")
	wal := func() int {
		files, err := filepath.Glob(filepath.Join(dir, "wal-*", "0000*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	// Five daily backups; day 0 is the oldest.
	for day := range 5 {
		r.exec(c, "INSERT INTO commits VALUES ($1)", day)
		r.admin("SELECT pg_switch_wal()::text")
		r.face.startDueBackups(time.Now().AddDate(0, 0, day+1))
		i := r.instance("platform")
		r.eventually("the daily backup", func() bool {
			r.face.mu.Lock()
			defer r.face.mu.Unlock()
			return i.busy == ""
		})
	}
	full := wal()
	r.age(26 * time.Hour)
	r.face.retireAll(time.Now())
	list, err := r.api.BackupRuns.List(project, "platform").Do()
	if err != nil {
		t.Fatal(err)
	}
	// Two days are reached back from the backup of 52 hours ago.
	if len(list.Items) != 3 {
		t.Fatalf("%d backups are left", len(list.Items))
	}
	if left := wal(); left >= full {
		t.Fatalf("%d WAL files of %d are left", left, full)
	}
	bases, err := filepath.Glob(filepath.Join(dir, "backups", "*.json"))
	if err != nil || len(bases) != 3 {
		t.Fatalf("base backups on disk: %v, %v", bases, err)
	}
	earliest, latest := r.window()
	if age := time.Since(earliest); age < 47*time.Hour || age > 49*time.Hour {
		t.Fatalf("the window begins %s ago", age)
	}
	for n, moment := range []time.Time{earliest, latest} {
		r.done(r.clone("clone-"+strconv.Itoa(n), moment))
	}
	// Longer retention brings nothing back.
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true, TransactionLogRetentionDays: 7,
			BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 7}}}}).Do())
	longer, _ := r.window()
	if longer.Before(time.Now().AddDate(0, 0, -4)) {
		t.Fatalf("the window begins at %s", longer)
	}
	r.done(r.clone("oldest", longer))

	// Without a base backup there is no window, and soon another one.
	for _, b := range list.Items {
		r.done(r.api.BackupRuns.Delete(project, "platform", b.Id).Do())
	}
	if earliest, latest := r.seen(); !earliest.IsZero() {
		t.Fatalf("a window without a backup: from %s to %s", earliest, latest)
	}
	_, err = r.clone("none", time.Now())
	refused(t, err, http.StatusBadRequest, "errorBackupNotFound")
	r.face.startDueBackups(time.Now())
	r.window()
}

// age makes each of platform's backups a step older than the one that follows it, and the archive older
// than all of them. The local cloud is not running meanwhile.
func (r *rig) age(step time.Duration) {
	r.t.Helper()
	r.close()
	dir := filepath.Join(r.dir, "instances", project, "platform")
	alter := func(path string, edit func(map[string]any)) {
		doc := map[string]any{}
		if err := gapi.Load(path, &doc); err != nil {
			r.t.Fatal(err)
		}
		edit(doc)
		if err := gapi.Save(path, doc); err != nil {
			r.t.Fatal(err)
		}
	}
	back := func(doc map[string]any, by time.Duration, fields ...string) {
		for _, field := range fields {
			at, err := time.Parse(time.RFC3339, doc[field].(string))
			if err != nil {
				r.t.Fatal(err)
			}
			doc[field] = at.Add(-by).UTC().Format(time.RFC3339Nano)
		}
	}
	age := time.Duration(0)
	alter(filepath.Join(dir, "instance.json"), func(doc map[string]any) {
		for _, b := range doc["backups"].([]any) { // newest first
			run := b.(map[string]any)
			back(run, age, "endTime", "startTime", "enqueuedTime")
			alter(filepath.Join(dir, "backups", run["id"].(string)+".json"), func(base map[string]any) { back(base, age, "start", "end") })
			age += step
		}
	})
	alter(filepath.Join(dir, "engine.json"), func(doc map[string]any) { back(doc, age, "archiveSince") })
	r.open()
}
