package pipeline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// deriving is an instance whose billing pipeline has been synced, and how often it derived by then and since.
func (r *rig) deriving(derive func(ctx context.Context, tx pgx.Tx, run int64) error) (*pipeline.Service, *atomic.Int64) {
	r.Helper()
	var times atomic.Int64
	s, _ := r.instance(func(cfg *pipeline.Config) {
		cfg.Debounce = 50 * time.Millisecond
		cfg.Datasets = map[string]pipeline.Dataset{"billing": {Feeds: r.feeds, Derive: func(ctx context.Context, tx pgx.Tx, _ runtimeapi.PipelineSpec, run int64) error {
			times.Add(1)
			if derive == nil {
				return nil
			}
			return derive(ctx, tx, run)
		}}}
	})
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	return s, &times
}

func (r *rig) mark(pipeline string) {
	r.exec(`insert into august.derive_mark (pipeline) values ($1)`, pipeline)
}

func (r *rig) unmarked() {
	r.Helper()
	r.until("marks taken away", func() bool { return r.one(`select count(*) from august.derive_mark where pipeline = 'billing'`) == "0" })
}

// What changed by a webhook is derived from without a sync, once for many marks, and the status goes on to show the sync.
func TestDerivesAfterWebhooks(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, feed.Doctors)
	s, times := r.deriving(nil)
	before, err := s.Status(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.mark("billing")
	}
	r.mark("another")
	r.unmarked()
	r.until("the run's end", func() bool {
		return r.one(`select count(*) from august.run where kind = 'derive' and state = 'succeeded'`) == "1"
	})
	if n := times.Load(); n != 2 {
		t.Errorf("derived %d times, with the sync's", n)
	}
	st, err := s.Status(t.Context(), "billing")
	if err != nil || st.LastRun == nil || st.LastRun.ID != before.LastRun.ID || st.FullRun.ID != before.FullRun.ID || !st.LastFull.Equal(*before.LastFull) {
		t.Errorf("the status shows another sync: %+v, %v", st, err)
	}
	if run, err := s.GetRun(t.Context(), "billing", before.LastRun.ID+1); err != nil || run.Kind != runtimeapi.KindDerive || run.Full {
		t.Errorf("%+v, %v", run, err)
	}
	if n := r.one(`select count(*) from august.run`); n != "2" {
		t.Errorf("%s runs", n)
	}
	if err := s.Delete(t.Context(), "billing"); err != nil {
		t.Fatal(err)
	}
}

// A mark that is committed while somebody derives stays: what it stands for may not have been seen.
func TestAMarkMadeWhileDerivingStays(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, feed.Doctors)
	var marked atomic.Bool
	_, times := r.deriving(func(context.Context, pgx.Tx, int64) error {
		if r.one(`select count(*) from august.run where kind = 'derive' and state = 'running'`) == "1" && marked.CompareAndSwap(false, true) {
			r.mark("billing")
		}
		return nil
	})
	r.mark("billing")
	r.until("a second derivation", func() bool { return times.Load() == 3 })
	r.unmarked()
}

// A sync that is asked for while a derivation is open follows on it, and so does a reconciliation.
func TestSyncAndReconcileFollowOnADerivation(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, feed.Doctors)
	open, began := make(chan struct{}), make(chan struct{}, 1)
	s, _ := r.deriving(func(ctx context.Context, tx pgx.Tx, run int64) error {
		var kind string
		if err := tx.QueryRow(ctx, `select kind from august.run where id = $1`, run).Scan(&kind); err != nil || kind != runtimeapi.KindDerive {
			return err
		}
		began <- struct{}{}
		select {
		case <-open:
		case <-ctx.Done():
		}
		return nil
	})
	r.mark("billing")
	<-began
	run, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{})
	if err != nil || run.Kind != runtimeapi.KindDerive {
		t.Fatalf("%+v, %v", run, err)
	}
	if run, err = s.Reconcile(t.Context(), "billing", runtimeapi.ReconcileRequest{}); err != nil || run.State != runtimeapi.RunQueued {
		t.Fatalf("%+v, %v", run, err)
	}
	close(open)
	r.until("all of them", func() bool {
		return r.one(`select string_agg(kind, ',' order by kind) from august.run where state = 'succeeded' and id > 1`) == "derive,reconcile,sync"
	})
}

// A derivation that fails leaves its marks, and is not tried again at once.
func TestAFailedDerivationIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, feed.Doctors)
	var bad atomic.Bool
	_, times := r.deriving(func(context.Context, pgx.Tx, int64) error {
		if bad.Load() {
			return errors.New("synthetic")
		}
		return nil
	})
	bad.Store(true)
	r.mark("billing")
	const failed = `select count(*) from august.run where kind = 'derive' and state = 'failed'`
	r.until("the failure", func() bool { return r.one(failed) == "1" })
	bad.Store(false)
	time.Sleep(200 * time.Millisecond) // ten looks at what is due
	if n := r.one(failed); n != "1" {
		t.Errorf("%s failures: it was tried again at once", n)
	}
	if r.one(`select count(*) from august.derive_mark`) != "1" || times.Load() != 2 {
		t.Errorf("the mark is gone, or somebody derived: %d", times.Load())
	}
	r.exec(`update august.run set finished_at = finished_at - interval '2 minutes', started_at = started_at - interval '2 minutes' where state = 'failed'`)
	r.unmarked()
}
