package cloudsql

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"
)

// clone asks for a clone of platform; a zero moment is now.
func (r *rig) clone(name string, moment time.Time) (*sqladmin.Operation, error) {
	want := &sqladmin.CloneContext{DestinationInstanceName: name}
	if !moment.IsZero() {
		want.PointInTime = moment.UTC().Format(time.RFC3339Nano)
	}
	return r.api.Instances.Clone(project, "platform", &sqladmin.InstancesCloneRequest{CloneContext: want}).Do()
}

// window waits until platform's archive has all that is committed, and answers the recovery window.
func (r *rig) window() (earliest, latest time.Time) {
	r.t.Helper()
	began := time.Now()
	r.eventually("the archive to catch up", func() bool {
		earliest, latest = r.seen()
		return !latest.Before(began.Truncate(time.Millisecond))
	})
	return earliest, latest
}

// seen answers platform's recovery window as it is; zero while there is none.
func (r *rig) seen() (earliest, latest time.Time) {
	r.t.Helper()
	w, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, "platform").Do()
	if err != nil {
		r.t.Fatal(err)
	}
	if w.LatestRecoveryTime == "" {
		return earliest, latest
	}
	for text, target := range map[string]*time.Time{w.EarliestRecoveryTime: &earliest, w.LatestRecoveryTime: &latest} {
		if *target, err = time.Parse(time.RFC3339, text); err != nil {
			r.t.Fatal(err)
		}
	}
	return earliest, latest
}

// commits answers the highest number in an instance's table of commits, and how many there are.
func (r *rig) commits(conn string) (highest, count int) {
	r.t.Helper()
	c := r.dial(conn)
	if err := c.QueryRow(r.t.Context(), "SELECT coalesce(max(n), 0), count(*) FROM commits").Scan(&highest, &count); err != nil {
		r.t.Fatal(err)
	}
	if err := c.Close(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return highest, count
}

func connTo(d *sqladmin.DatabaseInstance) string {
	return "host=" + d.IpAddresses[0].IpAddress + " user=august-sync password=synthetic-password-1 dbname=postgres connect_timeout=5"
}

// Random commits and random moments between them, across failovers, crashes and restarts of a source
// that goes on: each clone holds exactly the commits at or before its moment.
func TestCloneToAnyMoment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	type moment struct {
		at      time.Time
		commits int
	}
	var moments []moment
	n := 0
	commit := func() {
		n++
		r.exec(c, "INSERT INTO commits VALUES ($1)", n)
	}
	mark := func() {
		m := moment{commits: n}
		if err := c.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&m.at); err != nil {
			t.Fatal(err)
		}
		moments = append(moments, m)
	}
	events := []func(){
		func() {},
		func() {
			r.done(r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
				FailoverContext: &sqladmin.FailoverContext{SettingsVersion: r.get("platform").Settings.SettingsVersion}}).Do())
		},
		func() { r.done(r.api.BackupRuns.Insert(project, "platform", &sqladmin.BackupRun{}).Do()) },
		func() {
			r.done(r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
				FailoverContext: &sqladmin.FailoverContext{SettingsVersion: r.get("platform").Settings.SettingsVersion}}).Do())
		},
		func() { r.done(r.api.Instances.Restart(project, "platform").Do()) },
	}
	for _, event := range events {
		event()
		c = r.dial(conn)
		for range 8 {
			for range random.IntN(4) {
				commit()
			}
			if random.IntN(3) == 0 {
				if _, err := c.Exec(t.Context(), "BEGIN; INSERT INTO commits VALUES (-1); ROLLBACK"); err != nil {
					t.Fatal(err)
				}
			}
			mark()
		}
		if random.IntN(2) == 0 {
			r.admin("SELECT pg_switch_wal()::text")
		}
	}
	commit()
	earliest, latest := r.window()
	moments = append(moments, moment{at: latest, commits: n}, moment{at: earliest, commits: 0})
	picked := append(moments[len(moments)-2:], moments[0]) // the last from before all failovers
	picked = append(picked, moments[random.IntN(len(moments)-2)])
	for k, m := range picked {
		name := "clone-" + strconv.Itoa(k)
		began := time.Now()
		r.done(r.clone(name, m.at))
		t.Logf("%s at %s with %d commits: %s", name, m.at.Format(time.RFC3339Nano), m.commits, time.Since(began))
		made := r.get(name)
		if k == 1 { // before the table and its owner were made
			if users, err := r.api.Users.List(project, name).Do(); err != nil || len(users.Items) != 1 {
				t.Fatalf("users at the beginning of the window: %+v, %v", users, err)
			}
		} else if highest, count := r.commits(connTo(made)); highest != m.commits || count != m.commits {
			t.Fatalf("%s at %s has %d commits, the last is %d, want %d", name, m.at.Format(time.RFC3339Nano), count, highest, m.commits)
		}
		if k == 2 {
			r.outlives(made, m.commits)
		}
		r.done(r.api.Instances.Delete(project, name).Do())
	}
	if highest, _ := r.commits(conn); highest != n {
		t.Fatalf("the source has %d commits, want %d", highest, n)
	}
}

