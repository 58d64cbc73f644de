package coda_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// log is a log that can be read while it is written.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// enqueue makes rows with these payers the wanted content, by number.
func (b *bundle) enqueue(payers map[int]string) {
	b.t.Helper()
	var rows []coda.Row
	for i, payer := range payers {
		rows = append(rows, coda.Row{Key: key(i), Payload: fmt.Appendf(nil, `{"month":"2026-03","payer":%q,"claims":12,"billed":%d.50}`, payer, i)})
	}
	if err := pgx.BeginFunc(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		return coda.Enqueue(b.t.Context(), tx, "billing", "billing_summary", rows, 0)
	}); err != nil {
		b.t.Fatal(err)
	}
}

// payers is what Coda holds, by key; a key that is there twice shows.
func (b *bundle) payers() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	for _, row := range b.rows() {
		k := fmt.Sprint(row["c-key"])
		out[k] += fmt.Sprint(row["c-payer"])
	}
	return out
}

// free takes the limits away, for what is not about them.
func (b *bundle) free() coda.Config {
	b.coda.Set(func(s *sandbox.Settings) { s.RowsPer10s, s.WritesPer6s, s.ReadsPer6s = 0, 0, 0 })
	cfg := b.fast()
	cfg.Writes, cfg.Window = 1000, time.Second
	return cfg
}

// Two rows among many are refused, and so is one that is too large to be sent. All others arrive; the three
// are reported by the hash of their key, and nothing of them is.
func TestPusher_isolatesBadRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const bad = "Refused Payer 4471"
	cfg := b.free()
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText = bad })
	out := &log{}
	cfg.Log = slog.New(slog.NewTextHandler(out, nil))
	want := map[int]string{}
	for i := range 130 {
		want[i] = "Example Payer"
	}
	want[7], want[99], want[50] = bad, bad, strings.Repeat("x", 85_001)
	b.enqueue(want)
	b.start(cfg)
	b.until("127 rows", func() bool { s := b.status(); return s.Pending == 0 && s.Refused == 3 && len(b.rows()) == 127 })
	status := b.status()
	for _, text := range []string{status.Error, out.String()} {
		if strings.Contains(text, bad) || strings.Contains(text, "4471") || strings.Contains(text, key(7)) || strings.Contains(text, "xxxx") {
			t.Errorf("a report holds what the row holds: %s", text)
		}
	}
	if !strings.Contains(status.Error, "3 rows are left out") || !strings.Contains(out.String(), "Coda answers 400") {
		t.Errorf("the status says %q", status.Error)
	}
	// They are not tried again as they are, and are as soon as they change.
	calls := b.coda.Stats().Calls[posts]
	want[8] = "Other Payer"
	b.enqueue(want)
	b.until("the change arrives", func() bool { return b.payers()[key(8)] == "Other Payer" })
	if n := b.coda.Stats().Calls[posts] - calls; n != 1 {
		t.Errorf("one change took %d writes", n)
	}
	want[7], want[99], want[50] = "Good Payer", "Good Payer", "Good Payer"
	b.enqueue(want)
	b.until("all rows", func() bool { s := b.status(); return s.Pending+s.Refused == 0 && s.Error == "" && len(b.rows()) == 130 })
	if b.payers()[key(99)] != "Good Payer" {
		t.Errorf("row 99 is %q", b.payers()[key(99)])
	}
}

// A day later a refused row is tried again.
func TestPusher_triesRefusedRowsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText = "Bad" })
	b.enqueue(map[int]string{0: "Good", 1: "Bad"})
	b.start(cfg)
	b.until("it is refused", func() bool { return b.status().Refused == 1 && len(b.rows()) == 1 })
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText = "" })
	b.exec(`update august.outbox set retry_at = now() where retry_at is not null`)
	b.until("it is taken", func() bool { return b.status().Refused == 0 && b.payers()[key(1)] == "Bad" })
}

// When Coda takes nothing at all, no row is to blame; a good row behind those refused still gets through.
func TestPusher_refusesNoRowForTheTablesFault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	cfg.Refused = time.Hour
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText = "Payer" })
	want := map[int]string{}
	for i := range 20 {
		want[i] = "Payer"
	}
	b.enqueue(want)
	stop := b.start(cfg)
	b.until("a word about it", func() bool { return strings.Contains(b.status().Error, "taken no row yet") })
	stop()
	if s := b.status(); s.Refused != 0 || s.Pending != 20 {
		t.Errorf("rows are to blame: %+v", s)
	}
	want[20] = "Good"
	b.enqueue(want)
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText = "Payer" })
	cfg.Refused = 50 * time.Millisecond
	b.start(cfg)
	b.until("the good one arrives, the others are set aside", func() bool { s := b.status(); return s.Pending == 0 && s.Refused == 20 && len(b.rows()) == 1 })
}

