package coda_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

const posts = "POST /docs/{doc}/tables/{table}/rows"

func TestPusher_bringsRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(3, 12)
	b.start(b.fast())
	b.settled(3, 12)
	row := b.rows()[1]
	if row["c-month"] != "2026-03" || row["c-payer"] != "Example Payer 1/2" || fmt.Sprint(row["c-billed"]) != "1.5" {
		t.Errorf("row is %v", row)
	}
	calls := b.coda.Stats().Calls[posts]
	b.want(3, 12) // the same again
	b.until("a few looks", func() bool { return b.status().Pending == 0 })
	if n := b.coda.Stats().Calls[posts]; n != calls {
		t.Errorf("unchanged rows were written again: %d writes", n-calls)
	}
	b.want(3, 13)
	b.settled(3, 13)
}

func TestPusher_keepsCodasPace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(650, 12)
	b.start(b.fast())
	b.settled(650, 12)
	stats := b.coda.Stats()
	if stats.Throttled != 0 || stats.Calls[posts] != 7 {
		t.Errorf("650 rows took %d writes, %d of them throttled", stats.Calls[posts], stats.Throttled)
	}
}

func TestPusher_newestStateWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hold(true) // Coda applies nothing meanwhile
	b.want(2, 12)
	b.start(b.fast())
	b.until("a write under way", func() bool { return b.coda.Stats().Pending > 0 })
	for claims := 13; claims < 40; claims++ {
		b.want(2, claims)
	}
	if s := b.status(); s.Pending != 2 || s.Rows != 0 {
		t.Errorf("before Coda confirms anything: %+v", s)
	}
	b.hold(false)
	b.settled(2, 39)
	if n := b.coda.Stats().Calls[posts]; n != 2 {
		t.Errorf("%d writes for two rows that kept changing", n)
	}
}

func TestPusher_oneWriterPerTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// Coda inserts a new key twice when two writes of it are in flight together.
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts = true; s.MutationMillis = 3000 })
	for range 3 {
		b.start(b.fast())
	}
	b.want(250, 12)
	b.settled(250, 12)
	if stats := b.coda.Stats(); stats.Throttled != 0 {
		t.Errorf("three instances were throttled %d times", stats.Throttled)
	}
}

func TestPusher_resumesWhatAnotherLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts = true; s.MutationMillis = 16000 })
	b.want(5, 12)
	stop := b.start(b.fast())
	b.until("a write under way", func() bool { return b.coda.Stats().Pending > 0 })
	stop()
	if b.status().Pending != 5 {
		t.Fatalf("rows count as sent before Coda confirmed them: %+v", b.status())
	}
	b.start(b.fast())
	b.settled(5, 12)
}

func TestPusher_lostAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts = true; s.MutationMillis = 5000; s.RowsPer10s = 0 })
	b.coda.AddFault(sandbox.Fault{Kind: sandbox.FaultApplied, Method: "POST", Path: "/docs/*/tables/*/rows", Times: 1})
	b.want(5, 12)
	b.start(b.fast())
	b.until("the loss shows", func() bool { return b.status().Error != "" })
	b.settled(5, 12)
}

func TestPusher_removesTwins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) {
		s.RowsPer10s = 0
		s.WritesPer6s = 0
		s.ConcurrentInserts = true
		s.MutationMillis = 2000
	})
	// What two writers at once would leave: the same new keys twice.
	c := coda.NewClient(b.url, token)
	for range 2 {
		if _, err := c.Upsert(t.Context(), sandbox.ProductionDoc, sandbox.BillingSummary, "c-key",
			[][]coda.Cell{{{Column: "c-key", Value: key(0)}}, {{Column: "c-key", Value: "somebody's own"}}}); err != nil {
			t.Fatal(err)
		}
	}
	b.until("both are applied", func() bool { return len(b.rows()) == 4 })
	b.want(1, 12)
	b.exec(`update august.coda_view set in_flight = '?'`) // as a crash in mid-write leaves it
	b.start(b.fast())
	b.until("nothing is pending", func() bool { s := b.status(); return s.Pending == 0 && s.Error == "" })
	keys := map[any]int{}
	for _, row := range b.rows() {
		keys[row["c-key"]]++
	}
	if keys[key(0)] != 1 || keys["somebody's own"] != 2 {
		t.Errorf("rows are %v; only our own twin may go", keys)
	}
}