// reaches waits until an instance's archive has all that is committed, and answers the end of its window.
func (r *rig) reaches(instance string) (latest string) {
	r.t.Helper()
	began := stamp(time.Now())
	r.eventually("the archive to catch up", func() bool {
		w, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, instance).Do()
		if err != nil {
			r.t.Fatal(err)
		}
		latest = w.LatestRecoveryTime
		return latest >= began
	})
	return latest
}

// outlives has a clone go through what its source went through: commits, a failover, a clone.
func (r *rig) outlives(made *sqladmin.DatabaseInstance, commits int) {
	r.t.Helper()
	r.exec(r.dial(connTo(made)), "INSERT INTO commits VALUES (1000)")
	r.done(r.api.Instances.Failover(project, made.Name, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: made.Settings.SettingsVersion}}).Do())
	r.exec(r.dial(connTo(made)), "INSERT INTO commits VALUES (1001)")
	r.done(r.api.Instances.Clone(project, made.Name, &sqladmin.InstancesCloneRequest{CloneContext: &sqladmin.CloneContext{
		DestinationInstanceName: "second", PointInTime: r.reaches(made.Name)}}).Do())
	if highest, count := r.commits(connTo(r.get("second"))); highest != 1001 || count != commits+2 {
		r.t.Fatalf("a clone of the clone has %d commits, the last is %d; want %d and 1001", count, highest, commits+2)
	}
	r.done(r.api.Instances.Delete(project, "second").Do())
}

// Several clients commit while the primary dies and comes back. Whatever a client knew to be committed
// before the moment is in the clone, and nothing that was still to be committed then.
func TestCloneUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	type commit struct {
		n             int
		before, after time.Time // by the primary's clock; after is zero when the client does not know
	}
	var mu sync.Mutex
	var commits []commit
	var moments []time.Time
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			var c *pgx.Conn
			for n := w * 1_000_000; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if c == nil || c.IsClosed() {
					var err error
					if c, err = pgx.Connect(t.Context(), conn); err != nil {
						time.Sleep(5 * time.Millisecond) // until the primary is back
						continue
					}
				}
				x := commit{n: n}
				err := c.QueryRow(t.Context(), "INSERT INTO commits VALUES ($1) RETURNING clock_timestamp()", n).Scan(&x.before)
				if err == nil {
					err = c.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&x.after)
				}
				mu.Lock()
				if !x.before.IsZero() {
					commits = append(commits, x)
				}
				if len(commits)%50 == 0 && err == nil {
					moments = append(moments, x.after.Add(time.Duration(len(commits)%7)*100*time.Microsecond))
				}
				mu.Unlock()
			}
		})
	}
	enough := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(commits) > n && len(moments) > n/100 }
	}
	r.eventually("commits", enough(400))
	r.instance("platform").cluster.KillPrimary()
	mu.Lock()
	have := len(commits)
	mu.Unlock()
	r.eventually("commits after the crash", enough(have+400))
	close(stop)
	writers.Wait()
	_, latest := r.window()
	moments = append(moments, latest)
	for k := range 3 {
		moment := moments[len(moments)-1-k*(len(moments)-1)/2]
		name := "clone-" + strconv.Itoa(k)
		r.done(r.clone(name, moment))
		c := r.dial(connTo(r.get(name)))
		rows, err := c.Query(t.Context(), "SELECT n FROM commits")
		if err != nil {
			t.Fatal(err)
		}
		numbers, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			t.Fatal(err)
		}
		there := map[int]bool{}
		for _, n := range numbers {
			there[n] = true
		}
		lost, early := 0, 0
		for _, x := range commits {
			if !x.after.IsZero() && !x.after.After(moment) && !there[x.n] {
				lost++
			}
			if x.before.After(moment) && there[x.n] {
				early++
			}
		}
		t.Logf("%s: %d of %d commits", moment.Format(time.RFC3339Nano), len(numbers), len(commits))
		if lost > 0 || early > 0 || len(there) != len(numbers) {
			t.Fatalf("at %s %d commits are lost and %d too many", moment.Format(time.RFC3339Nano), lost, early)
		}
	}
}