// Requests that are too large are made smaller, whatever Coda calls it.
func TestPusher_tooLarge(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"413": {Kind: sandbox.FaultStatus, Status: 413, Method: "POST", Path: "/docs/*/tables/*/rows", Times: 2},
		"400": {Kind: sandbox.FaultStatus, Status: 400, Message: "request entity too large", Method: "POST", Path: "/docs/*/tables/*/rows", Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.free()
			b.coda.AddFault(fault)
			b.want(60, 12)
			b.start(cfg)
			b.settled(60, 12)
		})
	}
}

func TestPusher_keepsUnderBothSizes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	want := map[int]string{}
	for i := range 30 {
		want[i] = strings.Repeat("<&>\n", 80_000/5) // 64 kB that JSON makes six times as large, and Coda counts as 80 kB
	}
	b.enqueue(want)
	b.start(cfg)
	b.until("all rows", func() bool { s := b.status(); return s.Pending == 0 && s.Refused == 0 && len(b.rows()) == 30 })
	if n := b.coda.Stats().Statuses[400]; n != 0 {
		t.Errorf("%d requests were too large", n)
	}
}

// Coda completes a write that came to nothing as if it had not; the rows tell.
func TestPusher_mutationWithoutEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	cfg.Lag = 200 * time.Millisecond
	b.start(cfg)
	b.want(3, 12)
	b.settled(3, 12)
	b.coda.Set(func(s *sandbox.Settings) { s.LoseMutations, s.Warning = 1, "Some values could not be set." })
	b.want(3, 13)
	b.until("the change arrives all the same", func() bool { return fmt.Sprint(b.rows()[2]["c-claims"]) == "13" })
	b.settled(3, 13)
	// So does what people overwrite, once the table was seen to be right.
	b.until("the table is seen to be right", func() bool {
		var open int
		return b.pool.QueryRow(t.Context(), `select count(*) from august.outbox where mended is not null`).Scan(&open) == nil && open == 0
	})
	b.write([][]coda.Cell{{{Column: "c-key", Value: key(0)}, {Column: "c-claims", Value: 99}}})
	b.exec(`update august.coda_view set verified_at = '-infinity'`)
	b.until("what was overwritten is back", func() bool { return fmt.Sprint(b.rows()[0]["c-claims"]) == "13" })
}

func TestPusher_slowMutations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	cfg.GiveUp = 300 * time.Millisecond
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts = true })
	b.hold(true) // Coda applies nothing meanwhile
	b.want(300, 12)
	b.start(cfg)
	b.until("it says so", func() bool { return strings.Contains(b.status().Error, "not applied yet") })
	b.hold(false)
	b.settled(300, 12)
}

// What is shown of a view that shrank to nothing is kept, until somebody says that it is right.
func TestPusher_keepsWhatLeavesAllAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	cfg.Lag = 100 * time.Millisecond
	b.start(cfg)
	b.want(200, 12)
	b.settled(200, 12)
	b.want(3, 13)
	b.until("a word about it", func() bool { return strings.Contains(b.status().Error, "197 rows have left") })
	if n := len(b.rows()); n != 200 {
		t.Errorf("%d rows are left", n)
	}
	changed := 0
	for _, row := range b.rows() {
		if fmt.Sprint(row["c-claims"]) == "13" {
			changed++
		}
	}
	if changed != 3 {
		t.Errorf("%d of 3 changes arrived: they wait for the deletions", changed)
	}
	c := coda.NewClient(b.url, token)
	listed, err := c.Rows(t.Context(), sandbox.ProductionDoc, sandbox.BillingSummary, "c-key")
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(listed))
	for i, row := range listed {
		ids[i] = row.ID
	}
	if _, err := c.Delete(t.Context(), sandbox.ProductionDoc, sandbox.BillingSummary, ids); err != nil {
		t.Fatal(err)
	}
	b.until("most are gone", func() bool { return len(b.rows()) <= 3 })
	b.exec(`update august.coda_view set verified_at = '-infinity', next_try = '-infinity'`)
	b.until("what stays is there again", func() bool { return len(b.rows()) == 3 })
	b.settled(3, 13)
}

