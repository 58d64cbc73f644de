package coda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Prefix starts every key that this runtime writes. In the tables it is given, rows with such keys
// are its own, and no other row is ever touched.
const Prefix = "august/"

// few is how many rows may be deleted as strays, whatever share of the table they are.
const few = 50

// unverified is true for a view whose rows are due to be compared with Coda's: something was written since
// they last were, or nobody has for $1; and nothing was written within $2, which Coda's listing might not
// show yet. The order leads to the view's own rows, whatever other views have.
const unverified = `(v.wrote_at > v.verified_at or v.verified_at < clock_timestamp() - $1::interval
		and coalesce((select true from august.outbox o where (o.pipeline, o.view) = (v.pipeline, v.view) and o.sent is not null order by o.key limit 1), false))
	and v.wrote_at < clock_timestamp() - $2::interval`

// verify compares the table's rows with the outbox when it is time to.
func (w *writer) verify(ctx context.Context) error {
	var due bool
	var began time.Time
	if err := w.conn.QueryRow(ctx, `select `+unverified+`, clock_timestamp() from august.coda_view v where pipeline = $3 and view = $4`,
		w.cfg.Verify, w.cfg.Lag, w.pipeline, w.view.View).Scan(&due, &began); err != nil || !due {
		return err
	}
	if err := w.compare(ctx); err != nil {
		return err
	}
	_, err := w.conn.Exec(ctx, `update august.coda_view set verified_at = $3 where pipeline = $1 and view = $2`,
		w.pipeline, w.view.View, began)
	return err
}

// kept is a row of the outbox: what Coda should show, when it is known to have been told.
type kept struct {
	key     string
	payload []byte
	told    bool // the wanted content was sent here, and longer ago than listings trail
	again   bool // and had been sent before, because Coda showed another
	doubted bool // whether that is still noted
}

// compare reads the table and mends what differs. Rows that somebody deleted are sent again, and so are
// rows that show something else than was sent: Coda completes a write also when it came to nothing, and
// people edit. A row that still differs then is only reported: what is sent to such a column does not come
// back as it was, and would be sent for ever. The younger of rows with one key, which a write whose answer
// was lost may leave, are deleted, and so are strays: rows with our prefix that the outbox does not know.
func (w *writer) compare(ctx context.Context) error {
	listed, err := w.client.Rows(ctx, w.view.DocID, w.view.TableID, w.view.KeyColumn)
	if err != nil {
		return err
	}
	outbox, err := collect(ctx, w.conn, func(r pgx.CollectableRow) (k kept, err error) {
		return k, r.Scan(&k.key, &k.payload, &k.told, &k.again, &k.doubted)
	}, `
		select key, payload, coalesce(payload is not null and sent = hash || $3::bytea and sent_at < clock_timestamp() - $4::interval, false),
			coalesce(mended = sent, false), mended is not null
		from august.outbox where pipeline = $1 and view = $2`, w.pipeline, w.view.View, w.dest, w.cfg.Lag)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(outbox))
	for _, k := range outbox {
		known[k.key] = true
	}
	seen := map[string]KeyRow{}
	var twins, strays []string
	for _, row := range listed { // oldest first
		_, twice := seen[row.Key]
		switch {
		case known[row.Key] && twice:
			twins = append(twins, row.ID)
		case !known[row.Key] && strings.HasPrefix(row.Key, Prefix):
			strays = append(strays, row.ID)
		}
		if !twice {
			seen[row.Key] = row
		}
	}
	if err := w.mend(ctx, outbox, seen); err != nil {
		return err
	}
	var foreign error
	if len(strays) > max(few, len(outbox)) {
		foreign = &misfit{fmt.Sprintf("table %s of Coda doc %s holds %d rows with our keys that this pipeline did not write; nothing is deleted: if no other runtime writes to the table, delete them by hand", w.view.TableID, w.view.DocID, len(strays))}
		strays = nil
	}
	if len(twins)+len(strays) > 0 {
		w.cfg.Log.WarnContext(ctx, "rows are deleted from Coda that should not be there", "pipeline", w.pipeline, "view", w.view.View, "twins", len(twins), "strays", len(strays))
	}
	if err := w.delete(ctx, append(twins, strays...)); err != nil {
		return err
	}
	return foreign
}

// mend has rows sent again that Coda does not show as it was told.
func (w *writer) mend(ctx context.Context, outbox []kept, seen map[string]KeyRow) error {
	var missing, changed, equal []string
	stubborn := 0
	for _, k := range outbox {
		if !k.told {
			continue
		}
		row, there := seen[k.key]
		switch {
		case !there:
			missing = append(missing, k.key)
		case w.shows(row, k.payload):
			if k.doubted {
				equal = append(equal, k.key)
			}
		case k.again:
			stubborn++
		default:
			changed = append(changed, k.key)
		}
	}
	// What was enqueued meanwhile waits anyhow.
	for _, do := range []struct {
		set  string
		keys []string
	}{{"sent = null", missing}, {"mended = sent, sent = null", changed}, {"mended = null", equal}} {
		if len(do.keys) == 0 {
			continue
		}
		if _, err := w.conn.Exec(ctx, `update august.outbox set `+do.set+` where pipeline = $1 and view = $2 and key = any($3) and sent is not null`,
			w.pipeline, w.view.View, do.keys); err != nil {
			return err
		}
	}
	if len(missing)+len(changed)+stubborn > 0 {
		w.cfg.Log.WarnContext(ctx, "Coda does not show what it was sent", "pipeline", w.pipeline, "view", w.view.View,
			"missing", len(missing), "changed", len(changed), "not_mended", stubborn)
	}
	return nil
}

// shows says whether a listed row holds what the payload asks for.
func (w *writer) shows(row KeyRow, payload []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var fields map[string]any
	if decoder.Decode(&fields) != nil {
		return true // was never sent
	}
	for field, column := range w.view.Columns {
		if got, ok := row.Values[column]; ok && !alike(wish(fields[field]), got) {
			return false
		}
	}
	return true
}

// alike says whether a cell shows a value. Currency comes back as text, rounded as the column shows it;
// what percent means is left open.
func alike(want, got any) bool {
	text, isText := got.(string)
	if number, ok := want.(json.Number); ok {
		value, err := number.Float64()
		switch {
		case err != nil:
			return true
		case !isText:
			return got == value
		case strings.HasSuffix(text, "%"):
			return true
		}
		shown, places, ok := amount(text)
		return ok && math.Abs(shown-value) <= 0.5000001*math.Pow(10, -float64(places))
	}
	if isText {
		return strings.TrimSpace(text) == strings.TrimSpace(fmt.Sprint(want))
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

// amount reads "$1,234.50", "-$3" and "($3.00)", and counts the decimal places.
func amount(text string) (value float64, places int, ok bool) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return -1
	}, text)
	value, err := strconv.ParseFloat(digits, 64)
	if _, fraction, found := strings.Cut(digits, "."); found {
		places = len(fraction)
	}
	if strings.ContainsAny(text, "-(\u2212") {
		value = -value
	}
	return value, places, err == nil
}
