package pipeline_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// run waits until a run is in one of the states.
func (r *rig) run(s *pipeline.Service, id int64, states ...string) runtimeapi.Run {
	r.Helper()
	var run runtimeapi.Run
	r.until("run "+strings.Join(states, " or "), func() bool {
		var err error
		run, err = s.GetRun(r.Context(), "billing", id)
		return err == nil && strings.Contains(strings.Join(states, " "), run.State)
	})
	return run
}

// rested is an instance that has synced the pipeline and works no more.
func (r *rig) rested() *pipeline.Service {
	r.Helper()
	s, _ := r.instance()
	stop := r.start(s)
	r.put(s, spec)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
		r.Fatalf("%+v\n%s", run, r.logs)
	}
	stop()
	return s
}

// ask requests a reconciliation.
func (r *rig) ask(s *pipeline.Service, repair bool) runtimeapi.Run {
	r.Helper()
	run, err := s.Reconcile(r.Context(), "billing", runtimeapi.ReconcileRequest{Repair: repair})
	if err != nil || run.Kind != runtimeapi.KindReconcile || run.Repair != repair {
		r.Fatalf("%+v, %v", run, err)
	}
	return run
}

// An hour of a few seconds: a reconciliation parks at its end, with nothing but its lease to lose, and goes on in the next.
func TestAReconciliationGoesOnAcrossTheHours(t *testing.T) {
	r := newRig(t, 60, few...)
	r.rested()
	r.exec(`delete from drchrono.line_items where id in (select id from drchrono.line_items order by updated_at, id limit 30)`)
	r.exec(`update drchrono.transactions set deleted_at_source = now() where id in (select id from drchrono.transactions order by updated_at, id limit 12)`)
	const hour = 5 * time.Second
	r.server.Set(func(s *sandbox.Settings) { s.PerHour, s.HourMillis, s.BulkPolls = 40, int(hour.Milliseconds()), 0 })
	r.limits = store.Limits{PerSecond: 1000, PerHour: 40, Hour: hour}
	s, _ := r.instance(func(c *pipeline.Config) { c.Lease = 5 * time.Second })
	r.start(s)
	run := r.ask(s, true)
	r.until("its end", func() bool {
		now, err := s.GetRun(t.Context(), "billing", run.ID)
		if err == nil && now.State == runtimeapi.RunParked && now.ResumeAt == nil {
			t.Errorf("parked for ever: %+v", now)
		}
		run = now
		return err == nil && (now.State == runtimeapi.RunSucceeded || now.State == runtimeapi.RunFailed)
	})
	parks := strings.Count(r.logs.String(), "run parked")
	if run.State != runtimeapi.RunSucceeded || run.Report.Drift != 42 || run.Report.Left != 0 || parks < 2 {
		t.Fatalf("parked %d times: %+v\n%s", parks, run, r.logs)
	}
	r.equal()
	r.nothingLeft()
	if stats := r.server.Stats()["app"]; stats.Throttled > 0 {
		t.Errorf("%d calls refused", stats.Throttled)
	}
	// What it read says nothing of what an ordinary run reads.
	if n := r.one(`select count(*) from august.run where kind = 'reconcile' and "full"`); n != "0" {
		t.Error("it counts as a full sync")
	}
}

// One open run at a time: a reconciliation waits for a sync, and a sync that is wanted meanwhile follows on it.
func TestReconciliationsAndSyncsFollowOnEachOther(t *testing.T) {
	r := newRig(t, 20, few...)
	s := r.synced()
	var held atomic.Pointer[chan struct{}]
	hold := func() (release func()) {
		gate := make(chan struct{})
		held.Store(&gate)
		return func() { held.Store(nil); close(gate) }
	}
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if gate := held.Load(); gate != nil {
			<-*gate
		}
		api.ServeHTTP(w, q)
	}
	release := hold()
	first, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{})
	if err != nil {
		t.Fatal(err)
	}
	r.run(s, first.ID, runtimeapi.RunRunning)
	repair, compare := r.ask(s, true), r.ask(s, false)
	if repair.State != runtimeapi.RunQueued || compare.State != runtimeapi.RunQueued || repair.ID == compare.ID {
		t.Errorf("beside a sync: %+v and %+v", repair, compare)
	}
	if again := r.ask(s, true); again.ID != repair.ID {
		t.Errorf("asked again: %+v, was %+v", again, repair)
	}
	release()
	r.run(s, first.ID, runtimeapi.RunSucceeded)
	release = hold()
	r.run(s, repair.ID, runtimeapi.RunRunning)
	if again := r.ask(s, true); again.ID != repair.ID {
		t.Errorf("asked again: %+v, is %+v", again, repair)
	}
	for _, full := range []bool{false, true, false} {
		if run, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{Full: full}); err != nil || run.ID != repair.ID {
			t.Errorf("a sync meanwhile: %+v, %v", run, err)
		}
	}
	release()
	r.run(s, repair.ID, runtimeapi.RunSucceeded)
	r.run(s, compare.ID, runtimeapi.RunSucceeded)
	follower := r.ended(s, runtimeapi.RunSucceeded)
	if follower.ID <= compare.ID || !follower.Full || follower.Kind != runtimeapi.KindSync {
		t.Errorf("what followed on %d and %d: %+v", repair.ID, compare.ID, follower)
	}
	if n := r.one(`select count(*) from august.run where state not in ('succeeded') or kind = 'sync' and id > $1 and id <> $2`, first.ID, follower.ID); n != "0" {
		t.Errorf("%s runs too many", n)
	}
}

