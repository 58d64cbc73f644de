package coda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// What august.coda_view.in_flight says beside a request's id.
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
	conn *pgx.Conn
}

// run sends batch after batch until nothing waits.
func (w *writer) run(ctx context.Context) error {
	if err := w.recover(ctx); err != nil {
		return err
	}
	if err := w.preflight(ctx); err != nil {
		return err
	}
	for {
		sent, err := w.upsert(ctx)
		if err != nil {
			return err
		}
		if sent == 0 {
			break
		}
	}
	if err := w.remove(ctx); err != nil {
		return err
	}
	return w.verify(ctx)
}

// settle notes how the push ended. Its error is one of the database.
func (w *writer) settle(ctx context.Context, err error) error {
	var coda *Error
	var unfit *misfit
	pause := w.cfg.Backoff
	switch {
	case err == nil:
		delete(w.failed, w.id())
		_, err = w.conn.Exec(ctx, `update august.coda_view set error = '', failures = 0, next_try = '-infinity', updated_at = now()
			where pipeline = $1 and view = $2 and (error <> '' or failures > 0)`, w.pipeline, w.view.View)
		return err
	case errors.Is(err, errLater):
		w.failed[w.id()] = true
		_, err = w.conn.Exec(ctx, `update august.coda_view set error = '', next_try = clock_timestamp() + $3::interval
			where pipeline = $1 and view = $2`, w.pipeline, w.view.View, w.cfg.Lag/4)
		return err
	case errors.As(err, &unfit):
		pause = w.cfg.Refused
	case errors.As(err, &coda) && coda.Status >= 400 && coda.Status < 500 && coda.Status != http.StatusTooManyRequests:
		pause = w.cfg.Refused
		delete(w.checked, w.id()) // whatever it was, look at the table again
	case errors.Is(err, errLost):
		pause = w.cfg.Settle
	case errors.As(err, &coda), errors.Is(err, errSlow), errors.Is(err, errBlocked):
		var failures int
		if err := w.conn.QueryRow(ctx, `select failures from august.coda_view where pipeline = $1 and view = $2`,
			w.pipeline, w.view.View).Scan(&failures); err != nil {
			return err
		}
		pause = min(pause<<min(failures, 6), time.Minute)
	default:
		return err
	}
	w.failed[w.id()] = true
	w.cfg.Log.WarnContext(ctx, "push to Coda did not succeed", "pipeline", w.pipeline, "view", w.view.View, "retry_in", pause, "error", err)
	return note(ctx, w.conn, w.target, pause, telemetry.ErrorText(err))
}