func TestPusher_throttled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 429, Method: "POST", Path: "/docs/*/tables/*/rows"})
	b.want(1, 12)
	cfg := b.fast()
	cfg.Throttle = time.Hour
	stop := b.start(cfg)
	b.until("a word about it", func() bool { return strings.Contains(b.status().Error, "goes on by itself") })
	var blocked bool
	if err := b.pool.QueryRow(t.Context(), `select blocked_until between now() + interval '50 minutes' and now() + interval '70 minutes' and strikes = 1
		from august.coda_account`).Scan(&blocked); err != nil || !blocked {
		t.Errorf("the account is not blocked for everybody: %v", err)
	}
	b.until("more looks", func() bool {
		var failures int
		return b.pool.QueryRow(t.Context(), `select failures from august.coda_view`).Scan(&failures) == nil && failures > 3
	})
	if n := b.coda.Stats().Calls[posts]; n != 1 {
		t.Errorf("wrote %d times while blocked", n)
	}
	stop()
	b.coda.ClearFaults()
	b.exec(`update august.coda_account set blocked_until = now()`)
	b.start(b.fast())
	b.settled(1, 12)
	var strikes int
	if err := b.pool.QueryRow(t.Context(), `select strikes from august.coda_account`).Scan(&strikes); err != nil || strikes != 0 {
		t.Errorf("%d strikes left, %v", strikes, err)
	}
}

// A throttled read stops an account's writes too, also when nobody has written yet.
func TestPusher_throttledBeforeItWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.AddFault(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 429, Method: "GET", Times: 1})
	b.want(1, 12)
	cfg := b.fast()
	cfg.Throttle = time.Hour
	b.start(cfg)
	b.until("the account is blocked", func() bool {
		var blocked bool
		return b.pool.QueryRow(b.t.Context(), `select blocked_until > now() + interval '50 minutes' and strikes = 1 from august.coda_account`).Scan(&blocked) == nil && blocked
	})
}

func TestPusher_deletes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) {
		s.RowsPer10s = 0
		s.WritesPer6s = 0
		s.SnapshotMillis = 30000
		s.RowPage = 10
	})
	b.start(b.fast())
	b.want(250, 12)
	b.until("nothing is pending", func() bool { s := b.status(); return s.Pending == 0 && s.Error == "" })
	b.write([][]coda.Cell{{{Column: "c-key", Value: "somebody's own"}}})
	b.want(130, 12) // more than one request deletes
	b.until("the rest is gone", func() bool { return b.status().Pending == 0 && len(b.rows()) == 131 })
	for _, row := range b.rows() {
		if k := fmt.Sprint(row["c-key"]); k != "somebody's own" && k > key(129) {
			t.Errorf("%s is left", k)
		}
	}
	b.want(135, 12) // keys that come back
	b.until("they are back", func() bool { return b.status().Pending == 0 && len(b.rows()) == 136 })
}

func TestPusher_survivesTrouble(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.StatusHiddenMillis = 5000 })
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultStatus, Method: "GET", Path: "/docs/*/tables/*/columns", Times: 1},
		{Kind: sandbox.FaultDrop, Method: "POST", Times: 1},
		{Kind: sandbox.FaultStatus, Status: 503, Method: "GET", Path: "/mutationStatus/*", Times: 2},
	} {
		b.coda.AddFault(f)
	}
	b.want(5, 12)
	b.start(b.fast())
	b.settled(5, 12)
}