// The schedule fires, a sync of the same minute comes first, and what is due is awaited until it has ended.
func TestReconciliationsAreScheduled(t *testing.T) {
	r := newRig(t, 20, few...)
	s := r.synced()
	scheduled := spec
	scheduled.Schedule, scheduled.Reconcile = "0 5 * * *", &runtimeapi.ReconcileSpec{Schedule: "0 4 * * 0", Repair: true}
	runs := r.one(`select count(*) from august.run`)
	r.put(s, scheduled)
	status := func() runtimeapi.Status {
		st, err := s.Status(t.Context(), "billing")
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := status()
	if st.NextReconcile == nil || st.NextReconcile.UTC().Weekday() != time.Sunday || st.NextReconcile.UTC().Hour() != 4 || st.ReconcileDue != nil || st.ReconcileRun != nil {
		t.Errorf("next %v, due %v, run %+v", st.NextReconcile, st.ReconcileDue, st.ReconcileRun)
	}
	if now := r.one(`select count(*) from august.run`); now != runs {
		t.Error("a schedule of reconciliations by itself started a run")
	}
	r.exec(`delete from drchrono.line_items where id in (select id from drchrono.line_items order by updated_at, id limit 5)`)
	r.exec(`update august.pipeline set next_run = now() - interval '1 second', next_reconcile = now() - interval '2 seconds'`)
	r.until("a reconciliation", func() bool { st = status(); return st.Reconcile != nil && st.Reconcile.Drift == 5 })
	st = status() // that one may have been read while the run ended: the pipeline before, its run after
	if st.Reconcile.Left != 0 || !st.Reconcile.Repair || st.ReconcileDue != nil || !st.NextReconcile.After(time.Now()) {
		t.Errorf("%+v, due %v, next %v", st.Reconcile, st.ReconcileDue, st.NextReconcile)
	}
	if st.LastRun.ID >= st.Reconcile.Run || st.LastRun.FinishedAt.After(st.Reconcile.StartedAt) {
		t.Errorf("sync %+v, reconciliation %+v", st.LastRun, st.Reconcile)
	}
	r.equal()
	// One that only compares is not the one that was to repair.
	r.exec(`update august.pipeline set reconcile_due = now()`)
	r.reconcile(s, false)
	if st = status(); st.ReconcileDue == nil {
		t.Error("a comparison answers for a repair")
	}
	r.reconcile(s, true)
	if st = status(); st.ReconcileDue != nil {
		t.Errorf("still due %v", st.ReconcileDue)
	}
	// One that is due and cannot begin is awaited. Another declaration with the same schedule does not forget it.
	r.exec(`insert into august.run (pipeline, generation, state, started_at, lease_owner, lease_until) values ('billing', 1, 'running', now(), 'somebody', now() + interval '1 hour')`)
	r.exec(`update august.pipeline set next_reconcile = now() - interval '2 days'`)
	r.until("a queue", func() bool { st = status(); return st.ReconcileRun.State == runtimeapi.RunQueued })
	if st.ReconcileDue == nil || time.Since(*st.ReconcileDue) < 47*time.Hour {
		t.Errorf("due %v", st.ReconcileDue)
	}
	scheduled.Schedule = "0 6 * * *"
	r.put(s, scheduled)
	if st = status(); st.ReconcileDue == nil || st.ReconcileRun.State != runtimeapi.RunQueued {
		t.Errorf("due %v, run %+v", st.ReconcileDue, st.ReconcileRun)
	}
	// When it can, it comes before the syncs that are due by then: there may always be one.
	queued := st.ReconcileRun.ID
	r.exec(`with r as (update august.run set state = 'succeeded', finished_at = now() where lease_owner = 'somebody') update august.pipeline set next_run = now()`)
	r.run(s, queued, runtimeapi.RunSucceeded)
	r.until("the sync", func() bool {
		st = status()
		return st.LastRun.ID > queued && st.LastRun.State == runtimeapi.RunSucceeded
	})
	if st.LastRun.StartedAt.Before(st.Reconcile.FinishedAt) {
		t.Errorf("sync %+v, reconciliation %+v", st.LastRun, st.Reconcile)
	}
	scheduled.Reconcile = nil
	r.put(s, scheduled)
	if st = status(); st.ReconcileDue != nil || st.NextReconcile != nil {
		t.Errorf("without a schedule: due %v, next %v", st.ReconcileDue, st.NextReconcile)
	}
}

// What a reconciliation repaired before it failed is derived from all the same, and a sync that was to follow follows.
func TestASyncFollowsOnAReconciliationThatFailed(t *testing.T) {
	for _, repair := range []bool{true, false} {
		r := newRig(t, 20, few...)
		s := r.synced()
		broken := int32(http.StatusForbidden)
		r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
			if status := atomic.LoadInt32(&broken); status != 0 && strings.HasPrefix(q.URL.Path, "/api/transactions") {
				w.WriteHeader(int(status))
				return
			}
			api.ServeHTTP(w, q)
		}
		run := r.run(s, r.ask(s, repair).ID, runtimeapi.RunFailed)
		atomic.StoreInt32(&broken, 0)
		if run.Error == "" || run.Report != nil {
			t.Errorf("repair %t: %+v", repair, run)
		}
		if repair {
			r.until("a sync", func() bool { st, err := s.Status(t.Context(), "billing"); return err == nil && st.LastRun.ID > run.ID })
		}
		// The next one begins anew, and drops what this one has left.
		if report := r.reconcile(s, repair); report.Drift != 0 || len(report.Feeds) != len(few) {
			t.Errorf("repair %t: %+v", repair, report)
		}
		r.nothingLeft()
	}
}

