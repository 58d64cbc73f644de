package coda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is the longest wait for a free write that is sat out holding the table's lock.
const patience = 15 * time.Second

// mostUnderWay bounds the writes that Coda has accepted and not applied: those of five windows, for it takes Coda
// up to 23 s to apply one. No key is in two of them: two inserts of one key under way together might both be made.
func (w *writer) mostUnderWay() int { return min(5*w.cfg.Writes, 64) }

// underWay is a write that Coda has accepted.
type underWay struct {
	request string
	batch   batch     // of an upsert; empty for a deletion
	since   time.Time // when Coda accepted it; zero: before this push
}

// launch makes one write under the account's limit. Coda has accepted it when launch returns nil, and
// applied it when land has. Whatever happens meanwhile, the database knows that something may be under
// way.
func (w *writer) launch(ctx context.Context, b batch, send func() (string, error)) error {
	for len(w.under) >= w.mostUnderWay() {
		if err := w.land(ctx); err != nil {
			return err
		}
	}
	slot, err := w.reserve(ctx)
	if err != nil {
		return err
	}
	w.lost = unknown
	if err := w.record(ctx); err != nil {
		return err
	}
	request, err := send()
	w.wrote(ctx, err)
	if err == nil {
		w.lost = nothing
		w.under = append(w.under, underWay{request, b, time.Now()})
		if err := w.record(ctx); err != nil {
			return err
		}
		return w.arrived(ctx, slot, true)
	}
	if failed := w.arrived(ctx, slot, false); failed != nil {
		return failed
	}
	switch code := status(err); {
	case code == http.StatusTooManyRequests: // not executed
		if err := w.block(ctx, wait(err)); err != nil {
			return err
		}
		return w.grounded(ctx, errBlocked)
	case code >= 400 && code < 500: // refused
		return w.grounded(ctx, explain(err, "table %s of Coda doc %s", w.view.TableID, w.view.DocID))
	default: // executed or not, nobody knows
		return err
	}
}

// grounded notes that the write is not under way, and passes err on.
func (w *writer) grounded(ctx context.Context, err error) error {
	w.lost = nothing
	if failed := w.record(ctx); failed != nil {
		return failed
	}
	return err
}

// delete deletes rows and waits until they are gone.
func (w *writer) delete(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, maxRows) {
		if err := w.launch(ctx, batch{}, func() (string, error) { return w.client.Delete(ctx, w.view.DocID, w.view.TableID, some) }); err != nil {
			return err
		}
	}
	if err := w.drain(ctx); err != nil {
		return err
	}
	if len(ids) > 0 {
		w.counted(ctx, w.view.View, "delete", len(ids))
	}
	return nil
}

