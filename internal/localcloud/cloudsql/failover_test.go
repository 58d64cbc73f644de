package cloudsql

import (
	"context"
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
// was acknowledged.
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
	for n := 1; ctx.Err() == nil; {
		c, err := pgx.Connect(ctx, conn)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // between two primaries
			continue
		}
		for ctx.Err() == nil {
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
