package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const qPipeline = `select name, spec, generation, created_at, updated_at from august.pipeline`

func scanPipeline(row pgx.CollectableRow) (runtimeapi.Pipeline, error) {
	var p runtimeapi.Pipeline
	var spec []byte
	if err := row.Scan(&p.Name, &spec, &p.Generation, &p.CreatedAt, &p.UpdatedAt); err != nil {
		return p, err
	}
	return p, json.Unmarshal(spec, &p.Spec)
}

// List is every pipeline, by name.
func (s *Service) List(ctx context.Context) ([]runtimeapi.Pipeline, error) {
	var list []runtimeapi.Pipeline
	err := s.read(ctx, func() (err error) {
		rows, _ := s.cfg.Store.Pool().Query(ctx, qPipeline+" order by name")
		list, err = pgx.CollectRows(rows, scanPipeline)
		return err
	})
	return list, s.unavailable(ctx, "list pipelines", err)
}

// Get is one pipeline.
func (s *Service) Get(ctx context.Context, name string) (runtimeapi.Pipeline, error) {
	var p runtimeapi.Pipeline
	err := s.read(ctx, func() (err error) {
		rows, _ := s.cfg.Store.Pool().Query(ctx, qPipeline+" where name = $1", name)
		p, err = pgx.CollectExactlyOneRow(rows, scanPipeline)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return p, notFound(name)
	}
	return p, s.unavailable(ctx, "read pipeline", err)
}

// Put declares a pipeline. A new one that is not paused starts with a full sync; a change of what it
// computes starts an ordinary one.
func (s *Service) Put(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error) {
	return s.declare(ctx, name, spec, false)
}

// Create declares a pipeline that nobody has declared otherwise. Of two who want to be first, one is, and the other
// is told.
func (s *Service) Create(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error) {
	return s.declare(ctx, name, spec, true)
}

func (s *Service) declare(ctx context.Context, name string, spec runtimeapi.PipelineSpec, first bool) (runtimeapi.Pipeline, error) {
	var p runtimeapi.Pipeline
	if name == "" {
		return p, &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "name", Message: "a pipeline needs a name"}
	}
	if _, ok := s.cfg.Datasets[spec.Dataset]; !ok {
		return p, &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "dataset",
			Message: fmt.Sprintf("this runtime has no dataset %q; it has %s", spec.Dataset, s.datasets())}
	}
	next, err := nextOf(spec.Schedule, spec.Paused, time.Now())
	if err != nil {
		return p, &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "schedule", Message: err.Error()}
	}
	var reconcile *time.Time
	if spec.Reconcile != nil {
		if reconcile, err = nextOf(spec.Reconcile.Schedule, spec.Paused, time.Now()); err != nil {
			return p, &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "reconcile.schedule", Message: err.Error()}
		}
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return p, s.unavailable(ctx, "write pipeline", err)
	}
	if err := s.cfg.Store.Available(ctx); err != nil {
		return p, s.unavailable(ctx, "write pipeline", err)
	}
	if err := s.admit(ctx, name, spec); err != nil {
		return p, err
	}
	err = pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		if err := audit.From(ctx).Set(ctx, tx); err != nil {
			return err
		}
		// One declaration at a time: two first ones of a pipeline agree on who is first, and two pipelines on
		// who has the dataset.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('august.pipeline', 0))`); err != nil {
			return err
		}
		if err := unrivalled(ctx, tx, name, spec); err != nil {
			return err
		}
		if err := unshared(ctx, tx, name, spec); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, qPipeline+" where name = $1", name)
		old, err := pgx.CollectExactlyOneRow(rows, scanPipeline)
		isNew := errors.Is(err, pgx.ErrNoRows)
		if err != nil && !isNew {
			return err
		}
		if err := s.affordable(ctx, tx, name, spec); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `
			insert into august.pipeline as p (name, spec, next_run, next_reconcile) values ($1, $2, $3, $4)
			on conflict (name) do update set spec = excluded.spec, next_run = excluded.next_run, generation = p.generation + 1, updated_at = now(),
				-- a reconciliation that is due and could not begin yet stays due
				next_reconcile = case when p.spec->'reconcile' = excluded.spec->'reconcile' and excluded.next_reconcile is not null then least(p.next_reconcile, excluded.next_reconcile) else excluded.next_reconcile end,
				reconcile_due = case when excluded.next_reconcile is not null then p.reconcile_due end
			where p.spec <> excluded.spec
			returning name, spec, generation, created_at, updated_at`, name, raw, next, reconcile)
		p, err = pgx.CollectExactlyOneRow(rows, scanPipeline)
		if err == nil && first && !isNew { // and nothing of this transaction stays
			return &runtimeapi.Error{Code: runtimeapi.CodeConflict, Field: "name", Message: fmt.Sprintf("pipeline %q has been declared otherwise by somebody else", name)}
		}
		if errors.Is(err, pgx.ErrNoRows) {
			p = old // nothing changed
			return nil
		}
		if err != nil || spec.Paused || !isNew && onlySchedule(old.Spec, spec) {
			return err
		}
		return enqueue(ctx, tx, name, isNew)
	})
	if err != nil {
		return p, s.unavailable(ctx, "write pipeline", err)
	}
	s.nudge()
	return p, nil
}

