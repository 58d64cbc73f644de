package coda

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// patience is the longest wait for a free write that is sat out holding the table's lock.
const patience = 15 * time.Second

// maxUnderWay bounds the writes that Coda has accepted and not applied. It takes Coda up to 23 s to apply
// one, and the limit lets one go every 3.5 s. No key is in two of them: two inserts of one key under way
// together might both be made.
const maxUnderWay = 16

// underWay is a write that Coda has accepted.
type underWay struct {
	request string
	batch   batch // of an upsert; empty for a deletion
}

// launch makes one write under the account's limit. Coda has accepted it when launch returns nil, and
// applied it when land has. Whatever happens meanwhile, the database knows that something may be under
// way.
func (w *writer) launch(ctx context.Context, b batch, send func() (string, error)) error {
	for len(w.under) >= maxUnderWay {
		if err := w.land(ctx); err != nil {
			return err
		}
	}
	if err := w.reserve(ctx); err != nil {
		return err
	}
	w.lost = unknown
	if err := w.record(ctx); err != nil {
		return err
	}
	request, err := send()
	w.wrote(ctx, err)
	switch code := status(err); {
	case err == nil:
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
	w.lost = nothing
	w.under = append(w.under, underWay{request, b})
	if err := w.record(ctx); err != nil {
		return err
	}
	_, err = w.conn.Exec(ctx, `update august.coda_account set strikes = 0 where account = $1 and strikes > 0`, w.account)
	return err
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
	for len(ids) > 0 {
		n := min(len(ids), maxRows)
		if err := w.launch(ctx, batch{}, func() (string, error) { return w.client.Delete(ctx, w.view.DocID, w.view.TableID, ids[:n]) }); err != nil {
			return err
		}
		if err := w.drain(ctx); err != nil {
			return err
		}
		w.counted(ctx, w.view.View, "delete", n)
		ids = ids[n:]
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
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
			for _, mine := range w.flying[w.id()] { // sent by this instance, which knows what is in it
				if mine.request == word {
					u = mine
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
	doubtful, err := w.await(ctx, first.request)
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
func (w *writer) await(ctx context.Context, request string) (doubtful bool, err error) {
	began := time.Now()
	for pause := w.cfg.FirstPoll; ; pause = min(pause*3/2, w.cfg.LastPoll) {
		if err := sleep(ctx, pause); err != nil {
			return false, err
		}
		done, doubtful, err := w.client.Done(ctx, request)
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

// block stops all writes of the account for a while, and for as long as Coda asks: Coda keeps an account
// throttled that goes on.
func (w *writer) block(ctx context.Context, asked time.Duration) error {
	_, err := w.conn.Exec(ctx, `
		update august.coda_account set strikes = strikes + 1,
			blocked_until = clock_timestamp() + greatest($2::interval * (1 << least(strikes, 2)), $3::interval) where account = $1`, w.account, w.cfg.Throttle, asked)
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