// The instance that takes a run over goes on with the next page, and repairs count once.
func TestAnotherInstanceGoesOnWithAReconciliation(t *testing.T) {
	r := newRig(t, 60, few...)
	s := r.rested()
	pages := func(id int64) (n int64) {
		run, err := s.GetRun(t.Context(), "billing", id)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range run.Feeds {
			n += f.Pages
		}
		return n
	}
	undisturbed := r.ask(s, false)
	if _, err := s.Attend(t.Context(), "billing", undisturbed.ID, func(runtimeapi.Run) {}); err != nil {
		t.Fatal(err)
	}
	r.exec(`delete from drchrono.line_items where id in (select id from drchrono.line_items order by updated_at, id limit 100)`)
	r.exec(`insert into drchrono.transactions (id, raw, content_hash, observed_at) select 1 + n, '{}', '', now() from generate_series(1, 120) n`) // more than are asked for at a time
	run := r.ask(s, true)
	for i := range int64(6) { // each stops the one before after some pages
		one, _ := r.instance()
		stop := r.start(one)
		r.until("pages", func() bool { return pages(run.ID) >= (i+1)*pages(undisturbed.ID)/7 })
		stop()
	}
	last, _ := r.instance()
	r.start(last)
	run = r.run(s, run.ID, runtimeapi.RunSucceeded)
	if run.Report.Drift != 220 || run.Report.Left != 0 || run.Report.Problems() != "" {
		t.Errorf("%+v", run.Report)
	}
	r.equal()
	r.nothingLeft()
	// Those that were made up are two pages more, and what was in flight may be read twice.
	if more := pages(run.ID) - pages(undisturbed.ID); more > 12 {
		t.Errorf("%d pages, %d undisturbed", pages(run.ID), pages(undisturbed.ID))
	}
	st, err := s.Status(t.Context(), "billing")
	if err != nil || st.LastRun.Kind != runtimeapi.KindSync || st.ReconcileRun.ID != run.ID {
		t.Errorf("%+v, %v", st, err)
	}
}

// More rows that only the database has than deletions explain are reported, and neither asked for nor touched.
func TestReconcileBelievesNoImplausibleLoss(t *testing.T) {
	r := newRig(t, 20, few...)
	s := r.rested()
	r.exec(`insert into drchrono.transactions (id, raw, content_hash, observed_at) select 1 + n, '{}', '', now() from generate_series(1, 1001) n`)
	var asked atomic.Bool
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if strings.HasPrefix(q.URL.Path, "/api/transactions/") {
			asked.Store(true)
		}
		api.ServeHTTP(w, q)
	}
	report := r.reconcile(s, true)
	if report.Drift != 1001 || report.Left != 1001 || !strings.Contains(report.Problems(), "transactions: 1001 rows are only in the database") || asked.Load() {
		t.Errorf("asked %t, %+v", asked.Load(), report)
	}
	if n := r.one(`select count(*) from drchrono.transactions where id < 2000 and deleted_at_source is null`); n != "1001" {
		t.Errorf("%s are left", n)
	}
}
