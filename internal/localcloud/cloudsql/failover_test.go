package cloudsql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"
)

// load is clients that write through an instance's address, each a series of numbers, and remember what
// was acknowledged. They pause between two writes: without, they would take the machine from what they wait for.
type load struct {
	stop   context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	acked  []int // by client
	latest time.Time
	gap    time.Duration // the longest between two acknowledgements
}

func (r *rig) load(conn string, clients int) *load {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel, acked: make([]int, clients)}
	r.t.Cleanup(l.end)
	for client := range clients {
		l.wg.Go(func() { l.write(ctx, conn, client) })
	}
	return l
}

func (l *load) write(ctx context.Context, conn string, client int) {
	const pause = 5 * time.Millisecond
	for n := 1; ctx.Err() == nil; {
		c, err := pgx.Connect(ctx, conn)
		if err != nil {
			time.Sleep(pause) // between two primaries
			continue
		}
		for ; ctx.Err() == nil; time.Sleep(pause) {
			// A row whose fate is unknown is written again.
			if _, err := c.Exec(ctx, "INSERT INTO commits VALUES ($1, $2) ON CONFLICT DO NOTHING", client, n); err != nil {
				break
			}
			l.mu.Lock()
			now := time.Now()
			if !l.latest.IsZero() {
				l.gap = max(l.gap, now.Sub(l.latest))
			}
			l.acked[client], l.latest = n, now
			l.mu.Unlock()
			n++
		}
		_ = c.Close(context.Background())
	}
}

func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// goesOn waits until something is acknowledged that was begun after now.
func (l *load) goesOn(r *rig) {
	r.t.Helper()
	l.mu.Lock()
	from := slices.Clone(l.acked)
	l.mu.Unlock()
	r.eventually("writes to go on", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for client, n := range l.acked {
			if n > from[client]+1 {
				return true
			}
		}
		return false
	})
}

// longest answers the longest time without an acknowledgement since it was asked last.
func (l *load) longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	gap := l.gap
	l.gap = 0
	return gap
}

// lost compares what was acknowledged with what is there.
func (l *load) lost(r *rig, name string) {
	r.t.Helper()
	i := r.instance(name)
	c, err := i.cluster.Connect(context.Background(), "postgres")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	for client, acked := range l.acked {
		var n int
		if err := c.QueryRow(context.Background(), "SELECT count(*) FROM commits WHERE client = $1 AND n <= $2", client, acked).Scan(&n); err != nil {
			r.t.Fatal(err)
		}
		if n != acked {
			r.t.Fatalf("client %d: %d rows were acknowledged, %d are there", client, acked, n)
		}
	}
}

func (r *rig) instance(name string) *instance {
	r.face.mu.Lock()
	defer r.face.mu.Unlock()
	return r.face.instances[project+"/"+name]
}

