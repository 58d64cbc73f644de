package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// due is a pipeline whose schedule has fired.
type due struct {
	name      string
	spec      []byte
	sync      bool
	full      bool
	reconcile bool
}

// fire turns due schedules into runs. When both of a pipeline's are due, the sync comes first: it is short, and what it
// brings is no difference then.
func (s *Service) fire(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		if err := openQueued(ctx, tx, ""); err != nil {
			return err
		}
		if err := s.fireDerive(ctx, tx); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			select name, spec, coalesce(next_run <= now(), false), coalesce(last_full < now() - $1::interval, true) and not exists (
				-- a full sync that failed is not repeated at every turn of the schedule: it costs the hour's calls
				select from august.run r where r.pipeline = p.name and r."full" and r.state = 'failed' and r.finished_at > now() - $1::interval / 7),
				coalesce(next_reconcile <= now(), false)
			from august.pipeline p where next_run <= now() or next_reconcile <= now() order by name for update skip locked`, s.cfg.FullEvery)
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d due, err error) {
			return d, row.Scan(&d.name, &d.spec, &d.sync, &d.full, &d.reconcile)
		})
		if err != nil {
			return err
		}
		for _, d := range list {
			var spec runtimeapi.PipelineSpec
			if err := json.Unmarshal(d.spec, &spec); err != nil { // it must not keep the others from firing
				s.cfg.Log.ErrorContext(ctx, "spec not understood; its schedules are switched off", "pipeline", d.name, "error", err)
			}
			if d.sync {
				// What it waits for may have ended since the first look; and what has waited longer goes first.
				if err := openQueued(ctx, tx, d.name); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, `update august.pipeline set next_run = $2 where name = $1`, d.name, s.next(ctx, d.name, spec.Schedule, spec.Paused)); err != nil {
					return err
				}
				if err := enqueue(ctx, tx, d.name, d.full); err != nil {
					return err
				}
			}
			if d.reconcile {
				if err := s.fireReconcile(ctx, tx, d.name, spec); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Service) fireReconcile(ctx context.Context, tx pgx.Tx, name string, spec runtimeapi.PipelineSpec) error {
	if spec.Reconcile == nil { // taken away by a revision that knows no reconciliations
		_, err := tx.Exec(ctx, `update august.pipeline set next_reconcile = null, reconcile_due = null where name = $1`, name)
		return err
	}
	if _, err := tx.Exec(ctx, `update august.pipeline set reconcile_due = coalesce(reconcile_due, next_reconcile), next_reconcile = $2 where name = $1`,
		name, s.next(ctx, name, spec.Reconcile.Schedule, spec.Paused)); err != nil {
		return err
	}
	_, err := queue(ctx, tx, name, spec.Reconcile.Repair)
	return err
}

// next is when a schedule fires next. One that is not understood must not keep the others from firing.
func (s *Service) next(ctx context.Context, name, schedule string, paused bool) *time.Time {
	next, err := nextOf(schedule, paused, time.Now())
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "schedule not understood; it is switched off", "pipeline", name, "error", err)
	}
	return next
}

// nextOf is when a schedule fires next, nil when it never does.
func nextOf(schedule string, paused bool, after time.Time) (*time.Time, error) {
	if schedule == "" {
		return nil, nil
	}
	parsed, err := runtimeapi.ParseSchedule(schedule)
	if err != nil {
		return nil, err
	}
	next := parsed.Next(after)
	if paused || next.IsZero() {
		return nil, nil
	}
	return &next, nil
}