// unrivalled refuses a second enabled pipeline of a dataset: what is derived from the feeds exists
// once, and two sets of overrides and Coda views would undo each other's work at every run.
func unrivalled(ctx context.Context, tx querier, name string, spec runtimeapi.PipelineSpec) error {
	if spec.Paused {
		return nil
	}
	var rival string
	err := tx.QueryRow(ctx, `
		select name from august.pipeline where name <> $1 and spec->>'dataset' = $2 and not coalesce((spec->>'paused')::boolean, false)
		order by name limit 1`, name, spec.Dataset).Scan(&rival)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &runtimeapi.Error{Code: runtimeapi.CodeConflict, Field: "dataset",
		Message: fmt.Sprintf("pipeline %q of this runtime already syncs dataset %q, and one dataset has one enabled pipeline: change, pause or delete that one, or declare this one paused", rival, spec.Dataset)}
}

// onlySchedule tells that a change of spec changes nothing that a run computes.
func onlySchedule(old, spec runtimeapi.PipelineSpec) bool {
	old.Schedule, old.Reconcile = spec.Schedule, spec.Reconcile
	a, errA := json.Marshal(old)
	b, errB := json.Marshal(spec)
	return errA == nil && errB == nil && string(a) == string(b)
}

// enqueue asks for a sync. One that is open serves the request too: it sees the newest spec. It follows on a
// reconciliation or a derivation that is open. A pipeline that never had a full sync gets a full one.
//
// A full run that nobody asked for by name goes on from where a failed one of the last day stopped:
// the feeds that were read in full then are not read in full again.
func enqueue(ctx context.Context, tx pgx.Tx, name string, full bool) error {
	tag, err := tx.Exec(ctx, `
		insert into august.run (pipeline, "full", full_since, generation)
		select name, $2 or last_full is null, coalesce((
			select min(r.full_since) from august.run r where r.pipeline = p.name and r."full" and r.state = 'failed'
			and r.full_since > now() - interval '1 day' and (p.last_full is null or r.full_since > p.last_full)), now()), generation
		from august.pipeline p where name = $1
		on conflict (pipeline) where state in ('pending', 'running', 'parked') do nothing`, name, full)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	_, err = tx.Exec(ctx, `update august.run set then_sync = true, then_full = then_full or $2
		where pipeline = $1 and kind <> 'sync' and `+qOpen+` and not (then_sync and (then_full or not $2))`, name, full)
	return err
}

