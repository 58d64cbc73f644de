package cloudsql

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

// The local cloud may be stopped at any moment of a failover: the next start has one primary, with
// everything, and a standby.
func TestFailoverInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), makeCommits)
	l := r.load(conn, 2)
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond} {
		l.goesOn(r)
		op, err := r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
			FailoverContext: &sqladmin.FailoverContext{SettingsVersion: r.get("platform").Settings.SettingsVersion}}).Do()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		r.close()
		r.open()
		if op, err = r.api.Operations.Get(project, op.Name).Do(); err != nil || op.Status != statusDone {
			t.Fatalf("the operation that was cut off: %+v, %v", op, err)
		}
		r.inStep("platform")
		l.goesOn(r)
		l.lost(r, "platform")
	}
}

// A primary whose files are gone does not keep the instance down: its standby has everything.
func TestPrimaryDoesNotStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	r.exec(c, makeCommits)
	r.exec(c, "INSERT INTO commits VALUES (1, 1)")
	before := r.instance("platform").cluster.Primary()
	control := filepath.Join(r.instance("platform").dir, "node-"+before, "global", "pg_control")
	r.close()
	if err := os.Remove(control); err != nil {
		t.Fatal(err)
	}
	r.open()
	if r.answer("platform", conn, "SELECT count(*)::text FROM commits") != "1" {
		t.Error("the commit is lost")
	}
	if now := r.get("platform"); now.GceZone != d.SecondaryGceZone || now.State != stateRunnable {
		t.Errorf("after the loss of the primary's files: %+v", now)
	}
	r.inStep("platform")
}

// A change of roles that a crash cuts off is completed once the primary has stepped down, and forgotten before.
func TestSwitchoverInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	here := r.advanced()
	there := r.at(here, "dr")
	crash := func() { r.http.Close(); r.face.abandon(); r.open() }
	begin := func() (i, m *instance) {
		i, m = r.instance("dr"), r.instance("platform")
		r.face.mu.Lock()
		defer r.face.mu.Unlock()
		i.Succeeds = m.key()
		if err := i.save(); err != nil {
			t.Fatal(err)
		}
		return i, m
	}
	begin()
	crash()
	r.exec(r.dial(here), "INSERT INTO commits VALUES (1, 1)")
	if i := r.instance("dr"); i.Succeeds != "" || !i.isReplica() {
		t.Errorf("a switchover that had not begun: %+v", i.record)
	}

	i, m := begin()
	if err := m.cluster.StepDown(t.Context(), func(ctx context.Context, lsn string) error { return i.cluster.Reach(ctx, lsn) }); err != nil {
		t.Fatal(err)
	}
	crash()
	r.exec(r.dial(there), "INSERT INTO commits VALUES (1, 2)")
	old, dr := r.get("platform"), r.get("dr")
	if old.MasterInstanceName != project+":dr" || dr.MasterInstanceName != "" || r.instance("dr").Succeeds != "" {
		t.Errorf("after the crash: %+v and %+v", old, dr)
	}
	r.eventually("the commits to reach platform", func() bool {
		return r.answer("platform", here, "SELECT count(*)::text FROM commits") == "2"
	})

	// And a promotion that nobody took note of.
	if err := r.instance("platform").cluster.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	crash()
	r.exec(r.dial(here), "INSERT INTO commits VALUES (2, 1)")
	if d := r.get("platform"); d.MasterInstanceName != "" || d.InstanceType != typeInstance {
		t.Errorf("after the promotion: %+v", d)
	}
}
