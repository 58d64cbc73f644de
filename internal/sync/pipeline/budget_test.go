package pipeline_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// An hour of a few seconds: a full sync parks at its end, goes on in the next, and the source refuses nothing. The
// pages that were being prepared are not submitted again.
func TestAFullSyncGoesOnAcrossTheHours(t *testing.T) {
	r := newRig(t, 30, few...)
	const hour = 8 * time.Second
	r.server.Set(func(s *sandbox.Settings) {
		s.PerHour, s.HourMillis, s.BulkPolls, s.BulkMillis = 36, int(hour.Milliseconds()), 0, 200
	})
	r.limits = store.Limits{PerSecond: 1000, PerHour: 36, Hour: hour}
	var posts, gets atomic.Int64
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if strings.HasSuffix(q.URL.Path, "_list") {
			if q.Method == http.MethodPost {
				posts.Add(1)
			} else {
				gets.Add(1)
			}
		}
		api.ServeHTTP(w, q)
	}
	patient := func(c *pipeline.Config) { c.Lease = 5 * time.Second } // an instance that stalls loses what it had in flight
	s, _ := r.instance(patient)
	r.start(s)
	r.put(s, spec)
	run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed)
	if run.State != runtimeapi.RunSucceeded {
		t.Fatalf("%+v\n%s", run, r.logs)
	}
	r.equal()
	parks := strings.Count(r.logs.String(), "run parked")
	stats := r.server.Stats()["app"]
	if parks < 2 || stats.Throttled > 0 {
		t.Errorf("parked %d times, %d calls refused\n%s", parks, stats.Throttled, r.logs)
	}
	// One submission for each page, and the pages that are read twice by design: the end of the visits and their page 1.
	pages := 0
	for _, f := range run.Feeds {
		switch f.Feed {
		case "appointments", "line_items", "transactions":
			pages += int(f.Pages)
		}
	}
	if over := int(posts.Load()) - pages; over > 4 {
		t.Errorf("%d submissions for %d pages over %d parks", posts.Load(), pages, parks)
	}
	if n := r.one(`select count(*) from august.bulk_request`); n != "0" {
		t.Errorf("%s bulk requests are left", n)
	}
	t.Logf("%d pages: %d submissions, %d looks, %d calls in all, parked %d times", pages, posts.Load(), gets.Load(), stats.Calls, parks)
}

// A page that was submitted is not submitted again, although a run in between did not get to it.
func TestSubmittedPagesAreKeptOverSeveralParks(t *testing.T) {
	r := newRig(t, 60, feed.LineItems)
	var posts atomic.Int64
	var spent atomic.Bool
	spent.Store(true)
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if strings.HasSuffix(q.URL.Path, "_list") {
			if q.Method == http.MethodPost {
				posts.Add(1)
			} else if spent.Load() && posts.Load() > 1 { // the first page, which says how many there are, was read
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, `{"detail":"Request was throttled. Expected available in 700 seconds."}`)
				return
			}
		}
		api.ServeHTTP(w, q)
	}
	parked := func(fetchers int) {
		s, _ := r.instance(func(c *pipeline.Config) { c.Fetchers = fetchers })
		defer r.start(s)()
		if fetchers > 1 {
			r.put(s, spec)
		} else {
			r.resume()
			r.until("the run starts", func() bool { return strings.Count(r.logs.String(), "run starts") == 2 })
		}
		r.ended(s, runtimeapi.RunParked)
	}
	parked(inFlight)
	if r.one(`select count(*) > 1 from august.bulk_request`) != "true" {
		t.Fatal("no pages are kept")
	}
	parked(1)
	spent.Store(false)
	s, _ := r.instance()
	r.start(s)
	r.resume()
	run := r.ended(s, runtimeapi.RunSucceeded)
	r.equal()
	if pages := run.Feeds[0].Pages; posts.Load() != pages {
		t.Errorf("%d submissions for %d pages", posts.Load(), pages)
	}
	if left := r.one(`select count(*) from august.bulk_request`); left != "0" {
		t.Errorf("%s bulk requests are left", left)
	}
}

// resume lets the time pass for which the source asked to wait.
func (r *rig) resume() {
	r.Helper()
	r.exec(`update august.throttle set paused_until = now(), next_at = now()`)
	r.exec(`update august.run set resume_at = now() where state = 'parked'`)
}

