package pipeline_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// pageReads counts how often each page of each list was asked for.
func (r *rig) pageReads() func() (distinct, all int) {
	var mu sync.Mutex
	count := map[string]int{}
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if v := q.URL.Query(); strings.HasPrefix(q.URL.Path, "/api/") && !v.Has("uuid") {
			mu.Lock()
			count[q.Method+q.URL.Path+v.Get("page")+v.Get("cursor")]++
			mu.Unlock()
		}
		api.ServeHTTP(w, q)
	}
	return func() (distinct, all int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range count {
			distinct, all = distinct+1, all+n
		}
		return distinct, all
	}
}

// inFlight is pipeline.Config.Fetchers unless set.
const inFlight = 12

// Instances that stop, at any moment and in any way, cost no more than the pages in flight.
func TestAFullSyncSurvivesInstancesThatStop(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := newRig(t, 80, few...)
			reads := r.pageReads()
			rnd := rand.New(rand.NewPCG(seed, 1))
			quick := func(c *pipeline.Config) { c.Lease = 200 * time.Millisecond }
			first, _ := r.instance()
			r.put(first, spec)
			kills, seen := 0, 0
			open := func() bool {
				state := r.one(`select state from august.run`)
				if state == runtimeapi.RunFailed { // else the loops below would wait for ever
					t.Fatalf("failed after %d kills: %s\n%s", kills, r.one(`select error from august.run`), r.logs)
				}
				return state != runtimeapi.RunSucceeded
			}
			for open() {
				s, pool := r.instance(quick)
				stop := r.start(s)
				// The random moment: when so many more pages have been asked for.
				// Up to three times what is in flight: an instance that never lives to see a page makes no progress.
				for target := seen + 1 + rnd.IntN(3*inFlight); seen < target && open(); _, seen = reads() {
					time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
				}
				switch rnd.IntN(3) {
				case 0: // as SIGTERM does
					stop()
				case 1: // connections break in mid-work, as in a failover, and the instance goes with them
					go pool.Close()
					r.cut()
					stop()
				case 2: // connections break, and the instance goes on
					r.cut()
					t.Cleanup(stop)
				}
				kills++
			}
			if run := r.ended(first, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
				t.Fatalf("%+v\n%s", run, r.logs)
			}
			r.equal()
			// What is in flight and one that waits to be merged, and the first and last page of the visits, which are read twice by design. On a
			// slow machine leases also end without a kill.
			distinct, all := reads()
			if leases := strings.Count(r.logs.String(), "run starts"); kills < 2 || all-distinct > leases*(inFlight+1)+3 {
				t.Errorf("%d pages were read again over %d kills and %d leases", all-distinct, kills, leases)
			}
			t.Logf("%d kills, %d pages, %d read again", kills, distinct, all-distinct)
		})
	}
}

// cut ends every other connection to the database.
func (r *rig) cut() {
	r.exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
}

func TestAnInstanceThatVanishesLosesItsRunWithinItsLease(t *testing.T) {
	r := newRig(t, 20, few...)
	s, _ := r.instance()
	r.put(s, spec)
	r.exec(`update august.run set state = 'running', lease_owner = 'gone', lease_until = now() + interval '1 second', started_at = now()`)
	began := time.Now()
	r.start(s)
	r.ended(s, runtimeapi.RunSucceeded)
	if took := time.Since(began); took < time.Second {
		t.Errorf("the run was taken over %v after it began: its lease was not over", took)
	}
	if !strings.Contains(r.logs.String(), "attempt=1") {
		t.Errorf("the takeover was not counted\n%s", r.logs)
	}
	r.equal()
}

// What a run got over long ago does not count: only failures without a page in between do.
func TestARunThatAdvancesDoesNotRunOutOfAttempts(t *testing.T) {
	r := newRig(t, 20, few...)
	s, _ := r.instance()
	r.put(s, spec)
	r.exec(`update august.run set attempt = 30`)
	r.server.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503, Endpoint: "patient_payments", Times: 5}) // parks the run once
	r.start(s)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
		t.Fatalf("%+v\n%s", run, r.logs)
	}
	if n := r.one(`select attempt from august.run`); n != "0" || !strings.Contains(r.logs.String(), "run parked: source failed") {
		t.Errorf("attempt %s\n%s", n, r.logs)
	}
}

