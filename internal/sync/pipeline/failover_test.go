package pipeline_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// A sync under way rides through what a failover does to the database's address. No process starts anew,
// and the rows are those of a sync that nothing disturbed.
func TestASyncRidesThroughAFailover(t *testing.T) {
	t.Parallel() // it waits, most of the time
	for name, c := range map[string]struct {
		// happen breaks the address and returns when the database is back
		happen func(t *testing.T, r *rig, p *pgtest.Proxy, standby *pgtest.Standby)
		copied bool // needs a standby
	}{
		"cut": {happen: func(_ *testing.T, _ *rig, p *pgtest.Proxy, _ *pgtest.Standby) {
			for range 3 {
				p.Cut()
				time.Sleep(300 * time.Millisecond)
			}
		}},
		"refused for 3 s": {happen: func(_ *testing.T, _ *rig, p *pgtest.Proxy, _ *pgtest.Standby) {
			p.Refuse()
			time.Sleep(3 * time.Second)
			p.Heal()
		}},
		"black hole of 10 s": {happen: func(_ *testing.T, _ *rig, p *pgtest.Proxy, _ *pgtest.Standby) {
			p.BlackHole()
			time.Sleep(10 * time.Second)
			p.Heal()
		}},
		"standby in recovery for 4 s": {copied: true, happen: func(_ *testing.T, r *rig, p *pgtest.Proxy, standby *pgtest.Standby) {
			p.Lead(standby.Database(r.db))
			time.Sleep(4 * time.Second)
			standby.Promote()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 60, few...)
			var standby *pgtest.Standby
			if c.copied {
				standby = pgtest.NewStandby(t)
			}
			direct := r.db
			proxy := pgtest.NewProxy(t, direct)
			r.db = proxy.Database()
			r.store = r.connect()
			var calls atomic.Int64
			reached, broken := make(chan struct{}), make(chan struct{})
			r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
				if calls.Add(1) == 30 {
					close(reached)
					<-broken // so that work is under way when it happens
				}
				api.ServeHTTP(w, q)
			}
			production := func(c *pipeline.Config) { c.Tick, c.Lease = time.Second, 10*time.Second }
			s, _ := r.instance(production)
			r.start(s)
			r.put(s, spec)
			select {
			case <-reached:
			case <-time.After(time.Minute):
				t.Fatalf("the sync makes no calls\n%s", r.logs)
			}
			before := calls.Load()
			close(broken)
			r.db = direct // where the standby's database has its name from
			c.happen(t, r, proxy, standby)
			back := time.Now()
			var asked time.Duration
			r.until("the control API answers", func() bool {
				_, err := s.List(t.Context())
				asked = time.Since(back)
				return err == nil
			})
			r.until("the sync goes on", func() bool { return calls.Load() > before+5 })
			on := time.Since(back)
			run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed)
			if run.State != runtimeapi.RunSucceeded || run.Error != "" {
				t.Fatalf("%+v\n%s", run, r.logs)
			}
			r.equal()
			if n := strings.Count(r.logs.String(), "tried again at every tick"); n > 4 {
				t.Errorf("the outage is logged %d times\n%s", n, r.logs)
			}
			t.Logf("answers %v after the database, syncs on after %v; %d leases", asked.Round(time.Millisecond), on.Round(time.Millisecond), strings.Count(r.logs.String(), "run starts"))
		})
	}
}

// A session's lock must not outlive a client that vanished: the one writer of a Coda table would be none.
// The server finds out by itself, within seconds.
func TestAVanishedClientsLocksAreFreed(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	proxy := pgtest.NewProxy(t, r.db)
	direct := r.store
	r.db = proxy.Database()
	locks := map[int]string{4711: "idle", 4712: "in a transaction"}
	for lock, state := range locks {
		conn, err := r.connect().Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		if state != "idle" {
			_, err = conn.Exec(t.Context(), `begin`)
		}
		if err == nil {
			_, err = conn.Exec(t.Context(), `select pg_advisory_lock($1)`, lock)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	proxy.BlackHole()
	defer proxy.Heal()
	began := time.Now()
	for lock, state := range locks {
		r.until("the lock of a client that was "+state+" is free", func() bool {
			tx, err := direct.Pool().Begin(t.Context())
			if err != nil {
				return false
			}
			defer func() { _ = tx.Rollback(t.Context()) }()
			var free bool
			return tx.QueryRow(t.Context(), `select pg_try_advisory_xact_lock($1)`, lock).Scan(&free) == nil && free
		})
		t.Logf("%s: free after %v at most", state, time.Since(began).Round(time.Millisecond))
	}
}

// When every connection is at work a caller is told so, soon, and what to do.
func TestABusyPoolSaysSo(t *testing.T) {
	r := newRig(t, 1)
	r.conns = 2
	s, held := r.instance()
	for range 2 {
		conn, err := held.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
	var calls sync.WaitGroup
	for name, call := range map[string]func() error{
		"list":   func() error { _, err := s.List(t.Context()); return err },
		"get":    func() error { _, err := s.Get(t.Context(), "billing"); return err },
		"put":    func() error { _, err := s.Put(t.Context(), "billing", spec); return err },
		"delete": func() error { return s.Delete(t.Context(), "billing") },
	} {
		calls.Go(func() {
			err := call()
			e, ok := err.(*runtimeapi.Error)
			if !ok || e.Code != runtimeapi.CodeUnavailable || !strings.Contains(e.Message, "all 2 database connections of this instance are at work") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	calls.Wait()
}