// What changes while a push finds that it must not delete does not wait for somebody to look into it.
func TestPusher_changesPassWhatIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.free()
	cfg.Refused, cfg.Lag = time.Hour, time.Hour // nothing is tried again, and no look at the table is due
	b.start(cfg)
	b.want(200, 12)
	b.settled(200, 12)
	const lists = "GET /docs/{doc}/tables/{table}/rows"
	b.coda.AddFault(sandbox.Fault{Kind: sandbox.FaultSlow, DelayMillis: 1000, Method: "GET", Path: "/docs/*/tables/*/rows"})
	listed := b.coda.Stats().Calls[lists]
	b.want(3, 13)
	shows := func(claims string) func() bool {
		return func() bool { return fmt.Sprint(b.rows()[0]["c-claims"]) == claims }
	}
	b.until("the change arrives", shows("13"))
	b.until("Coda's rows are listed, after all was sent that waited", func() bool { return b.coda.Stats().Calls[lists] > listed })
	b.want(3, 14)
	b.until("the later change arrives", shows("14"))
	b.until("a word about the rest", func() bool { return strings.Contains(b.status().Error, "197 rows have left") })
}

// Retry-After is not known to be sent, and is heeded.
func TestPusher_retryAfter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.free()
			b.coda.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: status, RetryAfter: 600, Method: "GET", Path: "/docs/*"})
			b.want(1, 12)
			b.start(cfg)
			b.until("it waits", func() bool {
				var waits bool
				err := b.pool.QueryRow(t.Context(), `select next_try > now() + interval '9 minutes' from august.coda_view`).Scan(&waits)
				return err == nil && waits
			})
			if n := b.coda.Stats().Calls["GET /docs/{doc}"]; n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// The doc changes while rows go to it: nothing is written where it does not belong, and mending it helps.
func TestPusher_theDocChanges(t *testing.T) {
	t.Parallel()
	const table = sandbox.ProductionDoc + "/" + sandbox.BillingSummary
	for name, test := range map[string]struct {
		change func(*sandbox.Settings)
		says   string // empty: it makes no difference
	}{
		"column renamed": {func(s *sandbox.Settings) {
			s.Changed = map[string]sandbox.ColumnChange{table + "/c-payer": {Name: "Insurance"}}
		}, ""},
		"column gone":   {func(s *sandbox.Settings) { s.Gone = []string{table + "/c-payer"} }, "column c-payer"},
		"key gone":      {func(s *sandbox.Settings) { s.Gone = []string{table + "/c-key"} }, "key column c-key"},
		"table gone":    {func(s *sandbox.Settings) { s.Gone = []string{table} }, "does not exist"},
		"doc gone":      {func(s *sandbox.Settings) { s.Gone = []string{sandbox.ProductionDoc} }, "does not exist"},
		"token revoked": {func(s *sandbox.Settings) { s.RevokedTokens = []string{token} }, "does not accept the token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.start(b.free())
			b.want(3, 12)
			b.settled(3, 12)
			b.coda.Set(test.change)
			b.want(3, 13)
			if test.says != "" {
				b.until("it says so", func() bool { return strings.Contains(b.status().Error, test.says) })
				if s := b.status(); s.Refused != 0 {
					t.Errorf("rows are to blame: %+v", s)
				}
				b.coda.Set(func(s *sandbox.Settings) { s.Changed, s.Gone, s.RevokedTokens = nil, nil, nil })
			}
			b.settled(3, 13)
		})
	}
}

// One declaration that cannot be read stops no other.
func TestPusher_unreadableSpec(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, spec := range []string{`{"coda_views": "none"}`, `{"paused": "perhaps", "coda_views": []}`, `[]`} {
		b.exec(`insert into august.pipeline (name, spec) values ('aa' || md5($1), $1::text::jsonb)`, spec)
		b.exec(`insert into august.coda_view (pipeline, view) values ('aa' || md5($1::text), 'billing_summary')`, spec)
		b.exec(`insert into august.outbox (pipeline, view, key, payload, hash) values ('aa' || md5($1::text), 'billing_summary', 'k', '{}', '')`, spec)
	}
	b.exec(`insert into august.outbox (pipeline, view, key, payload, hash) values ('billing', 'billing_summary', 'no object', '[]', '')`)
	b.want(3, 12)
	b.exec(`insert into august.outbox (pipeline, view, key, payload, hash) values ('billing', 'billing_summary', 'no object', '[]', '')
		on conflict (pipeline, view, key) do update set payload = '[]'`)
	b.start(b.free())
	b.until("the readable one is pushed", func() bool { s := b.status(); return s.Pending == 0 && s.Refused == 1 && len(b.rows()) == 3 })
	var said int
	if err := b.pool.QueryRow(t.Context(), `select count(*) from august.coda_view where error like '%declare it again%'`).Scan(&said); err != nil || said != 3 {
		t.Errorf("%d of 3 say so, %v", said, err)
	}
}