// recover waits for a write that an earlier push, here or elsewhere, left under way: a second write
// of a new key beside it could insert the row twice.
func (w *writer) recover(ctx context.Context) error {
	var flight string
	if err := w.conn.QueryRow(ctx, `select in_flight from august.coda_view where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View).Scan(&flight); err != nil {
		return err
	}
	switch flight {
	case nothing:
		return nil
	case unknown:
		if err := w.flight(ctx, settling); err != nil {
			return err
		}
		return errLost
	case settling:
		if err := w.preflight(ctx); err != nil {
			return err
		}
		if err := w.compare(ctx); err != nil {
			return err
		}
		return w.flight(ctx, nothing)
	default:
		return w.await(ctx, flight)
	}
}

// upsert sends one batch and waits until it is applied. It returns the number of rows sent.
func (w *writer) upsert(ctx context.Context) (int, error) {
	rows, err := w.conn.Query(ctx, `
		select key, payload, hash from august.outbox
		where pipeline = $1 and view = $2 and payload is not null and `+waiting+`
		order by changed_at, key limit $4`, w.pipeline, w.view.View, w.dest, maxRows)
	if err != nil {
		return 0, err
	}
	type wanted struct {
		key     string
		payload []byte
		hash    []byte
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r wanted, err error) {
		return r, row.Scan(&r.key, &r.payload, &r.hash)
	})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var batch [][]Cell
	var keys []string
	var sent [][]byte
	size := 0
	for _, r := range list {
		cells, bytes, err := w.cells(r.key, r.payload)
		if err != nil {
			return 0, err
		}
		if size += bytes; size > maxRequest && len(batch) > 0 {
			break
		}
		batch, keys, sent = append(batch, cells), append(keys, r.key), append(sent, append(r.hash, w.dest...))
	}
	if err := w.write(ctx, func() (string, error) {
		return w.client.Upsert(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn, batch)
	}); err != nil {
		return 0, err
	}
	// A row that changed meanwhile has another hash by now, and so still waits.
	if _, err := w.conn.Exec(ctx, `
		update august.outbox o set sent = n.sent, sent_at = clock_timestamp()
		from unnest($3::text[], $4::bytea[]) as n (key, sent)
		where o.pipeline = $1 and o.view = $2 and o.key = n.key`, w.pipeline, w.view.View, keys, sent); err != nil {
		return 0, err
	}
	w.counted(ctx, w.view.View, "upsert", len(batch))
	return len(batch), nil
}

// cells makes a row's cells and says how large an edit they are.
func (w *writer) cells(key string, payload []byte) ([]Cell, int, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, 0, fmt.Errorf("read row %s of the outbox: %w", key, err)
	}
	out := []Cell{{w.view.KeyColumn, key}}
	for _, field := range slices.Sorted(maps.Keys(w.view.Columns)) {
		if value, ok := fields[field]; ok && value != nil {
			out = append(out, Cell{w.view.Columns[field], value})
		} else {
			out = append(out, Cell{w.view.Columns[field], ""})
		}
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return nil, 0, err
	}
	// Coda counts a line break twice.
	size := len(encoded) + bytes.Count(encoded, []byte(`\n`))
	if size > maxRowEdit {
		return nil, 0, &misfit{fmt.Sprintf("row %s is %d bytes; Coda takes at most %d in one row: map fewer columns", key, size, maxRowEdit)}
	}
	return out, size, nil
}

// remove deletes rows that are wanted no more: only rows whose key is in the outbox as gone.
func (w *writer) remove(ctx context.Context) error {
	rows, err := w.conn.Query(ctx, `
		update august.outbox set sent = null
		where pipeline = $1 and view = $2 and payload is null
		returning key, coalesce(sent_at > clock_timestamp() - $3::interval, false)`, w.pipeline, w.view.View, w.cfg.Lag)
	if err != nil {
		return err
	}
	fresh := map[string]bool{}
	var key string
	var young bool
	if _, err := pgx.ForEachRow(rows, []any{&key, &young}, func() error { fresh[key] = young; return nil }); err != nil {
		return err
	}
	if len(fresh) == 0 {
		return nil
	}
	listed, err := w.client.Keys(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn)
	if err != nil {
		return err
	}
	var ids, keys []string
	for _, row := range listed {
		if _, gone := fresh[row.Key]; gone {
			ids, keys = append(ids, row.ID), append(keys, row.Key)
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), maxRows)
		if err := w.write(ctx, func() (string, error) { return w.client.Delete(ctx, w.view.DocID, w.view.TableID, ids[:n]) }); err != nil {
			return err
		}
		w.counted(ctx, w.view.View, "delete", n)
		ids = ids[n:]
	}
	// Listings trail writes: a row written a moment ago may be there and not be listed yet.
	var done []string
	later := false
	for key, young := range fresh {
		if young && !slices.Contains(keys, key) {
			later = true
			continue
		}
		done = append(done, key)
	}
	if _, err := w.conn.Exec(ctx, `delete from august.outbox where pipeline = $1 and view = $2 and payload is null and key = any($3)`,
		w.pipeline, w.view.View, done); err != nil {
		return err
	}
	if later {
		return errLater
	}
	return nil
}