// pid finds the postmaster of a node, a or b.
func (r *rig) pid(name, node string) int {
	r.t.Helper()
	var pid int
	r.eventually("the postmaster of node "+node, func() bool {
		body, err := os.ReadFile(filepath.Join(r.instance(name).dir, "node-"+node, "postmaster.pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.SplitN(string(body), "\n", 2)[0])
		return err == nil && pid > 1
	})
	return pid
}

// shoot ends one process of the operating system the hard way.
func (r *rig) shoot(pid int) {
	r.t.Helper()
	if pid <= 1 {
		r.t.Fatalf("%d is no process to end: it would be all of the test's", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
}

// replaced ends a node's postmaster the hard way and waits for another.
func (r *rig) replaced(name, node string) {
	r.t.Helper()
	pid := r.pid(name, node)
	r.shoot(pid)
	r.eventually("another postmaster", func() bool { return r.pid(name, node) != pid })
}

// blocked keeps a node that is to die from starting again while the other one lives, or until it is released:
// its socket seems to be the other one's.
func (r *rig) blocked(name, node string) (release func()) {
	r.t.Helper()
	i := r.instance(name)
	port := i.Nodes[map[string]int{"a": 0, "b": 1}[node]]
	lock := filepath.Join(i.cluster.Feed("").Sockets, fmt.Sprintf(".s.PGSQL.%d.lock", port))
	if err := os.WriteFile(lock, fmt.Appendln(nil, r.pid(name, otherNode(node))), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(lock); err != nil {
			r.t.Fatal(err)
		}
	}
}

// stopped keeps a server from doing anything while do runs.
func (r *rig) stopped(postmaster int, do func()) {
	r.t.Helper()
	pids := []int{postmaster}
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range strings.Fields(string(body)) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	signal := func(sig syscall.Signal) {
		for _, pid := range pids {
			_ = syscall.Kill(pid, sig) // gone already: so be it
		}
	}
	defer signal(syscall.SIGCONT)
	signal(syscall.SIGSTOP)
	do()
}

// inStep waits until an instance's standby is synchronous.
func (r *rig) inStep(name string) {
	r.t.Helper()
	i := r.instance(name)
	r.eventually("a synchronous standby", func() bool {
		c, err := i.cluster.Connect(r.ctx(), "postgres")
		if err != nil {
			return false
		}
		defer func() { _ = c.Close(r.ctx()) }()
		var state string
		err = c.QueryRow(r.ctx(), "SELECT coalesce(max(sync_state), '') FROM pg_stat_replication WHERE application_name = 'august_standby'").Scan(&state)
		return err == nil && state == "sync" && i.cluster.InStep()
	})
}

func (r *rig) ctx() context.Context { return context.Background() }

func (r *rig) failover(name string) *sqladmin.Operation {
	r.t.Helper()
	version := r.get(name).Settings.SettingsVersion
	return r.done(r.api.Instances.Failover(project, name, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: version}}).Do())
}

const makeCommits = "CREATE TABLE commits (client int, n int, PRIMARY KEY (client, n))"

// failovers runs rounds of manual failovers, deaths of the primary and deaths of the standby under load, and
// answers how long writes were interrupted when the primary was lost, shortest first.
func (r *rig) failovers(rounds int) (rto []time.Duration) {
	r.t.Helper()
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), makeCommits)
	l := r.load(conn, 4)
	for round := range rounds {
		l.goesOn(r)
		l.longest()
		i := r.instance("platform")
		before := i.cluster.Primary()
		if round%4 == 3 {
			r.replaced("platform", otherNode(before))
		} else {
			if round%4 == 1 {
				r.shoot(r.pid("platform", before))
			} else {
				r.failover("platform")
			}
			r.eventually("the standby to take over", func() bool { return i.cluster.Primary() != before })
		}
		l.goesOn(r)
		if i.cluster.Primary() != before {
			rto = append(rto, l.longest())
		}
		r.inStep("platform")
		l.lost(r, "platform")
	}
	l.end()
	l.lost(r, "platform")
	slices.Sort(rto)
	return rto
}

// No row that was acknowledged gets lost, however often the primary or the standby does.
func TestFailoversUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rto := r.failovers(4)
	t.Logf("writes were interrupted for %s to %s, median %s", rto[0], rto[len(rto)-1], rto[len(rto)/2])
}

