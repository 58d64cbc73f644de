package pipeline

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// What is computed from the tables follows on deliveries of the webhook by runs of kind derive. A transaction that changed
// a pipeline's tables leaves a mark in august.derive_mark; whoever derives takes the marks away first, so that it sees
// what they stand for. A sync that is open derives at its end.

const (
	debounce      = 2 * time.Second // from the first mark: deliveries come in groups
	deriveShare   = 10.0            // a derivation rests for so many times what the last one took
	deriveAgain   = time.Minute     // after one that failed
	deriveKept    = 24 * time.Hour  // runs of a day are enough to look at: there may be one every few seconds
	qDeriveNewest = `select id, state, started_at, finished_at from august.run where pipeline = p.name and kind = 'derive' order by id desc limit 1`
)

// fireDerive starts a derivation of each pipeline that has marks and no open run.
func (s *Service) fireDerive(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, `
		insert into august.run (pipeline, kind, generation)
		select name, 'derive', generation from august.pipeline p left join lateral (`+qDeriveNewest+`) last on true
		where not coalesce((spec->>'paused')::boolean, false)
		and exists (select from august.derive_mark where pipeline = name and at <= clock_timestamp() - $1::interval)
		and not exists (select from august.run where pipeline = name and (`+qOpen+` or state = 'queued'))
		and coalesce(last.finished_at + greatest($2 * (last.finished_at - last.started_at), case when last.state = 'failed' then $3::interval end) <= clock_timestamp(), true)
		on conflict (pipeline) where state in ('pending', 'running', 'parked') do nothing
		returning pipeline`, s.cfg.Debounce, deriveShare, deriveAgain)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `delete from august.run where pipeline = any($1) and kind = 'derive' and state = 'succeeded' and finished_at < now() - $2::interval`, names, deriveKept)
	return err
}