func TestASyncSurvivesACrashOfTheDatabase(t *testing.T) {
	r := newRig(t, 60, few...)
	var calls atomic.Int64
	crash := make(chan struct{})
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if calls.Add(1) == 30 {
			close(crash)
		}
		api.ServeHTTP(w, q)
	}
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	select {
	case <-crash:
	case <-time.After(time.Minute):
		t.Fatalf("the sync makes no calls\n%s", r.logs)
	}
	pgtest.Restart(t)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
		t.Fatalf("%+v\n%s", run, r.logs)
	}
	r.equal()
}

func TestTwoInstancesShareTheBudgetAndTheWork(t *testing.T) {
	r := newRig(t, 30, feed.LineItems, feed.Transactions, feed.PatientPayments)
	r.server.Set(func(s *sandbox.Settings) { s.PerSecond, s.PerHour = 10, 500 })
	r.limits.PerSecond, r.limits.PerHour = 9, 500
	single := func(c *pipeline.Config) { c.Workers = 1 } // so that each takes one of the runs
	a, _ := r.instance(single)
	b, _ := r.instance(single)
	r.start(a)
	r.start(b)
	r.put(a, spec)
	if _, err := b.Put(t.Context(), "second", other); err != nil {
		t.Fatal(err)
	}
	r.ended(a, runtimeapi.RunSucceeded)
	r.until("the second pipeline's run succeeds", func() bool {
		return r.one(`select state from august.run where pipeline = 'second'`) == runtimeapi.RunSucceeded
	})
	r.equal()
	stats := r.server.Stats()["app"]
	// The ledger spaces the calls as they leave; on a machine that stalls they may still arrive in a bunch,
	// and one be refused. Two instances that did not share would be refused every tenth call.
	if stats.Throttled*20 > stats.Calls {
		t.Errorf("throttled %d times in %d calls", stats.Throttled, stats.Calls)
	}
	t.Logf("%d calls, %d throttled", stats.Calls, stats.Throttled)
}

// When the hour's calls are spent the run waits for the next hour, and loses nothing.
func TestARunParksWhenTheHourIsSpent(t *testing.T) {
	r := newRig(t, 40, few...)
	r.limits.PerHour = 30
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	parks := 0
	for {
		run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed, runtimeapi.RunParked)
		if run.State != runtimeapi.RunParked {
			break
		}
		if parks++; parks > 50 {
			t.Fatalf("parked again and again: %+v", run)
		}
		if run.ResumeAt == nil || !run.ResumeAt.After(time.Now()) || time.Until(*run.ResumeAt) > time.Hour+2*time.Second {
			t.Errorf("resumes at %v", run.ResumeAt)
		}
		// An hour passes.
		r.exec(`update august.throttle set hour = hour - interval '1 hour', next_at = now(), used = 0`)
		r.exec(`update august.run set resume_at = now() where state = 'parked'`)
		r.until("the run goes on", func() bool { return r.one(`select state from august.run`) != runtimeapi.RunParked })
	}
	if parks < 2 {
		t.Errorf("parked %d times only", parks)
	}
	r.equal()
	if run := r.ended(s, runtimeapi.RunSucceeded); run.Error != "" {
		t.Errorf("%+v", run)
	}
}