// Whatever dies under load, nothing that was acknowledged is lost, and everything is as before.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), makeCommits)
	l := r.load(conn, 4)
	primary := func() string { return r.instance("platform").cluster.Primary() }
	for _, c := range []struct {
		victim    string
		kill      func()
		takesOver bool
	}{
		{"the primary's postmaster", func() { r.shoot(r.pid("platform", primary())) }, true},
		{"the standby's postmaster", func() { r.replaced("platform", otherNode(primary())) }, false},
		{"both", func() {
			a, b := r.pid("platform", "a"), r.pid("platform", "b")
			r.shoot(r.pid("platform", otherNode(primary())))
			r.shoot(r.pid("platform", primary()))
			r.eventually("other postmasters", func() bool { return r.pid("platform", "a") != a && r.pid("platform", "b") != b })
		}, false},
		{"the archive's receiver", func() {
			var pid int
			r.eventually("a receiver", func() bool { pid = r.receiver("platform"); return pid != 0 })
			r.shoot(pid)
			r.eventually("another receiver", func() bool { now := r.receiver("platform"); return now != 0 && now != pid })
		}, false},
		{"the supervisor", func() { r.http.Close(); r.face.abandon(); r.open() }, false},
	} {
		l.goesOn(r)
		before, operations := primary(), r.failoverOperations()
		c.kill()
		if c.takesOver {
			r.eventually("the standby to take over after the death of "+c.victim, func() bool { return primary() != before })
		} else if primary() != before && c.victim != "both" {
			t.Errorf("after the death of %s the standby took over", c.victim)
		}
		l.goesOn(r)
		r.inStep("platform")
		l.lost(r, "platform")
		if c.takesOver {
			r.eventually("the failover to be listed as done", func() bool { return r.failoverOperations() == operations+1 })
		}
		now := time.Now()
		r.eventually("the recovery window to go on after the death of "+c.victim, func() bool {
			w, err := r.api.Projects.Instances.GetLatestRecoveryTime(project, "platform").Do()
			if err != nil {
				t.Fatal(err)
			}
			latest, err := time.Parse(time.RFC3339, w.LatestRecoveryTime)
			return err == nil && latest.After(now)
		})
	}
	l.end()
	l.lost(r, "platform")
}

// failoverOperations counts the failovers that ended well.
func (r *rig) failoverOperations() (n int) {
	r.t.Helper()
	ops, err := r.api.Operations.List(project).Instance("platform").Do()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, op := range ops.Items {
		if op.OperationType == "FAILOVER" && op.Status == statusDone && op.Error == nil {
			n++
		}
	}
	return n
}

// receiver finds an instance's pg_receivewal, 0 when there is none.
func (r *rig) receiver(name string) int {
	r.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		r.t.Fatal(err)
	}
	want := "--directory=" + filepath.Join(r.instance(name).dir, "wal")
	for _, file := range dirs {
		if body, err := os.ReadFile(file); err == nil && strings.Contains(string(body), want) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				r.t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// A standby that was lost, after which the primary took commits alone, is not what a dead primary fails over to.
func TestStaleStandbyDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), makeCommits)
	cluster := r.instance("platform").cluster
	before := cluster.Primary()
	standby := otherNode(before)
	_ = r.blocked("platform", standby) // until the primary dies
	r.shoot(r.pid("platform", standby))
	c := r.dial(conn)
	r.eventually("commits without the standby", func() bool {
		if cluster.InStep() { // what receives for the standby outlives its server for a moment, and takes commits
			return false
		}
		_, err := c.Exec(t.Context(), "INSERT INTO commits VALUES (1, 1) ON CONFLICT DO NOTHING")
		if err != nil {
			c = r.dial(conn)
		}
		return err == nil
	})
	_, problem := r.wait(r.api.Instances.Failover(project, "platform", &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: r.get("platform").Settings.SettingsVersion}}).Do())
	if !strings.Contains(problem, "not in step") {
		t.Errorf("a failover to a lost standby: %q", problem)
	}
	pid := r.pid("platform", before)
	r.shoot(pid)
	r.eventually("the primary to be recovered", func() bool { return r.pid("platform", before) != pid })
	if cluster.Primary() != before {
		t.Fatal("a standby took over that was not in step")
	}
	var n int
	if err := r.dial(conn).QueryRow(t.Context(), "SELECT count(*) FROM commits").Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d commits, %v", n, err)
	}
	r.inStep("platform")
}

// BenchmarkFailover measures how long a failover interrupts writes.
func BenchmarkFailover(b *testing.B) {
	for range b.N {
		r := newRig(b)
		rto := r.failovers(20)
		b.Logf("writes were interrupted for %s to %s, median %s", rto[0], rto[len(rto)-1], rto[len(rto)/2])
		b.ReportMetric(float64(rto[len(rto)/2].Milliseconds()), "rto-ms-p50")
		b.ReportMetric(float64(rto[len(rto)-1].Milliseconds()), "rto-ms-max")
	}
}
