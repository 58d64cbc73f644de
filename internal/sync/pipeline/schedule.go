package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// drain is how long Run waits for its runs to stop once its context has ended: Cloud Run gives ten
// seconds in all.
const drain = 8 * time.Second

// lookTime bounds one look at schedules and leases.
const lookTime = 15 * time.Second

// attempts is how many expired leases and database failures a run survives without storing a page in
// between.
const attempts = 30

// sourceAttempts is how often a run is parked because its source is down, again without a page in
// between.
const sourceAttempts = 3

var errPaused = errors.New("the pipeline was paused")

// lease is a run that this instance holds.
type lease struct {
	run       int64
	pipeline  string
	kind      string
	repair    bool // of a reconciliation
	full      bool
	fullSince *time.Time   // a full run re-reads feeds that had no complete full sweep since then; nil otherwise
	attempt   int          // takeovers and failures since the run stored its newest page, when it was leased
	advanced  *atomic.Bool // it has stored a page since
}

// Run fires schedules and works on runs until ctx ends; then it gives its leases back. Instances run
// side by side.
func (s *Service) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	free := make(chan struct{}, s.cfg.Workers)
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.look(ctx, free, &workers)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(drain):
		s.cfg.Log.Warn("runs did not stop in time; their leases will expire")
	}
	return nil
}

// look fires what is due and takes on runs while there are free workers. A database that vanished
// without a word must not hold it up.
func (s *Service) look(ctx context.Context, busy chan struct{}, workers *sync.WaitGroup) {
	try, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if err := s.fire(try); err != nil {
		s.looked(ctx, "schedules not fired", err)
		return
	}
	for {
		select {
		case busy <- struct{}{}:
		default:
			s.looked(ctx, "", nil)
			return
		}
		l, err := s.claim(try, "")
		if err != nil || l == nil {
			<-busy
			s.looked(ctx, "no run taken", err)
			return
		}
		workers.Go(func() {
			s.hold(ctx, *l)
			<-busy
			s.nudge()
		})
	}
}

// looked notes how a look ended. An outage is said once, and that it is over.
func (s *Service) looked(ctx context.Context, what string, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && !s.blind.IsZero():
		s.cfg.Log.InfoContext(ctx, "the database is back", "after", time.Since(s.blind).Round(time.Millisecond), "seconds", seconds(s.blind))
		s.blind = time.Time{}
	case err != nil && s.blind.IsZero():
		s.cfg.Log.ErrorContext(ctx, what+"; it is tried again at every tick", "error", err)
		s.blind = time.Now()
	}
}

// qClaimable tells that run r waits for somebody to work on it: it is to begin or to go on, or its holder has vanished.
const qClaimable = `(r.state = 'pending' or r.state = 'parked' and coalesce(r.resume_at <= now(), true) or r.state = 'running' and r.lease_until < now())`