// The ledger may be wrong about the source's budget: another program can share the application.
func TestAThrottleThatNobodyExpectedParksTheRun(t *testing.T) {
	r := newRig(t, 30, few...)
	r.server.Set(func(s *sandbox.Settings) { s.PerHour = 20 })
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	run := r.ended(s, runtimeapi.RunParked)
	turn := time.Now().Truncate(time.Hour).Add(time.Hour)
	if run.ResumeAt == nil || run.ResumeAt.Before(turn.Add(-time.Second)) || run.ResumeAt.After(turn.Add(5*time.Second)) {
		t.Errorf("resumes at %v, want the turn of the hour, %v", run.ResumeAt, turn)
	}
	// Few calls were in flight; none followed while the pause held.
	before := r.server.Stats()["app"]
	if before.Throttled > 5 {
		t.Errorf("%d calls were throttled", before.Throttled)
	}
	time.Sleep(200 * time.Millisecond)
	if after := r.server.Stats()["app"]; after.Calls != before.Calls {
		t.Errorf("%d calls during the pause", after.Calls-before.Calls)
	}
	r.server.Set(func(s *sandbox.Settings) { s.PerHour = 0 })
	r.exec(`update august.throttle set paused_until = now(), next_at = now()`)
	r.exec(`update august.run set resume_at = now()`)
	r.ended(s, runtimeapi.RunSucceeded)
	r.equal()
}

func TestPausedAndDeletedPipelinesStop(t *testing.T) {
	r := newRig(t, 30, few...)
	slow := make(chan struct{})
	var once sync.Once
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if strings.Contains(q.URL.Path, "line_items_list") {
			select {
			case <-slow:
			case <-q.Context().Done():
				return
			}
		}
		api.ServeHTTP(w, q)
	}
	t.Cleanup(func() { once.Do(func() { close(slow) }) })
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	paused := spec
	paused.Paused = true
	r.ended(s, runtimeapi.RunRunning)
	r.put(s, paused)
	r.ended(s, runtimeapi.RunPending)
	if _, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{}); err == nil || err.(*runtimeapi.Error).Code != runtimeapi.CodeConflict {
		t.Errorf("error %v", err)
	}
	once.Do(func() { close(slow) })
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	r.equal()
	if err := s.Delete(t.Context(), "billing"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "billing"); err == nil || err.(*runtimeapi.Error).Code != runtimeapi.CodeNotFound {
		t.Errorf("error %v", err)
	}
	if n := r.one(`select count(*) from drchrono.line_items`); n == "0" {
		t.Error("the synced rows must stay")
	}
}

func TestAPoolOfTwoConnectionsIsEnough(t *testing.T) {
	r := newRig(t, 30)
	r.conns = 2
	r.server.Set(func(s *sandbox.Settings) { s.AccessTokenSeconds = 1 }) // tokens die in mid-sync
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded || run.Error != "" {
		t.Fatalf("%+v\n%s", run, r.logs)
	}
	r.equal()
}

// Pages of a list are merged side by side: an instance that dies may leave a later one stored and an earlier one not.
func TestAPageThatIsMissingBetweenStoredOnesIsRead(t *testing.T) {
	r := newRig(t, 60, always(feed.Doctors, feed.PatientPayments)...)
	const spent, missing = 6, 3
	var lists atomic.Int64
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		switch {
		case strings.HasPrefix(q.URL.Path, "/api/patient_payments/"):
			t.Error("a row is looked for that was to be read with its page")
		case q.URL.Path == "/api/patient_payments" && lists.Add(1) == spent:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"detail":"Request was throttled. Expected available in 700 seconds."}`)
			return
		}
		api.ServeHTTP(w, q)
	}
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunParked)
	if got := r.one(`select count(*) from august.sweep_page where part = '' and next <> ''`); got != strconv.Itoa(spent-1) {
		t.Fatalf("%s pages are stored, want %d", got, spent-1)
	}
	r.exec(`with p as (delete from august.sweep_page where page = ` + strconv.Itoa(missing) + ` returning keys)
		delete from drchrono.patient_payments where id::text in (select unnest(keys) from p)`)
	r.exec(`update august.throttle set paused_until = now(), next_at = now()`)
	r.exec(`update august.run set resume_at = now() where state = 'parked'`)
	r.ended(s, runtimeapi.RunSucceeded)
	r.equal()
	// All of the list, the refused call, and what had been read before the page that is missing not again.
	pages, _ := strconv.ParseInt(r.one(`select (count(*) + 19) / 20 from drchrono.patient_payments`), 10, 64)
	if want := pages + 1 + spent - missing; lists.Load() != want {
		t.Errorf("%d calls for %d pages, want %d", lists.Load(), pages, want)
	}
}