func TestPusher_saysWhatToMend(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		view  func(*runtimeapi.CodaView)
		token string
		says  []string
	}{
		"doc":   {func(v *runtimeapi.CodaView) { v.DocID = "dNone" }, token, []string{"dNone", "does not exist"}},
		"table": {func(v *runtimeapi.CodaView) { v.TableID = "grid-none" }, token, []string{"grid-none", sandbox.ProductionDoc}},
		"view":  {func(v *runtimeapi.CodaView) { v.TableID = "table-billing-view" }, token, []string{"is a view"}},
		"key":   {func(v *runtimeapi.CodaView) { v.KeyColumn = "c-none" }, token, []string{"c-none", "plain text column"}},
		"key type": {func(v *runtimeapi.CodaView) {
			v.KeyColumn = "c-claims"
			v.Columns = map[string]string{"month": "c-month"}
		}, token, []string{"c-claims (Claims)", "number"}},
		"column": {func(v *runtimeapi.CodaView) { v.Columns["status"] = "c-none" }, token, []string{"c-none", sandbox.BillingSummary, "status"}},
		"calculated": {func(v *runtimeapi.CodaView) {
			v.TableID = sandbox.Samples
			v.KeyColumn = "c-name"
			v.Columns = map[string]string{"claims": "c-double"}
		}, token, []string{"c-double (Double)", "calculated"}},
		"type": {func(v *runtimeapi.CodaView) {
			v.TableID = sandbox.Samples
			v.KeyColumn = "c-name"
			v.Columns = map[string]string{"claims": "c-person"}
		}, token, []string{"c-person (Person)", "person"}},
		"no token":  {func(*runtimeapi.CodaView) {}, "", []string{"token_secret"}},
		"bad token": {func(*runtimeapi.CodaView) {}, "wrong", []string{"does not accept the token"}},
		"scope":     {func(*runtimeapi.CodaView) {}, "scoped", []string{"may not use Coda doc " + sandbox.ProductionDoc}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.declare(test.view)
			b.want(1, 12)
			cfg := b.fast()
			cfg.Token, cfg.Refused = test.token, time.Hour
			stop := b.start(cfg)
			b.until("an error", func() bool { return b.status().Error != "" })
			for _, part := range test.says {
				if e := b.status().Error; !strings.Contains(e, part) || strings.Contains(e, "4444") {
					t.Errorf("%q does not say %q", e, part)
				}
			}
			if n := b.coda.Stats().Calls[posts]; n != 0 {
				t.Errorf("%d writes went out all the same", n)
			}
			if name == "bad token" || name == "scope" || name == "no token" {
				stop()
				b.start(b.fast())
			}
			// Mending it helps at once, however long the pause.
			b.declare(func(*runtimeapi.CodaView) {})
			b.settled(1, 12)
		})
	}
}

// Coda's own words are cut short and kept, whatever they are made of: a failure that could not be
// noted would be tried again at once, for ever.
func TestPusher_notesWhateverCodaSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var calls atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": "xy\x00" + strings.Repeat("é", 200)})
	}))
	t.Cleanup(web.Close)
	b.want(1, 12)
	cfg := b.fast()
	cfg.URL, cfg.Refused = web.URL, time.Hour
	b.start(cfg)
	b.until("the error is noted", func() bool { return strings.Contains(b.status().Error, "Coda answers 400: xyé") })
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls before it was noted", n)
	}
}

// People work in Coda: what they delete comes back, and what an earlier pipeline left goes.
func TestPusher_mendsTheTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.RowsPer10s = 0; s.WritesPer6s = 0; s.MutationMillis = 500 })
	cfg := b.fast()
	cfg.Verify, cfg.Lag = 100*time.Millisecond, 50*time.Millisecond
	b.start(cfg)
	b.want(5, 12)
	b.until("five rows", func() bool { return len(b.rows()) == 5 })
	c := coda.NewClient(b.url, token)
	listed, err := c.Rows(t.Context(), sandbox.ProductionDoc, sandbox.BillingSummary, "c-key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Delete(t.Context(), sandbox.ProductionDoc, sandbox.BillingSummary, []string{listed[0].ID, listed[1].ID}); err != nil {
		t.Fatal(err)
	}
	b.write([][]coda.Cell{{{Column: "c-key", Value: coda.Prefix + "left by an earlier pipeline"}}, {{Column: "c-key", Value: "somebody's own"}}})
	b.until("the table as it should be", func() bool {
		keys := map[string]int{}
		for _, row := range b.rows() {
			keys[fmt.Sprint(row["c-key"])]++
		}
		return len(keys) == 6 && keys["somebody's own"] == 1 && keys[key(0)] == 1 && keys[key(1)] == 1 && len(b.rows()) == 6
	})
}

func TestPusher_leavesAnotherRuntimesRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.RowsPer10s = 0; s.WritesPer6s = 0; s.MutationMillis = 0 })
	var others [][]coda.Cell
	for i := range 80 {
		others = append(others, []coda.Cell{{Column: "c-key", Value: fmt.Sprintf("%sother/%d", coda.Prefix, i)}})
	}
	b.write(others)
	cfg := b.fast()
	cfg.Verify, cfg.Lag = 100*time.Millisecond, 50*time.Millisecond
	b.start(cfg)
	b.want(2, 12)
	b.until("a word about them", func() bool { return strings.Contains(b.status().Error, "80 rows") })
	if n := len(b.rows()); n != 82 {
		t.Errorf("%d rows are left of 82", n)
	}
}

func TestPusher_pausedPipeline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(1, 12)
	b.exec(`update august.pipeline set spec = spec || '{"paused": true}'`)
	stop := b.start(b.fast())
	stop()
	b.exec(`update august.pipeline set spec = spec || '{"paused": false}'`)
	if n := b.coda.Stats().Calls[posts]; n != 0 {
		t.Errorf("a paused pipeline wrote %d times", n)
	}
	b.start(b.fast())
	b.settled(1, 12)
}
