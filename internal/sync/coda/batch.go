package coda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// wanted is a row on its way: what it should be, and how august.outbox.sent says so.
type wanted struct {
	key   string
	cells []Cell
	sent  []byte
}

// batch is the rows of one request.
type batch []wanted

func (b batch) keys() []string {
	keys := make([]string, len(b))
	for i, row := range b {
		keys[i] = row.key
	}
	return keys
}

// upsert sends every row that waits, a batch at a time.
func (w *writer) upsert(ctx context.Context) error {
	for {
		b, err := w.next(ctx)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			if len(w.under) == 0 {
				return w.park(ctx)
			}
			if err := w.land(ctx); err != nil {
				return err
			}
			continue
		}
		if err := w.send(ctx, b); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// What Coda has taken is waited for, whatever became of this one.
			if late := w.drain(ctx); late != nil {
				return late
			}
			if !refusal(err) {
				return err
			}
			if err := w.isolate(ctx, b, err); err != nil {
				return err
			}
		}
	}
}

// waits is a row of the outbox that is to be sent.
type waits struct {
	Key           string
	Payload, Hash []byte
}

// next is the next rows that fit into one request, without those under way. Rows that were refused before
// come last.
func (w *writer) next(ctx context.Context) (batch, error) {
	away := w.suspects
	for _, u := range w.under {
		away = append(slices.Clip(away), u.batch.keys()...)
	}
	if away == nil {
		away = []string{}
	}
	for {
		list, err := collect(ctx, w.conn, pgx.RowToStructByPos[waits], `
			select key, payload, hash from august.outbox
			where pipeline = $1 and view = $2 and payload is not null and `+waiting+` and key <> all($5)
			order by refused is not distinct from hash || $3::bytea, changed_at, key limit $4`, w.pipeline, w.view.View, w.dest, maxRows, away)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		var b batch
		var unfit []string
		size := 0
		for _, r := range list {
			cells, bytes, err := w.cells(r.Key, r.Payload)
			one := wanted{r.Key, cells, append(r.Hash, w.dest...)}
			if err != nil {
				if err := w.refuse(ctx, one, err.Error(), w.cfg.Retry); err != nil {
					return nil, err
				}
				unfit = append(unfit, r.Key)
				continue
			}
			if size += bytes; size > maxRequest && len(b) > 0 {
				break
			}
			b = append(b, one)
		}
		if len(b) > 0 {
			return b, nil
		}
		away = append(slices.Clip(away), unfit...) // also when they may be tried again at once
	}
}

// cells makes a row's cells and says how large they are in a request. Its errors say nothing of the row's
// content.
func (w *writer) cells(key string, payload []byte) ([]Cell, int, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, 0, errors.New("it is no object of fields")
	}
	out := []Cell{{w.view.KeyColumn, key}}
	for _, field := range slices.Sorted(maps.Keys(w.view.Columns)) {
		out = append(out, Cell{w.view.Columns[field], wish(fields[field])})
	}
	edit := 0
	for _, cell := range out {
		edit += editSize(cell.Value)
	}
	if edit > maxRowEdit {
		return nil, 0, fmt.Errorf("it is %d bytes, and Coda takes %d in one row: map fewer columns", edit, maxRowEdit)
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return nil, 0, errors.New("it cannot be put into a request")
	}
	return out, len(encoded), nil
}

// wish is a field's value as a cell: nothing is the empty text, for Coda has no null.
func wish(value any) any {
	if value == nil {
		return ""
	}
	return value
}

// editSize is what Coda counts for a cell: UTF-8, and a line break twice.
func editSize(value any) int {
	switch v := value.(type) {
	case string:
		return len(v) + strings.Count(v, "\n")
	case json.Number:
		return len(v)
	case bool:
		return len("false")
	default: // a view's fields are none of these; Coda refuses the row
		return len(fmt.Sprint(v))
	}
}