// A list that does not say how long it is costs few calls more than one that does, and its pages are asked for
// side by side.
func TestAnAscentReadsAhead(t *testing.T) {
	r := newRig(t, 120, feed.Appointments)
	r.server.Set(func(s *sandbox.Settings) {
		s.BulkPolls, s.BulkNoPagination = 0, []string{"appointments_list"}
		s.PageCaps["appointments_list"] = 20
	})
	var flight, most atomic.Int64
	var highest atomic.Int64
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if q.URL.Path == "/api/appointments_list" && q.Method == http.MethodPost {
			n := flight.Add(1)
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			time.Sleep(30 * time.Millisecond)
			defer flight.Add(-1)
			var page int64
			for _, c := range q.URL.Query().Get("page") {
				page = 10*page + int64(c-'0')
			}
			for was := highest.Load(); page > was && !highest.CompareAndSwap(was, page); was = highest.Load() {
			}
		}
		api.ServeHTTP(w, q)
	}
	s := r.synced()
	r.equal()
	visits := int64(len(r.clinic.View(kinds["appointments"], 0)))
	pages := (visits + 19) / 20
	if most.Load() < 3 || highest.Load() > pages+inFlight {
		t.Errorf("%d pages: %d in flight at most, up to page %d", pages, most.Load(), highest.Load())
	}
	t.Logf("%d pages: %d in flight at most, asked for up to page %d", pages, most.Load(), highest.Load())
	// The second time the list is known to be that long: one page beyond its end at most.
	highest.Store(0)
	r.sync(s, true)
	r.equal()
	if highest.Load() > pages+1 {
		t.Errorf("asked for page %d of %d", highest.Load(), pages)
	}
}

// The calls of a full sweep carry their class, those of a verification another.
func TestCallsCarryTheirClass(t *testing.T) {
	r := newRig(t, 20, few...)
	ledger := &classes{}
	s, _ := r.instance(r.booking(ledger))
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	if n := ledger.take(); n[drchrono.Backfill] == 0 || n[drchrono.Scheduled]+n[drchrono.Interactive] > 0 {
		t.Errorf("first sync: %v", n)
	}
	r.sync(s, false)
	// A list that was empty so far, that of deletions, is read from its beginning.
	if n := ledger.take(); n[drchrono.Scheduled] == 0 || n[drchrono.Backfill] > 1 || n[drchrono.Interactive] > 0 {
		t.Errorf("ordinary sync: %v", n)
	}
	if err := r.clinic.Delete("transactions", r.clinic.View("transactions", 0)[3].Key()); err != nil {
		t.Fatal(err)
	}
	r.sync(s, true)
	if n := ledger.take(); n[drchrono.Interactive] != 1 {
		t.Errorf("full sync with one row to verify: %v", n)
	}
}

// A list that has to be read in parts is no more urgent for it.
func TestCallsOfPartsCarryTheSweepsClass(t *testing.T) {
	r := newRig(t, 20, laboratory...)
	n, ledger := r.watch(tooLong), &classes{}
	s, _ := r.instance(r.booking(ledger))
	stop := r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	if parts, n := n.take("lab_results"), ledger.take(); len(parts) < 2 || n[drchrono.Backfill] == 0 || n[drchrono.Scheduled]+n[drchrono.Interactive] > 0 {
		t.Errorf("first sync, %d parts: %v", len(parts), n)
	}
	r.sync(s, false)
	if n := ledger.take(); n[drchrono.Scheduled] == 0 || n[drchrono.Backfill] > 1 || n[drchrono.Interactive] > 0 {
		t.Errorf("ordinary sync: %v", n)
	}
	stop()
	r.reconcile(s, false)
	if parts, n := n.take("lab_results"), ledger.take(); len(parts) < 2 || n[drchrono.Backfill] == 0 || n[drchrono.Scheduled]+n[drchrono.Interactive] > 0 {
		t.Errorf("reconciliation, %d parts: %v", len(parts), n)
	}
}