// claim leases a run that waits, of one pipeline or, with "", of any.
func (s *Service) claim(ctx context.Context, name string) (*lease, error) {
	l := lease{advanced: new(atomic.Bool)}
	err := s.cfg.Store.Pool().QueryRow(ctx, `
		update august.run r set state = 'running', lease_owner = $1, lease_until = now() + $2::interval, resume_at = null, error = '',
			started_at = coalesce(started_at, now()), attempt = attempt + case when r.state = 'running' then 1 else 0 end
		where id = (
			select r.id from august.run r join august.pipeline p on p.name = r.pipeline
			where not coalesce((p.spec->>'paused')::boolean, false)
			and `+qClaimable+` and ($3 = '' or r.pipeline = $3)
			order by r.id limit 1 for update of r skip locked)
		returning id, pipeline, kind, repair, "full" and kind = 'sync', case when "full" and kind = 'sync' then full_since end, attempt`, s.cfg.Instance, s.cfg.Lease, name,
	).Scan(&l.run, &l.pipeline, &l.kind, &l.repair, &l.full, &l.fullSince, &l.attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &l, err
}

// hold works on a run under its lease and settles what becomes of it.
func (s *Service) hold(ctx context.Context, l lease) {
	log := s.cfg.Log.With("pipeline", l.pipeline, "run", l.run)
	work, stop := context.WithCancelCause(ctx)
	var beat sync.WaitGroup
	beat.Go(func() { s.heartbeat(work, l, stop) })
	log.InfoContext(ctx, "run starts", "kind", l.kind, "full", l.full, "attempt", l.attempt)
	var err error
	if l.attempt > attempts {
		err = errors.New("the run was taken over again and again without an end: look for crashes in the runtime's log")
	} else {
		err = s.execute(work, l, log)
	}
	cause := context.Cause(work)
	stop(nil)
	beat.Wait()
	if l.advanced.Load() {
		l.attempt = 0
	}

	var source *drchrono.Error
	errors.As(err, &source)
	switch {
	case err == nil:
		log.InfoContext(ctx, "run succeeded")
		s.ended(ctx, l, runtimeapi.RunSucceeded)
	case errors.Is(err, store.ErrLeaseLost) || errors.Is(cause, store.ErrLeaseLost):
		log.WarnContext(ctx, "run lost to another instance, or deleted")
	case ctx.Err() != nil || errors.Is(cause, errPaused):
		log.InfoContext(ctx, "run given back")
		s.settle(ctx, l, log, runtimeapi.RunPending, 0, time.Time{}, "")
	case source != nil && source.Kind == drchrono.Throttled:
		log.InfoContext(ctx, "run parked", "until", source.Until)
		s.settle(ctx, l, log, runtimeapi.RunParked, 0, source.Until, source.Error())
	case source != nil && source.Kind == drchrono.Unavailable && l.attempt < sourceAttempts:
		until := time.Now().Add(s.cfg.Retry << (2 * l.attempt))
		log.WarnContext(ctx, "run parked: source failed", "until", until, "error", reason(err))
		s.settle(ctx, l, log, runtimeapi.RunParked, 1, until, reason(err))
	case isDatabase(err) && l.attempt < attempts:
		log.WarnContext(ctx, "run parked: database failed", "error", telemetry.ErrorText(err))
		s.cfg.Store.Pool().Reset() // whatever led to that server is not to be tried again
		s.settle(ctx, l, log, runtimeapi.RunParked, 1, time.Now().Add(s.cfg.Tick<<min(l.attempt, 6)), "the database failed; the run goes on when it is back")
	default:
		log.ErrorContext(ctx, "run failed", "error", reason(err))
		s.settle(ctx, l, log, runtimeapi.RunFailed, 0, time.Time{}, reason(err))
		s.ended(ctx, l, runtimeapi.RunFailed)
	}
}

// seconds since then, as a number: a metric can be made of a line's number, and of no duration's text.
func seconds(since time.Time) float64 {
	return time.Since(since).Round(time.Millisecond).Seconds()
}

// settleTime bounds one try to settle, also while the process is stopping.
const settleTime = 3 * time.Second

// settle gives the lease back with the run's new state. While the database is away it tries again, so
// that the run goes on as soon as the database is back; when the lease is over by then, the run is
// taken over without it.
func (s *Service) settle(ctx context.Context, l lease, log *slog.Logger, state string, attempt int, resume time.Time, message string) {
	var at *time.Time
	if !resume.IsZero() {
		at = &resume
	}
	for until := time.Now().Add(s.cfg.Lease); ; {
		stopping := ctx.Err() != nil
		try, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		err := s.giveBack(try, l, state, attempt, at, message)
		cancel()
		if err == nil {
			return
		}
		if stopping || time.Now().After(until) || !isDatabase(err) {
			log.ErrorContext(ctx, "lease not given back; it expires by itself", "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(s.cfg.Tick, settleTime)):
		}
	}
}

func (s *Service) giveBack(ctx context.Context, l lease, state string, attempt int, resume *time.Time, message string) error {
	return pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		over := state == runtimeapi.RunFailed && l.kind != runtimeapi.KindSync
		if over { // a sync follows; the pipeline is locked before its run, as everywhere
			if _, err := tx.Exec(ctx, `select from august.pipeline where name = $1 for update`, l.pipeline); err != nil {
				return err
			}
		}
		var follow, full bool
		err := tx.QueryRow(ctx, `
			with r as (
				update august.run set state = $3, lease_owner = null, lease_until = null, attempt = attempt + $4, resume_at = $5, error = $6,
					finished_at = case when $3 = 'failed' then now() end
				where id = $1 and lease_owner = $2 and state = 'running' returning id, repair or then_sync as follow, then_full
			), f as (update august.feed_run f set state = $3 from r where f.run_id = r.id and f.state = 'running')
			select follow, then_full from r`, l.run, s.cfg.Instance, state, attempt, resume, message).Scan(&follow, &full)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // lost meanwhile
		}
		if err != nil || !over || !follow {
			return err
		}
		return enqueue(ctx, tx, l.pipeline, full) // it derives from what was repaired
	})
}

func (s *Service) ended(ctx context.Context, l lease, state string) {
	s.runs.Add(ctx, 1, metric.WithAttributes(attribute.String("pipeline", l.pipeline), attribute.String("kind", l.kind), attribute.String("state", state)))
}

// heartbeat renews the lease, and stops the work when the lease or the pipeline is gone, when the
// pipeline is paused, or when the lease may have expired without being renewed.
func (s *Service) heartbeat(ctx context.Context, l lease, stop context.CancelCauseFunc) {
	renewed := time.Now()
	tick := time.NewTicker(s.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		try, cancel := context.WithTimeout(ctx, s.cfg.Lease/2)
		began := time.Now()
		var paused bool
		err := s.cfg.Store.Pool().QueryRow(try, `
			update august.run r set lease_until = now() + $3::interval from august.pipeline p
			where r.id = $1 and r.lease_owner = $2 and r.state = 'running' and p.name = r.pipeline
			returning coalesce((p.spec->>'paused')::boolean, false)`, l.run, s.cfg.Instance, s.cfg.Lease).Scan(&paused)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && paused:
			stop(errPaused)
			return
		case err == nil:
			renewed = began
		case errors.Is(err, pgx.ErrNoRows) && s.hasEnded(ctx, l):
			return // by this instance, which waits for the commit's answer; or by another one, which the next page tells
		case errors.Is(err, pgx.ErrNoRows) || time.Since(renewed) > s.cfg.Lease:
			stop(store.ErrLeaseLost)
			return
		}
	}
}

func (s *Service) hasEnded(ctx context.Context, l lease) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Lease/2)
	defer cancel()
	var ended bool
	err := s.cfg.Store.Pool().QueryRow(ctx, `select state in ('succeeded', 'failed') from august.run where id = $1`, l.run).Scan(&ended)
	return err == nil && ended
}

// isDatabase tells a failure of the database's service, which passes, from every other error.
func isDatabase(err error) bool {
	var source *drchrono.Error
	if errors.As(err, &source) {
		return false
	}
	return store.Outage(err)
}

// errDerive marks a failure of a dataset's own computation.
var errDerive = errors.New("computing the dataset failed")

// reason is what is shown of a failure. PostgreSQL's messages may quote a row's values, so only their
// code is kept; those of its connections name hosts and users.
func reason(err error) string {
	if refused := store.Refused(err); refused != "" {
		return "the database refused a statement (" + refused + ")"
	}
	if isDatabase(err) {
		return "the database failed again and again: look at the runtime's log, then request a run"
	}
	return err.Error()
}