// record notes what is under way. It is noted also when ctx has just ended: a write whose id is lost
// costs the next pusher a read of the whole table.
func (w *writer) record(ctx context.Context) error {
	words := make([]string, 0, len(w.under)+1)
	for _, u := range w.under {
		words = append(words, u.request)
	}
	if w.lost != nothing {
		words = append(words, w.lost)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	_, err := w.conn.Exec(ctx, `update august.coda_view set in_flight = $3, updated_at = now() where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View, strings.Join(words, " "))
	if err != nil {
		return fmt.Errorf("note a write to Coda: %w", err)
	}
	return nil
}

// recall reads what an earlier writer has noted.
func (w *writer) recall(ctx context.Context) error {
	var words string
	if err := w.conn.QueryRow(ctx, `select in_flight from august.coda_view where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View).Scan(&words); err != nil {
		return err
	}
	for word := range strings.FieldsSeq(words) {
		if word == unknown || word == settling {
			w.lost = word
		} else {
			u := underWay{request: word}
			for _, mine := range w.flying { // sent by this instance, which knows what is in it
				if mine.request == word {
					u.batch = mine.batch
				}
			}
			w.under = append(w.under, u)
		}
	}
	return nil
}

// drain waits until everything under way is applied.
func (w *writer) drain(ctx context.Context) error {
	for len(w.under) > 0 {
		if err := w.land(ctx); err != nil {
			return err
		}
	}
	return nil
}

// land waits until the oldest write is applied, and counts its rows as sent. Coda applies a doc's writes in
// the order in which it took them.
func (w *writer) land(ctx context.Context) error {
	first := w.under[0]
	doubtful, err := w.await(ctx, first)
	if err != nil {
		return err
	}
	if err := w.confirm(ctx, first.batch); err != nil {
		return err
	}
	// Doubts are met by a look at the table, which follows every write.
	if _, err := w.conn.Exec(ctx, `update august.coda_view set wrote_at = clock_timestamp() where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View); err != nil {
		return err
	}
	if doubtful {
		w.cfg.Log.WarnContext(ctx, "Coda has a reservation about a write", "pipeline", w.pipeline, "view", w.view.View, "rows", len(first.batch))
	}
	w.under = w.under[1:]
	return w.record(ctx)
}

// await waits until a write is applied. A write that Coda no longer knows was applied or lost longer than
// a day ago: the rows tell.
func (w *writer) await(ctx context.Context, u underWay) (doubtful bool, err error) {
	began := time.Now()
	if err := sleep(ctx, w.cfg.FirstPoll-time.Since(u.since)); err != nil {
		return false, err
	}
	for pause := w.cfg.FirstPoll; ; pause = min(pause*3/2, w.cfg.LastPoll) {
		done, doubtful, err := w.client.Done(ctx, u.request)
		switch {
		case err == nil && done:
			return doubtful, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case status(err) == http.StatusNotFound && time.Since(began) > w.cfg.Appears:
			w.under, w.lost = w.under[1:], settling
			if err := w.record(ctx); err != nil {
				return false, err
			}
			return false, errLost
		case err == nil, status(err) == http.StatusNotFound, status(err) == http.StatusTooManyRequests, status(err) == 0, status(err) >= 500:
		default:
			return false, explain(err, "the progress of a write")
		}
		if time.Since(began) > w.cfg.GiveUp {
			return false, errSlow
		}
		if err := sleep(ctx, pause); err != nil {
			return false, err
		}
	}
}

// reserve books one write of the account's, and returns what the book knows it by. The limit counts per user,
// so the book is in the database, where all instances and all tables share it, and by its clock.
//
// Coda counts a write when it arrives, which is some time between its booking and its answer. One that is
// under way occupies its place whatever comes; see arrived. From then on it does so for the Window, which
// slides. However slow the way is, Coda never sees more than it allows.
func (w *writer) reserve(ctx context.Context) (slot time.Time, err error) {
	for {
		var wait time.Duration
		err := w.conn.QueryRow(ctx, `
			with book as materialized (
				select account, blocked_until, clock_timestamp() as now,
					array(select at from unnest(writes) at where at > clock_timestamp() - $2::interval order by at) as recent
				from august.coda_account where account = $1 for update
			), decided as (
				select account, now, recent, now + $4::interval as slot, greatest(interval '0',
					case when blocked_until > now then blocked_until - now end,
					case when cardinality(recent) >= $3 then least(recent[cardinality(recent) - $3 + 1] - now, interval '0') + $2::interval end) as wait
				from book
			)
			update august.coda_account a set writes = case when d.wait = interval '0' then d.recent || d.slot else a.writes end
			from decided d where a.account = d.account returning d.slot, d.wait`, w.account, w.cfg.Window, w.cfg.Writes, timeout).Scan(&slot, &wait)
		if errors.Is(err, pgx.ErrNoRows) {
			if _, err = w.conn.Exec(ctx, `insert into august.coda_account (account) values ($1) on conflict do nothing`, w.account); err == nil {
				continue
			}
		}
		switch {
		case err != nil:
			return slot, fmt.Errorf("book a write: %w", err)
		case wait == 0:
			return slot, nil
		case wait > patience:
			return slot, errBlocked
		}
		if err := sleep(ctx, wait); err != nil {
			return slot, err
		}
	}
}

// arrived notes that a booked write has been answered, or given up: it has arrived by now, if it ever does. It
// is noted also when ctx has just ended.
func (w *writer) arrived(ctx context.Context, slot time.Time, taken bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	_, err := w.conn.Exec(ctx, `
		update august.coda_account set writes = array_remove(writes, $2) || clock_timestamp(), strikes = case when $3 then 0 else strikes end
		where account = $1`, w.account, slot, taken)
	if err != nil {
		return fmt.Errorf("note that a write has been answered: %w", err)
	}
	return nil
}

// block stops all writes of the account for a while, and for as long as Coda asks: Coda keeps an account
// throttled that goes on.
func (w *writer) block(ctx context.Context, asked time.Duration) error {
	_, err := w.conn.Exec(ctx, `
		insert into august.coda_account as a (account, strikes, blocked_until) values ($1, 1, clock_timestamp() + greatest($2::interval, $3::interval))
		on conflict (account) do update set strikes = a.strikes + 1,
			blocked_until = clock_timestamp() + greatest($2::interval * (1 << least(a.strikes, 2)), $3::interval)`, w.account, w.cfg.Throttle, asked)
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
