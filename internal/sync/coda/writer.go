package coda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// What august.coda_view.in_flight says beside requests' ids.
const (
	nothing  = ""
	unknown  = "?"  // a write was begun, and its answer is lost
	settling = "??" // it has been given the time to be applied; duplicates may exist
)

// Kinds of failure that Coda's status alone does not tell.
var (
	errSlow    = errors.New("a write that Coda accepted is not applied yet; Coda is asked again")
	errLost    = errors.New("the answer to a write was lost; it is given time, and then looked for")
	errBlocked = errors.New("the write limit of Coda is used up; it goes on by itself")
	errLater   = errors.New("deletions wait until Coda's listing shows what was written before")
)

// misfit is a doc, table or column that is not as the view needs it.
type misfit struct{ what string }

func (m *misfit) Error() string { return m.what }

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// writer pushes one view, holding the table's lock on its connection.
type writer struct {
	*Pusher
	target
	*standing
	conn *session

	under []underWay // oldest first
	lost  string     // nothing, unknown or settling

	looked   bool     // whether the table was looked at because of a refusal
	proven   bool     // whether Coda took any rows
	suspects []string // keys of rows refused while it took none
}

// run sends batch after batch until nothing waits.
func (w *writer) run(ctx context.Context) error {
	if err := w.recover(ctx); err != nil {
		return err
	}
	if err := w.preflight(ctx); err != nil {
		return err
	}
	if err := w.upsert(ctx); err != nil {
		return err
	}
	// Deletions that are held back hold back nothing else.
	held := w.remove(ctx)
	var unfit *misfit
	if held != nil && !errors.As(held, &unfit) {
		return held
	}
	if held != nil { // what was enqueued with them, after the upsert, need not wait for somebody to look into it
		if err := w.upsert(ctx); err != nil {
			return err
		}
	}
	if err := w.verify(ctx); err != nil {
		return err
	}
	return held
}

// settle notes how the push ended. Its error is one of the database.
func (w *writer) settle(ctx context.Context, err error) error {
	var coda *Error
	var unfit *misfit
	pause := w.cfg.Backoff
	switch {
	case err == nil:
		w.failed = false
		_, err = w.conn.Exec(ctx, `update august.coda_view set error = '', failures = 0, next_try = '-infinity', updated_at = now()
			where pipeline = $1 and view = $2 and (error <> '' or failures > 0)`, w.pipeline, w.view.View)
		return err
	case errors.Is(err, errLater):
		w.failed = true
		_, err = w.conn.Exec(ctx, `update august.coda_view set error = '', next_try = clock_timestamp() + $3::interval
			where pipeline = $1 and view = $2`, w.pipeline, w.view.View, w.cfg.Lag/4)
		return err
	case errors.As(err, &unfit):
		pause = w.cfg.Refused
	case status(err) >= 400 && status(err) < 500 && status(err) != http.StatusTooManyRequests:
		pause = w.cfg.Refused
		w.checked = time.Time{} // whatever it was, look at the table again
	case errors.Is(err, errLost):
		pause = w.cfg.Settle
	case errors.As(err, &coda), errors.Is(err, errSlow), errors.Is(err, errBlocked):
		if status(err) == http.StatusTooManyRequests { // of a read: the account is throttled as a whole
			if err := w.block(ctx, wait(err)); err != nil {
				return err
			}
		}
		var failures int
		if err := w.conn.QueryRow(ctx, `select failures from august.coda_view where pipeline = $1 and view = $2`,
			w.pipeline, w.view.View).Scan(&failures); err != nil {
			return err
		}
		pause = max(min(pause<<min(failures, 6), time.Minute), wait(err))
	default:
		return err
	}
	w.failed = true
	w.cfg.Log.WarnContext(ctx, "push to Coda did not succeed", "pipeline", w.pipeline, "view", w.view.View, "retry_in", pause, "error", err)
	return note(ctx, w.conn, w.target, pause, telemetry.ErrorText(err))
}

// recover waits for writes that an earlier push, here or elsewhere, left under way: a second write of a new
// key beside one could insert the row twice.
func (w *writer) recover(ctx context.Context) error {
	if err := w.recall(ctx); err != nil {
		return err
	}
	if err := w.drain(ctx); err != nil {
		return err
	}
	switch w.lost {
	case unknown:
		w.lost = settling
		if err := w.record(ctx); err != nil {
			return err
		}
		return errLost
	case settling:
		if err := w.preflight(ctx); err != nil {
			return err
		}
		var unfit *misfit // is said again when the table is verified, and is no reason to send nothing
		if err := w.compare(ctx); err != nil && !errors.As(err, &unfit) {
			return err
		}
		w.lost = nothing
		return w.record(ctx)
	}
	return nil
}

// remove deletes rows that are wanted no more: only rows whose key is in the outbox as gone.
func (w *writer) remove(ctx context.Context) error {
	type gone struct {
		Key   string
		Young bool
	}
	all, err := collect(ctx, w.conn, pgx.RowToStructByPos[gone], `
		update august.outbox set sent = null
		where pipeline = $1 and view = $2 and payload is null
		returning key, coalesce(sent_at > clock_timestamp() - $3::interval, false)`, w.pipeline, w.view.View, w.cfg.Lag)
	if err != nil || len(all) == 0 {
		return err
	}
	fresh := map[string]bool{}
	for _, g := range all {
		fresh[g.Key] = g.Young
	}
	listed, err := w.client.Rows(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn)
	if err != nil {
		return err
	}
	var ids []string
	there := map[string]bool{}
	for _, row := range listed {
		if _, gone := fresh[row.Key]; gone {
			ids = append(ids, row.ID)
			there[row.Key] = true
		}
	}
	var stay int
	if err := w.conn.QueryRow(ctx, `select count(*) from august.outbox where pipeline = $1 and view = $2 and payload is not null`,
		w.pipeline, w.view.View).Scan(&stay); err != nil {
		return err
	}
	implausible := len(ids) > max(few, stay)
	if !implausible {
		if err := w.delete(ctx, ids); err != nil {
			return err
		}
	}
	// Listings trail writes: a row written a moment ago may be there and not be listed yet.
	var done []string
	later := false
	for key, young := range fresh {
		switch {
		case there[key] && implausible:
		case young && !there[key]:
			later = true
		default:
			done = append(done, key)
		}
	}
	if _, err := w.conn.Exec(ctx, `delete from august.outbox where pipeline = $1 and view = $2 and payload is null and key = any($3)`,
		w.pipeline, w.view.View, done); err != nil {
		return err
	}
	switch {
	case implausible:
		return &misfit{fmt.Sprintf("%d rows have left the view and only %d stay; those are kept in table %s of Coda doc %s. "+
			"Find out why the view has shrunk; if it is right, delete all rows of the table in Coda by hand: those that stay are sent again",
			len(ids), stay, w.view.TableID, w.view.DocID)}
	case later:
		return errLater
	}
	return nil
}