// When the primary no longer has what the archive lacks, the archive begins anew, and the window does
// not reach back over the gap.
func TestArchiveWithAGap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	for n := range 12 {
		r.exec(c, "INSERT INTO commits VALUES ($1)", n+1)
		r.admin("SELECT pg_switch_wal()::text")
	}
	r.window() // all is archived: the primary need not keep it
	for range 2 {
		if err := r.instance("platform").sql(t.Context(), "postgres", "CHECKPOINT"); err != nil {
			t.Fatal(err)
		}
	}
	r.close()
	files, err := filepath.Glob(filepath.Join(r.dir, "instances", project, "platform", "wal-*", "0000*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("archived WAL: %v, %v", files, err)
	}
	for _, f := range files[2:] {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	lost := time.Now()
	r.open()
	r.eventually("the archive to begin anew", func() bool {
		r.face.startDueBackups(time.Now())
		earliest, _ := r.seen()
		return earliest.After(lost)
	})
	r.eventually("the backup to end", func() bool {
		r.face.mu.Lock()
		defer r.face.mu.Unlock()
		return r.face.instances[project+"/platform"].busy == ""
	})
	_, latest := r.window()
	r.done(r.clone("copy", latest))
	if highest, _ := r.commits(connTo(r.get("copy"))); highest != 12 {
		t.Fatalf("the clone ends at commit %d", highest)
	}
}

func TestCloneRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(small("platform"))
	_, err := r.clone("copy", time.Now())
	refused(t, err, http.StatusBadRequest, "invalid") // without an archive
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}}}).Do())
	earliest, _ := r.window()
	ask := func(spoil func(*sqladmin.CloneContext)) error {
		want := &sqladmin.CloneContext{DestinationInstanceName: "copy"}
		spoil(want)
		_, err := r.api.Instances.Clone(project, "platform", &sqladmin.InstancesCloneRequest{CloneContext: want}).Do()
		return err
	}
	for name, x := range map[string]struct {
		spoil  func(*sqladmin.CloneContext)
		code   int
		reason string
	}{
		"no name":    {func(w *sqladmin.CloneContext) { w.DestinationInstanceName = "" }, http.StatusBadRequest, "required"},
		"bad name":   {func(w *sqladmin.CloneContext) { w.DestinationInstanceName = "Not_A_Name" }, http.StatusBadRequest, "invalid"},
		"taken name": {func(w *sqladmin.CloneContext) { w.DestinationInstanceName = "platform" }, http.StatusConflict, "instanceAlreadyExists"},
		"bad moment": {func(w *sqladmin.CloneContext) { w.PointInTime = "yesterday" }, http.StatusBadRequest, "invalid"},
		"too early":  {func(w *sqladmin.CloneContext) { w.PointInTime = stamp(earliest.Add(-time.Millisecond)) }, http.StatusBadRequest, "errorBackupNotFound"},
		"in future":  {func(w *sqladmin.CloneContext) { w.PointInTime = stamp(time.Now().Add(time.Minute)) }, http.StatusBadRequest, "invalid"},
		"zone":       {func(w *sqladmin.CloneContext) { w.PreferredZone = "mars-north1-a" }, http.StatusBadRequest, "invalid"},
		"MySQL":      {func(w *sqladmin.CloneContext) { w.BinLogCoordinates = &sqladmin.BinLogCoordinates{} }, http.StatusBadRequest, "invalid"},
		"SQL Server": {func(w *sqladmin.CloneContext) { w.DatabaseNames = []string{"august"} }, http.StatusBadRequest, "invalid"},
		"same zones": {func(w *sqladmin.CloneContext) { w.PreferredZone, w.PreferredSecondaryZone = region+"-a", region+"-a" }, http.StatusBadRequest, "invalid"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, ask(x.spoil), x.code, x.reason) })
	}
	_, err = r.api.Instances.Clone(project, "platform", &sqladmin.InstancesCloneRequest{}).Do()
	refused(t, err, http.StatusBadRequest, "required")
	_, err = r.api.Instances.Clone(project, "nothing", &sqladmin.InstancesCloneRequest{CloneContext: &sqladmin.CloneContext{DestinationInstanceName: "copy"}}).Do()
	refused(t, err, http.StatusNotFound, "instanceDoesNotExist")
	if list, err := r.api.Instances.List(project).Do(); err != nil || len(list.Items) != 1 {
		t.Fatalf("a refused clone is there: %v, %v", list, err)
	}
}

