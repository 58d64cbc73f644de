package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Missed is what an earlier sweep did not see, and left for the next one that judges to decide on.
func (s *Store) Missed(ctx context.Context, f *feed.Feed, pipeline string) (keys []string, err error) {
	err = s.pool.QueryRow(ctx, `select missed from august.checkpoint where pipeline = $1 and feed = $2`, pipeline, f.Name).Scan(&keys)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what an earlier sweep of %s missed: %w", f.Name, err)
	}
	return keys, nil
}

// NoteMissed leaves keys for the next sweep that judges, in place of what was left before. With again it
// also ends this sweep as if it had not been, so that the next one begins at once and reads as much.
func (s *Store) NoteMissed(ctx context.Context, f *feed.Feed, h Holder, pipeline string, w Sweep, keys []string, again bool) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := hold(ctx, tx, h); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update august.checkpoint set missed = $4, missed_sweep = $3, updated_at = now(),
			sweep_started = case when $5 then null else sweep_started end where pipeline = $1 and feed = $2 and sweep = $3`, pipeline, f.Name, w.ID, keys, again)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrLeaseLost // deleted, and the run with it
		}
		if err != nil || !again {
			return err
		}
		_, err = tx.Exec(ctx, `delete from august.sweep_page where sweep = $1`, w.ID)
		return err
	})
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		return fmt.Errorf("note what a sweep of %s missed: %w", f.Name, err)
	}
	return err
}
