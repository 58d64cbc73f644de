package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// NeedsParts tells that it is still to be decided which parts of the feed the sweep reads.
func (w Sweep) NeedsParts(f *feed.Feed) bool {
	return f.Split != nil && w.Values == nil && (f.Split.Always || !w.Full)
}

// Held counts the rows of a feed that are not deleted: all of them, less those that are. Each is counted by an index alone, which is a
// small part of what the rows are, with all that the source has said of them.
func (s *Store) Held(ctx context.Context, f *feed.Feed) (n int64, err error) {
	if err := s.pool.QueryRow(ctx, fmt.Sprintf("select (select count(*) from %[1]s) - (select count(*) from %[1]s where deleted_at_source is not null)", table(f))).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", f.Name, err)
	}
	return n, nil
}

// Parts lists every value that the feed's split can take: the keys of the parent's rows, and what rows of
// the feed hold although the parent is gone. So whatever is held is either seen by a sweep over all of
// them, or gone.
func (s *Store) Parts(ctx context.Context, f *feed.Feed) ([]string, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		select value::text from (
			select id as value from %s where deleted_at_source is null
			union select %s from %s where deleted_at_source is null
		) v where value is not null order by value`,
		pgx.Identifier{"drchrono", f.Split.Parent}.Sanitize(), ident(f.Split.Column), table(f)))
	if err != nil {
		return nil, fmt.Errorf("list the parts of %s: %w", f.Name, err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the parts of %s: %w", f.Name, err)
	}
	return values, nil
}

// Divide settles that the sweep reads these parts. What it read whole until now does not count: the
// rows stay, and their pages prove nothing about a part.
func (s *Store) Divide(ctx context.Context, f *feed.Feed, w *Sweep, values []string) error {
	if values == nil {
		values = []string{} // no part is due: not the same as reading all
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update august.checkpoint set sweep_values = $2, updated_at = now() where sweep = $1 and sweep_started is not null`, w.ID, values)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrLeaseLost // closed by whoever took the run over
		}
		_, err = tx.Exec(ctx, `delete from august.sweep_page where sweep = $1`, w.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("divide the sweep of %s: %w", f.Name, err)
	}
	w.Values, w.Pages = values, nil
	return nil
}
