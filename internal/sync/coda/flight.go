package coda

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// patience is the longest wait for a free write that is sat out holding the table's lock.
const patience = 15 * time.Second

// write makes one write under the account's limit and waits until Coda has applied it. Whatever
// happens meanwhile, the database knows that something may be under way.
func (w *writer) write(ctx context.Context, send func() (string, error)) error {
	if err := w.reserve(ctx); err != nil {
		return err
	}
	if err := w.flight(ctx, unknown); err != nil {
		return err
	}
	request, err := send()
	w.wrote(ctx, err)
	switch code := status(err); {
	case err == nil:
	case code == http.StatusTooManyRequests: // not executed
		if err := w.block(ctx); err != nil {
			return err
		}
		return w.grounded(ctx, errBlocked)
	case code >= 400 && code < 500: // refused
		return w.grounded(ctx, explain(err, "table %s of Coda doc %s", w.view.TableID, w.view.DocID))
	default: // executed or not, nobody knows
		return err
	}
	if err := w.flight(ctx, request); err != nil {
		return err
	}
	if _, err := w.conn.Exec(ctx, `update august.coda_account set strikes = 0 where account = $1 and strikes > 0`, w.account); err != nil {
		return err
	}
	return w.await(ctx, request)
}

// grounded notes that nothing is under way, and passes err on.
func (w *writer) grounded(ctx context.Context, err error) error {
	if failed := w.flight(ctx, nothing); failed != nil {
		return failed
	}
	return err
}

// flight notes what is under way. It is noted also when ctx has just ended: a write whose id is lost
// costs the next pusher a read of the whole table.
func (w *writer) flight(ctx context.Context, request string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, err := w.conn.Exec(ctx, `update august.coda_view set in_flight = $3, updated_at = now() where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View, request)
	if err != nil {
		return fmt.Errorf("note a write to Coda: %w", err)
	}
	return nil
}

// await waits until the write is applied. A write that Coda no longer knows was applied or lost
// longer than a day ago: the rows tell.
func (w *writer) await(ctx context.Context, request string) error {
	began := time.Now()
	for pause := w.cfg.FirstPoll; ; pause = min(pause*3/2, w.cfg.LastPoll) {
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		done, err := w.client.Done(ctx, request)
		switch {
		case err == nil && done:
			return w.flight(ctx, nothing)
		case ctx.Err() != nil:
			return ctx.Err()
		case status(err) == http.StatusNotFound && time.Since(began) > w.cfg.Appears:
			if err := w.flight(ctx, settling); err != nil {
				return err
			}
			return errLost
		case err == nil, status(err) == http.StatusNotFound, status(err) == http.StatusTooManyRequests, status(err) == 0, status(err) >= 500:
		default:
			return explain(err, "the progress of a write")
		}
		if time.Since(began) > w.cfg.GiveUp {
			return errSlow
		}
	}
}

// reserve books one write of the account's. The limit counts per user, so the book is in the
// database, where all instances and all tables share it, and by its clock.
func (w *writer) reserve(ctx context.Context) error {
	if _, err := w.conn.Exec(ctx, `insert into august.coda_account (account) values ($1) on conflict do nothing`, w.account); err != nil {
		return fmt.Errorf("open the book of writes: %w", err)
	}
	for {
		var wait time.Duration
		if err := w.conn.QueryRow(ctx, `
			with book as materialized (
				select account, blocked_until, clock_timestamp() as now,
					array(select at from unnest(writes) at where at > clock_timestamp() - $2::interval order by at) as recent
				from august.coda_account where account = $1 for update
			), decided as (
				select account, now, recent, greatest(interval '0',
					case when blocked_until > now then blocked_until - now end,
					case when cardinality(recent) >= $3 then recent[cardinality(recent) - $3 + 1] + $2::interval - now end) as wait
				from book
			)
			update august.coda_account a set writes = case when d.wait = interval '0' then d.recent || d.now else a.writes end
			from decided d where a.account = d.account returning d.wait`, w.account, w.cfg.Window, w.cfg.Writes).Scan(&wait); err != nil {
			return fmt.Errorf("book a write: %w", err)
		}
		if wait == 0 {
			return nil
		}
		if wait > patience {
			return errBlocked
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// block stops all writes of the account for a while: Coda keeps an account throttled that goes on.
func (w *writer) block(ctx context.Context) error {
	_, err := w.conn.Exec(ctx, `
		update august.coda_account set strikes = strikes + 1,
			blocked_until = clock_timestamp() + $2::interval * (1 << least(strikes, 2)) where account = $1`, w.account, w.cfg.Throttle)
	if err != nil {
		return fmt.Errorf("note that Coda throttles: %w", err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
