package coda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) {
	if raw := os.Getenv(pusherEnv); raw != "" { // a pusher that can be killed
		var p process
		if err := json.Unmarshal([]byte(raw), &p); err != nil {
			panic(err)
		}
		s, err := store.Open(context.Background(), store.Config{Host: p.Host, Port: p.Port, Database: p.Database, User: p.User, Password: p.Password})
		if err != nil {
			panic(err)
		}
		c := p.Config
		coda.NewPusher(coda.Config{
			Pool: s.Pool(), URL: c.URL, Token: c.Token, Writes: c.Writes, Every: c.Every, Window: c.Window, Throttle: c.Throttle, Backoff: c.Backoff,
			Refused: c.Refused, FirstPoll: c.FirstPoll, LastPoll: c.LastPoll, GiveUp: c.GiveUp, Appears: c.Appears, Settle: c.Settle, Verify: c.Verify,
			Lag: c.Lag, Retry: c.Retry,
		}).Run(context.Background())
		return
	}
	pgtest.Main(m)
}

const pusherEnv = "AUGUST_TEST_PUSHER"

// process is what a pusher of its own process is told.
type process struct {
	Host, Database, User, Password string
	Port                           int
	Config                         settings
}

// settings is a pusher's configuration as it travels: durations and words.
type settings struct {
	URL, Token                                                     string
	Writes                                                         int
	Every, Window, Throttle, Backoff, Refused, FirstPoll, LastPoll time.Duration
	GiveUp, Appears, Settle, Verify, Lag, Retry                    time.Duration
}

