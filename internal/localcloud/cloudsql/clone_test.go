package cloudsql

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

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

// window answers platform's recovery window.
func (r *rig) window() (earliest, latest time.Time) {
	r.t.Helper()
	w, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, "platform").Do()
	if err != nil {
		r.t.Fatal(err)
	}
	for text, target := range map[string]*time.Time{w.EarliestRecoveryTime: &earliest, w.LatestRecoveryTime: &latest} {
		if *target, err = time.Parse(time.RFC3339, text); err != nil {
			r.t.Fatal(err)
		}
	}
	return earliest, latest
}

// highest answers the highest number in an instance's table of commits, and how many there are.
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
	picked := moments[len(moments)-2:]
	for range 4 {
		picked = append(picked, moments[random.IntN(len(moments)-2)])
	}
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
		r.done(r.api.Instances.Delete(project, name).Do())
	}
	if highest, _ := r.commits(conn); highest != n {
		t.Fatalf("the source has %d commits, want %d", highest, n)
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
