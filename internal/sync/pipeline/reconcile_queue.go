package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// A pipeline has one open run. A reconciliation that is wanted while one is open is queued, and opened when that has
// ended, before any sync that is due then: else a sync that takes as long as its schedule's interval would keep it
// waiting for ever. A sync that is wanted while a reconciliation is open follows on it: see enqueue.

const qOpen = `state in ('pending', 'running', 'parked')`

// Reconcile asks for a comparison with the source. It joins one that is open or queued, and repairs or does not repair
// alike.
func (s *Service) Reconcile(ctx context.Context, name string, req runtimeapi.ReconcileRequest) (runtimeapi.Run, error) {
	var run runtimeapi.Run
	p, err := s.Get(ctx, name)
	if err != nil {
		return run, err
	}
	if p.Spec.Paused {
		return run, &runtimeapi.Error{Code: runtimeapi.CodeConflict, Message: fmt.Sprintf("pipeline %q is paused: resume it first", name)}
	}
	err = pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		if tag, err := tx.Exec(ctx, `select from august.pipeline where name = $1 for update`, name); err != nil {
			return err
		} else if tag.RowsAffected() == 0 {
			return notFound(name)
		}
		id, err := queue(ctx, tx, name, req.Repair)
		if err != nil {
			return err
		}
		run, err = readRun(ctx, tx, `pipeline = $1 and id = $2`, name, id)
		return err
	})
	if err != nil {
		return run, s.unavailable(ctx, "request a reconciliation", err)
	}
	s.nudge()
	return run, nil
}

// queue asks for a reconciliation of a pipeline whose row is locked.
func queue(ctx context.Context, tx pgx.Tx, name string, repair bool) (id int64, err error) {
	err = tx.QueryRow(ctx, `
		with joined as (
			select id from august.run where pipeline = $1 and kind = 'reconcile' and repair = $2 and (state = 'queued' or `+qOpen+`) order by id limit 1
		), made as (
			insert into august.run (pipeline, kind, repair, generation, state) select name, 'reconcile', $2, generation, 'queued' from august.pipeline
			where name = $1 and not exists (select from joined) returning id
		)
		select id from joined union all select id from made`, name, repair).Scan(&id)
	if err != nil {
		return 0, err
	}
	return id, openFirst(ctx, tx, name)
}

// openFirst opens the first queued run of a pipeline whose row is locked, unless another one is open.
func openFirst(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, `
		update august.run set state = 'pending' where id = (select min(id) from august.run where pipeline = $1 and state = 'queued')
		and not exists (select from august.run where pipeline = $1 and `+qOpen+`)`, name)
	return err
}

// openQueued opens the queued runs that wait for nothing any more, of one pipeline or, with "", of all.
func openQueued(ctx context.Context, tx pgx.Tx, name string) error {
	rows, _ := tx.Query(ctx, `
		select name from august.pipeline p where not coalesce((spec->>'paused')::boolean, false) and ($1 = '' or name = $1)
		and exists (select from august.run where pipeline = p.name and state = 'queued')
		and not exists (select from august.run where pipeline = p.name and `+qOpen+`) order by name for update skip locked`, name)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names { // now that it is locked, what is open stays so
		if err := openFirst(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// GetRun is one run of a pipeline.
func (s *Service) GetRun(ctx context.Context, name string, id int64) (runtimeapi.Run, error) {
	var run runtimeapi.Run
	err := s.read(ctx, func() (err error) {
		run, err = readRun(ctx, s.cfg.Store.Pool(), `pipeline = $1 and id = $2`, name, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return run, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: fmt.Sprintf("pipeline %q has no run %d", name, id)}
	}
	return run, s.unavailable(ctx, "read a run", err)
}