// Delete forgets a pipeline, its runs and its checkpoints. The synced rows stay.
func (s *Service) Delete(ctx context.Context, name string) error {
	var deleted int64
	if err := s.cfg.Store.Available(ctx); err != nil {
		return s.unavailable(ctx, "delete pipeline", err)
	}
	err := pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		if err := audit.From(ctx).Set(ctx, tx); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			select sweep from august.checkpoint where pipeline = $1 and sweep is not null
			union all select f.sweep from august.reconcile_feed f join august.run r on r.id = f.run_id where r.pipeline = $1`, name)
		sweeps, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from august.pipeline where name = $1`, name)
		if err != nil {
			return err
		}
		deleted = tag.RowsAffected()
		if _, err := tx.Exec(ctx, `delete from august.derive_mark where pipeline = $1`, name); err != nil {
			return err
		}
		// Pages come last, as when a sweep is closed: a run under way must not wait for us while we wait for it.
		return store.Drop(ctx, tx, sweeps)
	})
	if err == nil && deleted == 0 {
		return notFound(name)
	}
	return s.unavailable(ctx, "delete pipeline", err)
}

// Sync asks for a run now. It joins a sync that is open, unless that is not full and cannot become so. A run of another
// kind that is open is returned instead; the sync follows on it.
func (s *Service) Sync(ctx context.Context, name string, req runtimeapi.SyncRequest) (runtimeapi.Run, error) {
	p, err := s.Get(ctx, name)
	if err != nil {
		return runtimeapi.Run{}, err
	}
	if p.Spec.Paused {
		return runtimeapi.Run{}, &runtimeapi.Error{Code: runtimeapi.CodeConflict, Message: fmt.Sprintf("pipeline %q is paused: resume it first", name)}
	}
	var open runtimeapi.Run
	err = pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		// A run that succeeds locks the pipeline first: one that is open now stays so until the answer is read.
		if tag, err := tx.Exec(ctx, `select from august.pipeline where name = $1 for update`, name); err != nil {
			return err
		} else if tag.RowsAffected() == 0 {
			return notFound(name)
		}
		if err := enqueue(ctx, tx, name, req.Full); err != nil {
			return err
		}
		if req.Full {
			if _, err := tx.Exec(ctx, `update august.run set "full" = true, full_since = now() where pipeline = $1 and kind = 'sync' and state = 'pending' and started_at is null`, name); err != nil {
				return err
			}
		}
		var err error
		open, err = readRun(ctx, tx, `pipeline = $1 and state in ('pending', 'running', 'parked')`, name)
		return err
	})
	if err != nil {
		return open, s.unavailable(ctx, "request a run", err)
	}
	if req.Full && !open.Full && open.Kind == runtimeapi.KindSync {
		return open, &runtimeapi.Error{Code: runtimeapi.CodeConflict,
			Message: fmt.Sprintf("run %d of pipeline %q is under way and is not a full one: ask again when it has ended", open.ID, name)}
	}
	s.nudge()
	return open, nil
}

// Status is what a pipeline has achieved so far.
func (s *Service) Status(ctx context.Context, name string) (runtimeapi.Status, error) {
	p, err := s.Get(ctx, name)
	if err != nil {
		return runtimeapi.Status{}, err
	}
	var st runtimeapi.Status
	err = s.cfg.Store.Again(ctx, func() (err error) { st, err = s.status(ctx, p); return err })
	if errors.Is(err, pgx.ErrNoRows) {
		return st, notFound(name)
	}
	return st, s.unavailable(ctx, "read status", err)
}