// A clone is an instance of its own: what was the source's alone is not passed on, the rest is, and it
// can be recovered and cloned like any other.
func TestCloneIsItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d.Settings.DeletionProtectionEnabled = true
	d.Settings.UserLabels = map[string]string{"team": "platform"}
	d.Settings.MaintenanceWindow = &sqladmin.MaintenanceWindow{Day: 7, Hour: 8}
	d.Settings.DatabaseFlags = []*sqladmin.DatabaseFlags{{Name: "log_lock_waits", Value: "on"}}
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.user(d, "leaver", "synthetic-password-2")
	r.done(r.api.Users.Insert(project, "platform", &sqladmin.User{Name: "operator@example.test", Type: userIAM}).Do())
	r.done(r.api.Databases.Insert(project, "platform", &sqladmin.Database{Name: "august", Collation: "C"}).Do())
	c := r.dial(conn)
	r.exec(c, "CREATE TABLE commits (n int)")
	r.exec(c, "INSERT INTO commits VALUES (1)")
	// More connections than at the backup and than now: recovery must have them, the clone must not.
	connections := func(n string) {
		r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
			DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "log_lock_waits", Value: "on"}, {Name: "max_connections", Value: n}}}}).Do())
	}
	connections("1200")
	c = r.dial(conn)
	r.exec(c, "INSERT INTO commits VALUES (2)")
	connections("50")
	_, moment := r.window()
	r.done(r.api.Users.Delete(project, "platform").Name("leaver").Do())
	r.user(d, "newcomer", "synthetic-password-3")

	op := r.done(r.clone("copy", moment))
	if op.OperationType != "CLONE" || op.TargetId != "copy" {
		t.Errorf("the operation: %+v", op)
	}
	made := r.get("copy")
	s := made.Settings
	if s.DeletionProtectionEnabled || s.SettingsVersion != 1 || s.UserLabels["team"] != "platform" || s.MaintenanceWindow.Day != 7 ||
		s.Tier != d.Settings.Tier || len(s.DatabaseFlags) != 2 || made.GceZone != d.GceZone {
		t.Errorf("the clone: %+v", s)
	}
	if made.IpAddresses[0].IpAddress == d.IpAddresses[0].IpAddress || made.ServerCaCert.Cert == d.ServerCaCert.Cert || made.ConnectionName == d.ConnectionName {
		t.Errorf("the clone shares the source's identity: %+v", made)
	}
	r.dial(connTo(made) + " sslmode=verify-full sslrootcert=" + r.file("ca.pem", made.ServerCaCert.Cert))
	users, err := r.api.Users.List(project, "copy").Do()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, u := range users.Items {
		kinds[u.Name] = u.Type
	}
	want := map[string]string{"postgres": userBuiltIn, "august-sync": userBuiltIn, "leaver": userBuiltIn, "operator@example.test": userIAM}
	if !maps.Equal(kinds, want) {
		t.Errorf("the clone's users: %v, want %v", kinds, want)
	}
	if db, err := r.api.Databases.Get(project, "copy", "august").Do(); err != nil || db.Collation != "C" {
		t.Errorf("the clone's database: %+v, %v", db, err)
	}
	if b, err := r.api.BackupRuns.List(project, "copy").Do(); err != nil || len(b.Items) != 1 {
		t.Errorf("the clone's backups: %+v, %v", b, err)
	}
	c = r.dial(connTo(made))
	var limit, timeline string
	if err := c.QueryRow(t.Context(), "SELECT current_setting('max_connections'), timeline_id::text FROM pg_control_checkpoint()").Scan(&limit, &timeline); err != nil {
		t.Fatal(err)
	}
	if limit != "50" || timeline == "1" {
		t.Errorf("the clone has %s connections on timeline %s", limit, timeline)
	}
	r.exec(c, "INSERT INTO commits VALUES (3)")

	// A clone of the clone, of now and of a moment, both at once.
	again := func(name string, moment string) (*sqladmin.Operation, error) {
		return r.api.Instances.Clone(project, "copy", &sqladmin.InstancesCloneRequest{CloneContext: &sqladmin.CloneContext{
			DestinationInstanceName: name, PointInTime: moment}}).Do()
	}
	w := r.reaches("copy")
	first, err := again("copy-now", "")
	r.done(again("copy-then", w))
	r.done(first, err)
	for _, name := range []string{"copy-now", "copy-then"} {
		if highest, count := r.commits(connTo(r.get(name))); highest != 3 || count != 3 {
			t.Errorf("%s has %d commits, the last is %d", name, count, highest)
		}
	}
	if highest, _ := r.commits(conn); highest != 2 {
		t.Errorf("the source ends at commit %d", highest)
	}
	r.noSecrets("synthetic")
}