// booking lets an instance book its calls in another ledger.
func (r *rig) booking(ledger drchrono.Ledger) func(*pipeline.Config) {
	return func(c *pipeline.Config) {
		source, err := drchrono.New(drchrono.Config{
			BaseURL: r.http.URL, Credential: drchrono.Credential{ClientID: "app", ClientSecret: "secret", RefreshToken: "seed"},
			Ledger: ledger, Vault: c.Store.Credentials(), PerSecond: 10_000, Backoff: time.Millisecond, Poll: time.Millisecond,
		})
		if err != nil {
			r.Fatal(err)
		}
		c.Source = source
	}
}

// classes is a ledger without a limit that counts calls by class.
type classes struct {
	mu sync.Mutex
	n  map[drchrono.Class]int
}

func (c *classes) Reserve(_ context.Context, _ string, class drchrono.Class, _ time.Duration) (drchrono.Slot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[drchrono.Class]int{}
	}
	c.n[class]++
	return drchrono.Slot{At: time.Now(), Left: 1000}, nil
}

func (c *classes) Pause(context.Context, string, time.Duration) error { return nil }

func (c *classes) take() map[drchrono.Class]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

// A schedule that cannot fit into the application's hour is refused with the arithmetic, by what was measured.
func TestADeclarationThatCannotBeAffordedIsRefused(t *testing.T) {
	r := newRig(t, 40)
	few := pipeline.Dataset{Feeds: []feed.Feed{feed.Doctors, feed.Offices, feed.Appointments, feed.LineItems, feed.Transactions, feed.PatientPayments, feed.LineItemDeletions}}
	s, _ := r.instance(func(c *pipeline.Config) {
		c.CallsPerHour, c.Datasets = 500, map[string]pipeline.Dataset{"billing": few, "other": few}
	})
	declare := func(name string, spec runtimeapi.PipelineSpec, schedule string) *runtimeapi.Error {
		spec.Schedule = schedule
		_, err := s.Put(t.Context(), name, spec)
		if err == nil {
			return nil
		}
		var e *runtimeapi.Error
		if !errors.As(err, &e) || e.Code != runtimeapi.CodeInvalid || e.Field != "schedule" {
			t.Fatalf("error %v", err)
		}
		return e
	}
	for _, part := range []string{"60 starts an hour × 10 = 600", "100 too many", "run billing every 2 minutes", "drchrono.calls_per_hour"} {
		if e := declare("billing", spec, "* * * * *"); e == nil || !strings.Contains(e.Message, part) {
			t.Errorf("error %v, want %q", e, part)
		}
	}
	if n := r.one(`select count(*) from august.pipeline`); n != "0" {
		t.Errorf("%s pipelines", n)
	}
	// It fits alone, and not together with what is declared.
	if e := declare("billing", spec, "*/2 * * * *"); e != nil {
		t.Fatal(e)
	}
	if e := declare("second", other, "*/2 * * * *"); e == nil || !strings.Contains(e.Message, "billing, \"*/2 * * * *\": 30 starts") {
		t.Errorf("error %v", e)
	}
	if e := declare("second", other, "*/10 * * * *"); e != nil {
		t.Error(e)
	}
	// What was measured counts: now an ordinary run of the first reads 2,500 transactions, which is four calls more.
	r.exec(`insert into august.run (pipeline, state, generation, finished_at) values ('billing', 'succeeded', 1, now())`)
	r.exec(`insert into august.feed_run (run_id, feed, ordinal, state, read, pages, finished_at) select max(id), 'transactions', 1, 'succeeded', 2500, 3, now() from august.run`)
	if e := declare("second", other, "*/6 * * * *"); e == nil || !strings.Contains(e.Message, "transactions 3 pages × 2") {
		t.Errorf("error %v", e)
	}
	// The way out is open, though it is not enough by itself.
	if e := declare("billing", spec, "*/3 * * * *"); e != nil {
		t.Error(e)
	}
	paused := other
	paused.Paused = true
	if e := declare("second", paused, "* * * * *"); e != nil {
		t.Error(e)
	}
}