// fork starts a pusher as a process, and returns what kills it.
func (b *bundle) fork(cfg coda.Config) (kill func()) {
	b.t.Helper()
	raw, err := json.Marshal(process{Host: b.db.Host, Port: b.db.Port, Database: b.db.Database, User: b.db.User, Password: b.db.Password, Config: settings{
		cfg.URL, cfg.Token, cfg.Writes, cfg.Every, cfg.Window, cfg.Throttle, cfg.Backoff, cfg.Refused, cfg.FirstPoll, cfg.LastPoll,
		cfg.GiveUp, cfg.Appears, cfg.Settle, cfg.Verify, cfg.Lag, cfg.Retry,
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), pusherEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	var once sync.Once
	kill = func() { once.Do(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) }
	b.t.Cleanup(kill)
	return kill
}

const (
	token = "11111111-2222-3333-4444-555555555555"
	// The sandbox's clock runs faster than ours, so that Coda's seconds cost milliseconds.
	faster = 50
)

// bundle is a database with one pipeline, and a Coda.
type bundle struct {
	t    testing.TB
	pool *pgxpool.Pool
	coda *sandbox.Server
	url  string
	spec runtimeapi.PipelineSpec
	db   store.Config
	*clock
}

// clock is the sandbox's: fast, and it can stand still.
type clock struct {
	mu    sync.Mutex
	base  time.Time // its time at since
	since time.Time
	held  bool
	pace  float64 // how much faster it runs than ours
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return c.base
	}
	return c.base.Add(time.Duration(float64(time.Since(c.since)) * c.pace))
}

// hold stops the clock, or lets it go on.
func (c *clock) hold(held bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since, c.held = now, time.Now(), held
}

func setup(t testing.TB) *bundle {
	t.Helper()
	db := storetest.New(t)
	s := storetest.Open(t, db, 8)
	clock := &clock{base: time.Now(), since: time.Now(), pace: faster}
	server, err := sandbox.New(sandbox.Options{
		Tokens: []sandbox.Token{{Token: token, Owner: "owner@example.test"}, {Token: "scoped", Owner: "other@example.test", Doc: sandbox.StagingDoc}},
		Clock:  clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	b := &bundle{t: t, pool: s.Pool(), coda: server, clock: clock, url: web.URL + sandbox.Base, db: storetest.Config(db, 8)}
	b.declare(func(*runtimeapi.CodaView) {})
	return b
}

// declare writes the pipeline's spec, with one view that change may change.
func (b *bundle) declare(change func(*runtimeapi.CodaView)) {
	b.t.Helper()
	view := runtimeapi.CodaView{
		View: "billing_summary", DocID: sandbox.ProductionDoc, TableID: sandbox.BillingSummary, KeyColumn: "c-key",
		Columns: map[string]string{"month": "c-month", "payer": "c-payer", "claims": "c-claims", "billed": "c-billed"},
	}
	change(&view)
	b.spec = runtimeapi.PipelineSpec{Dataset: "billing", CodaViews: []runtimeapi.CodaView{view}}
	raw, err := json.Marshal(b.spec)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec(`insert into august.pipeline (name, spec) values ('billing', $1) on conflict (name) do update set spec = excluded.spec`, raw)
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// want makes rows 0 to n-1 the wanted content, each with so many claims.
func (b *bundle) want(n, claims int) {
	b.t.Helper()
	rows := make([]coda.Row, n)
	for i := range rows {
		rows[i] = coda.Row{Key: key(i), Payload: fmt.Appendf(nil, `{"month":"2026-03","payer":"Example Payer 1/2","claims":%d,"billed":%d.50}`, claims, i)}
	}
	if err := pgx.BeginFunc(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		return coda.Enqueue(b.t.Context(), tx, "billing", "billing_summary", rows, 3)
	}); err != nil {
		b.t.Fatal(err)
	}
}

func key(i int) string { return fmt.Sprintf("august/billing/2026-03/paid/%012d", i) }

// fast is a configuration in the sandbox's time.
func (b *bundle) fast() coda.Config {
	return coda.Config{
		Pool: b.pool, URL: b.url, Token: token,
		Every: 10 * time.Millisecond, Window: 10*time.Second/faster + 5*time.Millisecond, Throttle: 30 * time.Second / faster,
		Backoff: 20 * time.Millisecond, Refused: 50 * time.Millisecond,
		FirstPoll: 5 * time.Millisecond, LastPoll: 20 * time.Millisecond, GiveUp: 3 * time.Second, Appears: 300 * time.Millisecond,
		Settle: 45 * time.Second / faster, Lag: 2 * time.Minute / faster,
	}
}

// start runs a pusher until the returned function is called.
func (b *bundle) start(cfg coda.Config) (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { coda.NewPusher(cfg).Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	b.t.Cleanup(stop)
	return stop
}

func (b *bundle) status() runtimeapi.CodaStatus {
	b.t.Helper()
	list, err := coda.Status(b.t.Context(), b.pool, "billing", b.spec)
	if err != nil || len(list) != 1 {
		b.t.Fatalf("status: %+v, %v", list, err)
	}
	return list[0]
}

// until polls what must become true.
func (b *bundle) until(what string, is func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			b.t.Fatalf("never came: %s; status %+v, Coda has %d rows and %+v", what, b.status(), len(b.rows()), b.coda.Stats())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bundle) rows() []map[string]any {
	return b.coda.Rows(b.spec.CodaViews[0].DocID, b.spec.CodaViews[0].TableID)
}

// settled waits until nothing is pending and checks that Coda holds exactly rows 0 to n-1, once
// each, with so many claims.
func (b *bundle) settled(n, claims int) {
	b.t.Helper()
	b.until("nothing is pending", func() bool { s := b.status(); return s.Pending == 0 && s.Error == "" })
	seen := map[string]int{}
	for _, row := range b.rows() {
		seen[fmt.Sprint(row["c-key"])]++
		if fmt.Sprint(row["c-claims"]) != fmt.Sprint(claims) {
			b.t.Errorf("%v has %v claims, want %d", row["c-key"], row["c-claims"], claims)
		}
	}
	for i := range n {
		if seen[key(i)] != 1 {
			b.t.Errorf("%s is there %d times", key(i), seen[key(i)])
		}
	}
	if len(seen) != n {
		b.t.Errorf("%d rows in Coda, want %d", len(seen), n)
	}
	if s := b.status(); s.Rows != int64(n) {
		b.t.Errorf("status counts %d rows, want %d", s.Rows, n)
	}
}

// write posts rows to the table behind the pusher's back.
func (b *bundle) write(rows ...[][]coda.Cell) {
	b.t.Helper()
	c := coda.NewClient(b.url, token)
	for _, r := range rows {
		id, err := c.Upsert(b.t.Context(), b.spec.CodaViews[0].DocID, b.spec.CodaViews[0].TableID, "c-key", r)
		if err != nil {
			b.t.Fatal(err)
		}
		b.until("the write is applied", func() bool { done, _, err := c.Done(b.t.Context(), id); return err == nil && done })
	}
}
