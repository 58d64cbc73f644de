package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// execute does a run: its feeds in order, leaving out those that an earlier lease has finished, then
// what is derived from them.
func (s *Service) execute(ctx context.Context, l lease, log *slog.Logger) error {
	p, err := s.current(ctx, l.pipeline)
	if err != nil {
		return err
	}
	d, ok := s.cfg.Datasets[p.Spec.Dataset]
	if !ok {
		return fmt.Errorf("this runtime has no dataset %q; it has %s", p.Spec.Dataset, s.datasets())
	}
	if l.kind == runtimeapi.KindReconcile {
		return s.reconcile(ctx, l, d, log)
	}
	if l.kind == runtimeapi.KindDerive {
		return s.finish(ctx, l, nil)
	}
	done, err := s.openFeeds(ctx, l, d.Feeds)
	if err != nil {
		return err
	}
	// A sweep that missed too much has still stored all it saw: the other feeds and what is derived
	// from them stay right, so the run goes on and fails at its end.
	var implausible *store.ImplausibleError
	for i := range d.Feeds {
		f := &d.Feeds[i]
		if done[f.Name] {
			continue
		}
		if rests, err := s.rests(ctx, l, f); err != nil {
			return err
		} else if rests {
			continue
		}
		err := s.syncFeed(ctx, l, d, f, log.With("feed", f.Name))
		var e *store.ImplausibleError
		if errors.As(err, &e) {
			implausible = e
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := s.finish(ctx, l, implausible); err != nil || implausible == nil {
		return err
	}
	return implausible
}

func (s *Service) current(ctx context.Context, name string) (runtimeapi.Pipeline, error) {
	rows, _ := s.cfg.Store.Pool().Query(ctx, qPipeline+" where name = $1", name)
	p, err := pgx.CollectExactlyOneRow(rows, scanPipeline)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, store.ErrLeaseLost // deleted, and the run with it
	}
	return p, err
}

// openFeeds notes the run's feeds and returns those that are done.
func (s *Service) openFeeds(ctx context.Context, l lease, feeds []feed.Feed) (map[string]bool, error) {
	names := make([]string, len(feeds))
	for i, f := range feeds {
		names[i] = f.Name
	}
	rows, _ := s.cfg.Store.Pool().Query(ctx, `
		insert into august.feed_run as f (run_id, feed, ordinal) select $1, name, n from unnest($2::text[]) with ordinality as u(name, n)
		on conflict (run_id, feed) do update set ordinal = excluded.ordinal
		returning feed, state = 'succeeded'`, l.run, names)
	done := map[string]bool{}
	var name string
	var ok bool
	_, err := pgx.ForEachRow(rows, []any{&name, &ok}, func() error { done[name] = ok; return nil })
	return done, err
}

// rests tells that an incremental run leaves the feed out, because it was read not long ago.
func (s *Service) rests(ctx context.Context, l lease, f *feed.Feed) (bool, error) {
	if f.Every == 0 || l.full {
		return false, nil
	}
	tag, err := s.cfg.Store.Pool().Exec(ctx, `
		update august.feed_run set state = 'succeeded', started_at = clock_timestamp(), finished_at = clock_timestamp()
		where run_id = $1 and feed = $2 and started_at is null and exists (
			select from august.checkpoint where pipeline = $3 and feed = $2 and sweep_started is null and read_at > clock_timestamp() - $4::interval)`,
		l.run, f.Name, l.pipeline, f.Every)
	return tag.RowsAffected() > 0, err
}

// finish derives and ends the run in one transaction. When the spec changed after it was read here,
// another run follows.
func (s *Service) finish(ctx context.Context, l lease, implausible *store.ImplausibleError) error {
	return pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error {
		var raw []byte
		var generation int64
		var dataset Dataset
		err := tx.QueryRow(ctx, `select spec, generation from august.pipeline where name = $1`, l.pipeline).Scan(&raw, &generation)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		var spec runtimeapi.PipelineSpec
		if err := json.Unmarshal(raw, &spec); err != nil {
			return fmt.Errorf("read the stored spec: %w", err)
		}
		dataset = s.cfg.Datasets[spec.Dataset]
		if err := audit.Run(l.run).Set(ctx, tx); err != nil {
			return err
		}
		reconciled := l.kind == runtimeapi.KindReconcile
		if dataset.Derive != nil && (!reconciled || l.repair) {
			// First: what is marked from now on may not be seen.
			if _, err := tx.Exec(ctx, `delete from august.derive_mark where pipeline = $1`, l.pipeline); err != nil {
				return err
			}
			if err := dataset.Derive(ctx, tx, spec, l.run); err != nil {
				if ctx.Err() != nil || isDatabase(err) || tx.Conn().IsClosed() {
					return err
				}
				return fmt.Errorf("%w: %w", errDerive, err)
			}
		}
		if implausible != nil { // what was derived stays, if the run is still ours; it is settled as failed
			var ours bool
			err := tx.QueryRow(ctx, `select lease_owner = $2 and state = 'running' from august.run where id = $1 for update`, l.run, s.cfg.Instance).Scan(&ours)
			if errors.Is(err, pgx.ErrNoRows) || err == nil && !ours {
				return store.ErrLeaseLost
			}
			return err
		}
		// The pipeline's lock comes only now, so that a long derivation does not hold up a new spec, and
		// before the run's, as everywhere.
		var newest int64
		answers := reconciled && (l.repair || spec.Reconcile == nil || !spec.Reconcile.Repair) // what the schedule asked for
		err = tx.QueryRow(ctx, `
			update august.pipeline set last_full = case when $2 then clock_timestamp() else last_full end, reconcile_due = case when $3 then null else reconcile_due end
			where name = $1 returning generation`, l.pipeline, l.full, answers).Scan(&newest)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		var then, thenFull bool
		err = tx.QueryRow(ctx, `
			update august.run set state = 'succeeded', finished_at = clock_timestamp(), lease_owner = null, lease_until = null,
				error = coalesce((select string_agg(format('%s of %s rows of %s could not be decoded', quarantined, read, feed), '; ' order by ordinal)
					|| ': see the reasons in drchrono.quarantine' from august.feed_run where run_id = $1 and quarantined > 0), '')
			where id = $1 and lease_owner = $2 and state = 'running' returning then_sync, then_full`, l.run, s.cfg.Instance).Scan(&then, &thenFull)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		if reconciled {
			if err := settleReport(ctx, tx, l); err != nil {
				return err
			}
		}
		if then || newest != generation {
			return enqueue(ctx, tx, l.pipeline, thenFull)
		}
		return nil
	})
}
