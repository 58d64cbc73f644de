package coda

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Prefix starts every key that this runtime writes. In the tables it is given, rows with such keys
// are its own, and no other row is ever touched.
const Prefix = "august/"

// few is how many rows may be deleted as strays, whatever share of the table they are.
const few = 50

// unverified is true for a view whose rows are due to be compared with Coda's: nobody has for $1,
// and nothing was written within $2, which Coda's listing might not show yet.
const unverified = `v.verified_at < clock_timestamp() - $1::interval
	and exists (select from august.outbox o where (o.pipeline, o.view) = (v.pipeline, v.view) and o.sent is not null)
	and not exists (select from august.outbox o where (o.pipeline, o.view) = (v.pipeline, v.view) and o.sent_at > clock_timestamp() - $2::interval)`

// verify compares the table's keys with the outbox when it is time to.
func (w *writer) verify(ctx context.Context) error {
	var due bool
	if err := w.conn.QueryRow(ctx, `select `+unverified+` from august.coda_view v where pipeline = $3 and view = $4`,
		w.cfg.Verify, w.cfg.Lag, w.pipeline, w.view.View).Scan(&due); err != nil || !due {
		return err
	}
	if err := w.compare(ctx); err != nil {
		return err
	}
	_, err := w.conn.Exec(ctx, `update august.coda_view set verified_at = clock_timestamp() where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View)
	return err
}

// compare reads the table's keys and mends what differs. Rows that somebody deleted are sent again.
// The younger of rows with one key, which a write whose answer was lost may leave, are deleted, and
// so are strays: rows with our prefix that the outbox does not know.
func (w *writer) compare(ctx context.Context) error {
	listed, err := w.client.Keys(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn)
	if err != nil {
		return err
	}
	rows, err := w.conn.Query(ctx, `select key from august.outbox where pipeline = $1 and view = $2`, w.pipeline, w.view.View)
	if err != nil {
		return err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(keys))
	for _, key := range keys {
		known[key] = true
	}
	seen := map[string]bool{}
	var twins, strays []string
	for _, row := range listed { // oldest first
		switch {
		case known[row.Key] && seen[row.Key]:
			twins = append(twins, row.ID)
		case !known[row.Key] && strings.HasPrefix(row.Key, Prefix):
			strays = append(strays, row.ID)
		}
		seen[row.Key] = true
	}
	if len(strays) > max(few, len(keys)) {
		return &misfit{fmt.Sprintf("table %s of Coda doc %s holds %d rows with our keys that this pipeline did not write; nothing is deleted: if no other runtime writes to the table, delete them by hand", w.view.TableID, w.view.DocID, len(strays))}
	}
	if len(twins)+len(strays) > 0 {
		w.cfg.Log.WarnContext(ctx, "rows are deleted from Coda that should not be there", "view", w.view.View, "twins", len(twins), "strays", len(strays))
	}
	for ids := append(twins, strays...); len(ids) > 0; {
		n := min(len(ids), maxRows)
		if err := w.write(ctx, func() (string, error) { return w.client.Delete(ctx, w.view.DocID, w.view.TableID, ids[:n]) }); err != nil {
			return err
		}
		w.counted(ctx, w.view.View, "delete", n)
		ids = ids[n:]
	}
	found := make([]string, 0, len(seen))
	for key := range seen {
		found = append(found, key)
	}
	tag, err := w.conn.Exec(ctx, `
		update august.outbox set sent = null
		where pipeline = $1 and view = $2 and sent is not null and sent_at < clock_timestamp() - $4::interval and key <> all($3)`,
		w.pipeline, w.view.View, found, w.cfg.Lag)
	if err != nil {
		return err
	}
	if n := tag.RowsAffected(); n > 0 {
		w.cfg.Log.WarnContext(ctx, "rows are missing in Coda and are sent again", "view", w.view.View, "rows", n)
	}
	return nil
}
