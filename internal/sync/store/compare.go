package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Comparison is a reconciliation's pass over a feed's list. It outlives the instance that began it: what was seen is
// stored with each page, so whoever takes the run over goes on with the next one.
type Comparison struct {
	Sweep
	Refused int  // parts that the source would not list
	Read    bool // all of the list was read
}

// OpenComparison begins a run's comparison of a feed, or resumes it.
func (s *Store) OpenComparison(ctx context.Context, f *feed.Feed, h Holder) (Comparison, error) {
	c := Comparison{Sweep: Sweep{Full: true, Since: f.SinceAll}}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := hold(ctx, tx, h); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into august.reconcile_feed (run_id, feed) values ($1, $2) on conflict do nothing`, h.Run, f.Name); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select sweep, started, split_values, refused, read_at is not null from august.reconcile_feed where run_id = $1 and feed = $2`,
			h.Run, f.Name).Scan(&c.ID, &c.Started, &c.Values, &c.Refused, &c.Read); err != nil {
			return err
		}
		return c.load(ctx, tx)
	})
	return c, during("open the comparison of", f, err)
}

// Recompare lets the list be read from its beginning, in parts unless values is nil. What was seen of it stays noted.
func (s *Store) Recompare(ctx context.Context, f *feed.Feed, h Holder, c *Comparison, values []string) error {
	err := s.held(ctx, h, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update august.reconcile_feed set split_values = $2 where sweep = $1`, c.ID, values); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from august.sweep_page where sweep = $1`, c.ID)
		return err
	})
	if err == nil {
		c.Values, c.Pages = values, nil
	}
	return during("begin anew with", f, err)
}

// ReadAll notes that all of the list was read, in these parts, but for some that were refused.
func (s *Store) ReadAll(ctx context.Context, f *feed.Feed, h Holder, c *Comparison, values []string, refused int) error {
	err := s.held(ctx, h, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update august.reconcile_feed set split_values = $2, refused = $3, read_at = clock_timestamp() where sweep = $1`, c.ID, values, refused)
		return err
	})
	if err == nil {
		c.Values, c.Refused, c.Read = values, refused, true
	}
	return during("note the reading of", f, err)
}

// CloseComparison keeps what a comparison has found, and drops what it has seen.
func (s *Store) CloseComparison(ctx context.Context, f *feed.Feed, h Holder, c Comparison, report []byte) error {
	return during("close the comparison of", f, s.held(ctx, h, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update august.reconcile_feed set report = $2 where sweep = $1`, c.ID, report); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update august.feed_run set state = 'succeeded', finished_at = clock_timestamp() where run_id = $1 and feed = $2`, h.Run, f.Name); err != nil {
			return err
		}
		return Drop(ctx, tx, []int64{c.ID})
	}))
}

// DropComparisons drops what runs that have ended have left: a run that failed, or one that an older revision took for
// a sync.
func (s *Store) DropComparisons(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `delete from august.reconcile_feed f using august.run r where r.id = f.run_id and r.state in ('succeeded', 'failed') returning f.sweep`)
		sweeps, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || len(sweeps) == 0 {
			return err
		}
		return Drop(ctx, tx, sweeps)
	})
	if err != nil {
		return fmt.Errorf("drop what ended comparisons have left: %w", err)
	}
	return nil
}

// Drop forgets what sweeps have seen.
func Drop(ctx context.Context, tx pgx.Tx, sweeps []int64) error {
	if _, err := tx.Exec(ctx, `delete from august.reconcile_row where sweep = any($1)`, sweeps); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `delete from august.sweep_page where sweep = any($1)`, sweeps)
	return err
}

// held does something while the run is still held.
func (s *Store) held(ctx context.Context, h Holder, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := hold(ctx, tx, h); err != nil {
			return err
		}
		return do(tx)
	})
}

// during says what failed, and of which feed.
func during(what string, f *feed.Feed, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, f.Name, err)
}