// send launches a batch.
func (w *writer) send(ctx context.Context, b batch) error {
	cells := make([][]Cell, len(b))
	for i, row := range b {
		cells[i] = row.cells
	}
	err := w.launch(ctx, b, func() (string, error) {
		return w.client.Upsert(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn, cells)
	})
	if err != nil {
		return err
	}
	w.proven = true
	return w.park(ctx)
}

// confirm counts the rows of a batch as sent.
func (w *writer) confirm(ctx context.Context, b batch) error {
	if len(b) == 0 {
		return nil
	}
	sent := make([][]byte, len(b))
	for i, row := range b {
		sent[i] = row.sent
	}
	// A row that changed meanwhile has another hash by now, and so still waits.
	if _, err := w.conn.Exec(ctx, `
		update august.outbox o set sent = n.sent, sent_at = clock_timestamp(), refused = null, refused_as = null, retry_at = null
		from unnest($3::text[], $4::bytea[]) as n (key, sent)
		where o.pipeline = $1 and o.view = $2 and o.key = n.key`, w.pipeline, w.view.View, b.keys(), sent); err != nil {
		return err
	}
	w.counted(ctx, w.view.View, "upsert", len(b))
	return nil
}

// refusal tells that Coda refused the request for what is in it.
func refusal(err error) bool {
	switch status(err) {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// enough is how many rows, each refused on its own with none taken, make it the table's fault.
const enough = 4

// isolate finds the rows for whose sake Coda refused a batch, which it does not say: by halves, each on its
// own. The others go through.
func (w *writer) isolate(ctx context.Context, b batch, refused error) error {
	if !w.looked { // a column that is gone refuses every row alike
		w.looked = true
		w.checked = time.Time{}
		if err := w.preflight(ctx); err != nil {
			return err
		}
	}
	if len(b) == 1 {
		return w.suspect(ctx, b[0], refused)
	}
	for _, half := range []batch{b[:len(b)/2], b[len(b)/2:]} {
		err := w.send(ctx, half)
		if refusal(err) {
			err = w.isolate(ctx, half, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// suspect sets a refused row aside: for a day when Coda takes other rows, else to see whether it does.
func (w *writer) suspect(ctx context.Context, row wanted, refused error) error {
	why := fmt.Sprintf("Coda answers %d", status(refused))
	var coda *Error
	if errors.As(refused, &coda) && coda.Message != "" {
		why += ": " + coda.Message
	}
	if w.proven {
		return w.refuse(ctx, row, why, w.cfg.Retry)
	}
	w.suspects = append(w.suspects, row.key)
	if err := w.refuse(ctx, row, why, 0); err != nil {
		return err
	}
	if len(w.suspects) >= enough {
		return fmt.Errorf("the table has taken no row yet and refused %d, each on its own: %w", len(w.suspects), refused)
	}
	return nil
}

// park sets aside for a day what was refused and is not the table's fault.
func (w *writer) park(ctx context.Context) error {
	if len(w.suspects) == 0 {
		return nil
	}
	_, err := w.conn.Exec(ctx, `update august.outbox set retry_at = clock_timestamp() + $4::interval
		where pipeline = $1 and view = $2 and key = any($3) and refused is not null`, w.pipeline, w.view.View, w.suspects, w.cfg.Retry)
	w.suspects = nil
	return err
}

// refuse notes on a row that Coda does not take it as it is.
func (w *writer) refuse(ctx context.Context, row wanted, why string, pause time.Duration) error {
	sum := sha256.Sum256([]byte(row.key))
	w.cfg.Log.WarnContext(ctx, "row is left out of Coda", "pipeline", w.pipeline, "view", w.view.View, "row", hex.EncodeToString(sum[:6]), "why", why)
	w.counted(ctx, w.view.View, "refused", 1)
	_, err := w.conn.Exec(ctx, `update august.outbox set refused = $4, refused_as = $5, retry_at = clock_timestamp() + $6::interval
		where pipeline = $1 and view = $2 and key = $3`, w.pipeline, w.view.View, row.key, row.sent, why, pause)
	return err
}