// A part is a page however short, and a list that is read in parts is seldom read whole: what its runs asked for
// counts, not what it holds.
func TestAListInPartsCostsThePagesThatItsRunsRead(t *testing.T) {
	r := newRig(t, 1)
	s, _ := r.instance(func(c *pipeline.Config) {
		c.CallsPerHour, c.Datasets = 500, map[string]pipeline.Dataset{"billing": {Feeds: []feed.Feed{feed.LabOrders, feed.LabResults}}}
	})
	declare := func(schedule string) string {
		spec := spec
		spec.Schedule = schedule
		if _, err := s.Put(t.Context(), "billing", spec); err != nil {
			return err.Error()
		}
		return ""
	}
	run := func(full bool, read, pages int) {
		r.exec(`insert into august.run (pipeline, state, generation, "full", finished_at) values ('billing', 'succeeded', 1, $1, now())`, full)
		r.exec(`insert into august.feed_run (run_id, feed, ordinal, state, read, pages, finished_at) select max(id), 'lab_results', 1, 'succeeded', $1, $2, now() from august.run`, read, pages)
	}
	if e := declare("0 0 * * *"); e != "" {
		t.Fatal(e)
	}
	r.exec(`update august.run set state = 'succeeded'`)
	run(true, 100*250, 100) // no ordinary run yet: what it holds counts
	if e := declare("*/10 * * * *"); !strings.Contains(e, "lab_results 100 = 101") {
		t.Errorf("error %q", e)
	}
	run(false, 60, 30)
	run(false, 20, 10)
	if e := declare("*/2 * * * *"); !strings.Contains(e, "lab_results 20 = 21") {
		t.Errorf("error %q", e)
	}
	if e := declare("*/10 * * * *"); e != "" {
		t.Error(e)
	}
}

// Each comparison counts as a full read, by what was measured, and has to end before the next one begins.
func TestAScheduleOfReconciliationsThatCannotBeAffordedIsRefused(t *testing.T) {
	r := newRig(t, 10)
	few := pipeline.Dataset{Feeds: []feed.Feed{feed.Doctors, feed.Offices, feed.Appointments, feed.LineItems, feed.Transactions, feed.PatientPayments, feed.LineItemDeletions}}
	s, _ := r.instance(func(c *pipeline.Config) {
		c.CallsPerHour, c.Datasets = 500, map[string]pipeline.Dataset{"billing": few}
	})
	declare := func(syncs, reconciles string) *runtimeapi.Error {
		spec := runtimeapi.PipelineSpec{Dataset: "billing", Schedule: syncs}
		if reconciles != "" {
			spec.Reconcile = &runtimeapi.ReconcileSpec{Schedule: reconciles}
		}
		_, err := s.Put(t.Context(), "billing", spec)
		var e *runtimeapi.Error
		if err != nil && (!errors.As(err, &e) || e.Code != runtimeapi.CodeInvalid) {
			t.Fatalf("error %v", err)
		}
		return e
	}
	refused := func(e *runtimeapi.Error, field string, parts ...string) {
		t.Helper()
		if e == nil || e.Field != field {
			t.Fatalf("error %v, want one at %s", e, field)
		}
		for _, part := range parts {
			if !strings.Contains(e.Message, part) {
				t.Errorf("no %q in %s", part, e.Message)
			}
		}
	}
	refused(declare("*/15 * * * *", "* * * * *"), "reconcile.schedule", `billing, reconciled "* * * * *": everything is read each time = 10; every 1 minute at the closest = 600 an hour`, "600 of 460 calls an hour")
	refused(declare("* * * * *", "0 4 * * 0"), "schedule", "60 starts an hour × 10 = 600")
	if e := declare("*/15 * * * *", "0 4 * * *"); e != nil {
		t.Error(e)
	}
	// A comparison says how much there is, and nothing of what an ordinary run reads: 1,000,000 transactions are 2,000 calls.
	r.exec(`insert into august.run (pipeline, kind, state, generation) values ('billing', 'reconcile', 'succeeded', 1)`)
	r.exec(`insert into august.feed_run (run_id, feed, ordinal, state, read, pages, finished_at) select max(id), 'transactions', 1, 'succeeded', 1000000, 1000, now() from august.run`)
	refused(declare("*/15 * * * *", "0 */4 * * *"), "reconcile.schedule", "everything is read each time = 2008; every 4 hours at the closest = 502 an hour", "reconcile billing at most every 5 hours")
	if e := declare("*/15 * * * *", "0 */6 * * *"); e != nil { // it takes what the hours leave
		t.Error(e)
	}
	if e := declare("*/15 * * * *", ""); e != nil {
		t.Error(e)
	}
}
