package webhook

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// houseLock is the advisory lock of whoever tidies the inbox up.
const houseLock = int64(0x6175677573740002)

const (
	retention  = 30 * 24 * time.Hour // of settled deliveries: a repeated one is known as such for so long
	houseEvery = 5 * time.Minute
	houseBatch = 1000
)

// keepHouse removes what is settled for long, in small transactions. What is parked stays.
func (d *Drain) keepHouse(ctx context.Context) {
	for {
		pause := houseEvery/2 + rand.N(houseEvery) //nolint:gosec // instances need not all ask at once
		if n, err := d.tidy(ctx); err == nil && n == houseBatch {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// tidy removes one batch, unless another instance is at it.
func (d *Drain) tidy(ctx context.Context) (removed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	err = pgx.BeginFunc(ctx, d.store.Pool(), func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, houseLock).Scan(&mine); err != nil || !mine {
			return err
		}
		tag, err := tx.Exec(ctx, `
			delete from august.inbox where id = any(array(
				select id from august.inbox where state in ('applied', 'ignored', 'unknown') and settled_at < now() - $1::interval order by settled_at limit $2))`,
			retention, houseBatch)
		removed = tag.RowsAffected()
		return err
	})
	return removed, err
}