func (s *Service) status(ctx context.Context, p runtimeapi.Pipeline) (runtimeapi.Status, error) {
	st := runtimeapi.Status{Pipeline: p.Name, Paused: p.Spec.Paused, Rows: map[string]int64{}, Lag: map[string]float64{}}
	pool := s.cfg.Store.Pool()
	if err := pool.QueryRow(ctx, `select last_full, next_run, next_reconcile, coalesce(reconcile_due, case when next_reconcile <= now() then next_reconcile end) from august.pipeline where name = $1`,
		p.Name).Scan(&st.LastFull, &st.NextRun, &st.NextReconcile, &st.ReconcileDue); err != nil {
		return st, err
	}
	for _, r := range []struct {
		into  **runtimeapi.Run
		where string
	}{
		{&st.LastRun, ` and kind = 'sync'`},
		{&st.FullRun, ` and kind = 'sync' and "full" and state = 'succeeded'`},
		{&st.ReconcileRun, ` and kind = 'reconcile'`},
	} {
		run, err := readRun(ctx, pool, `id = (select max(id) from august.run where pipeline = $1`+r.where+`)`, p.Name)
		if err == nil {
			*r.into = &run
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return st, err
		}
	}
	ages, err := s.lag(ctx, p.Name)
	if err != nil {
		return st, err
	}
	if st.Reconcile, err = s.reconciled(ctx, p.Name); err != nil {
		return st, err
	}
	// Applications that the runtime no longer uses are in the ledger, too; their hours have passed.
	if err := pool.QueryRow(ctx, `select coalesce(max(used), 0) from august.throttle where hour = date_trunc('hour', clock_timestamp())`).Scan(&st.CallsThisHour); err != nil {
		return st, err
	}
	if st.Webhook, err = s.webhook(ctx, p.Spec.WebhookEvents); err != nil {
		return st, err
	}
	d := s.cfg.Datasets[p.Spec.Dataset]
	for i := range d.Feeds {
		f := &d.Feeds[i]
		if age, ok := ages[feedKey{p.Name, f.Name}]; ok {
			st.Lag[f.Name] = age
		}
		if st.Rows[f.Name], err = s.cfg.Store.Held(ctx, f); err != nil {
			return st, err
		}
	}
	if d.Status != nil {
		return st, d.Status(ctx, pool, p.Spec, &st)
	}
	return st, nil
}

// read answers a question when the database is there, and says so soon when it is not.
func (s *Service) read(ctx context.Context, ask func() error) error {
	if err := s.cfg.Store.Available(ctx); err != nil {
		return err
	}
	return s.cfg.Store.Again(ctx, ask)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readRun(ctx context.Context, q querier, where string, args ...any) (runtimeapi.Run, error) {
	var r runtimeapi.Run
	err := q.QueryRow(ctx, `select id, kind, state, "full", repair, started_at, finished_at, case when state = 'parked' then resume_at end, error, report from august.run where `+where, args...).
		Scan(&r.ID, &r.Kind, &r.State, &r.Full, &r.Repair, &r.StartedAt, &r.FinishedAt, &r.ResumeAt, &r.Error, &r.Report)
	if err != nil {
		return r, err
	}
	rows, _ := q.Query(ctx, `
		select feed, state, pages, read, changed, deleted, coalesce(extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at), 0)::float8
		from august.feed_run where run_id = $1 order by ordinal`, r.ID)
	r.Feeds, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f runtimeapi.FeedRun, err error) {
		var seconds float64
		err = row.Scan(&f.Feed, &f.State, &f.Pages, &f.Read, &f.Changed, &f.Deleted, &seconds)
		f.Elapsed = time.Duration(seconds * float64(time.Second))
		return f, err
	})
	return r, err
}

func (s *Service) datasets() string {
	names := make([]string, 0, len(s.cfg.Datasets))
	for name := range s.cfg.Datasets {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func notFound(name string) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: fmt.Sprintf("there is no pipeline %q", name)}
}

// unavailable turns a failure of the database into the control API's error, and leaves those that are
// already one. The cause goes to the log: it may name hosts, and callers cannot act on it.
func (s *Service) unavailable(ctx context.Context, what string, err error) error {
	var own *runtimeapi.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	var busy *store.BusyError
	if errors.As(err, &busy) {
		return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "could not " + what + ": " + busy.Error() + "; try again, and give the runtime a larger pool if it stays so"}
	}
	s.cfg.Log.ErrorContext(ctx, what, "error", err)
	return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "could not " + what + ": the database does not answer as it should; try again, and look at the runtime's log if it stays so"}
}