// A clone that fails is FAILED, says why, and can be deleted.
func TestFailedClone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d.Settings.DeletionProtectionEnabled = true
	r.create(d)
	_, latest := r.window()
	damaged, err := filepath.Glob(filepath.Join(r.dir, "instances", project, "platform", "backups", "*", "global", "pg_control"))
	if err != nil || len(damaged) != 1 {
		t.Fatalf("base backups: %v, %v", damaged, err)
	}
	if err := os.Truncate(damaged[0], 100); err != nil {
		t.Fatal(err)
	}
	op, problem := r.wait(r.clone("copy", latest))
	if problem == "" || op.OperationType != "CLONE" {
		t.Fatalf("a clone of a damaged backup: %+v", op)
	}
	t.Log(problem)
	if state := r.get("copy").State; state != stateFailed {
		t.Fatalf("the clone is %s", state)
	}
	_, err = r.clone("copy", latest)
	refused(t, err, http.StatusConflict, "instanceAlreadyExists")
	_, err = r.api.Instances.Clone(project, "copy", &sqladmin.InstancesCloneRequest{CloneContext: &sqladmin.CloneContext{DestinationInstanceName: "another"}}).Do()
	refused(t, err, http.StatusConflict, "invalidState")
	r.done(r.api.Instances.Delete(project, "copy").Do())

	// So is one that the end of the local cloud cut off.
	op, err = r.clone("copy", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	r.open()
	op, err = r.api.Operations.Get(project, op.Name).Do()
	if state := r.get("copy").State; err != nil || op.Error == nil || state != stateFailed {
		t.Fatalf("cut off, the clone is %s and its operation %+v, %v", state, op, err)
	}
	r.done(r.api.Instances.Delete(project, "copy").Do())
	r.done(r.clone("copy", time.Time{})) // of now it needs no backup
	if state := r.get("platform").State; state != stateRunnable {
		t.Fatalf("the source is %s", state)
	}
}
