package coda_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// way is a way to Coda on which each write is delayed by what delay says.
func (b *bundle) way(delay func(write int64) time.Duration) string {
	b.t.Helper()
	to, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	to.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(to)
	var writes atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			time.Sleep(delay(writes.Add(1)))
		}
		proxy.ServeHTTP(w, r)
	}))
	b.t.Cleanup(web.Close)
	return web.URL + sandbox.Base
}

// A write that was long on its way counts from when it arrived: what follows fast must not come too early.
func TestPusher_slowWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(600, 12)
	cfg := b.fast()
	cfg.URL = b.way(func(write int64) time.Duration {
		if write%6 == 1 {
			return cfg.Window * 3 / 4
		}
		return 0
	})
	b.start(cfg)
	b.settled(600, 12)
	if s := b.coda.Stats(); s.Throttled != 0 {
		t.Errorf("Coda throttled: %+v", s)
	}
}

// A write that is still on its way occupies its place, whoever asks. Here the first one arrives with the sixth: if two
// others go in each window, there is a place for it, and not if three do.
func TestPusher_longUnderWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.another("other", sandbox.StagingDoc, 900)
	b.want(900, 12)
	cfg := b.fast()
	others := make(chan struct{})
	cfg.URL = b.way(func(write int64) time.Duration {
		switch write {
		case 1:
			select {
			case <-others:
			case <-t.Context().Done():
			}
		case 6:
			close(others)
		}
		return 0
	})
	b.start(cfg)
	b.settled(900, 12)
	if s := b.coda.Stats(); s.Throttled != 0 {
		t.Errorf("Coda throttled: %+v", s)
	}
}

// another declares a second pipeline, whose view goes to the same table of another doc.
func (b *bundle) another(name, doc string, n int) {
	b.t.Helper()
	spec := b.spec
	view := spec.CodaViews[0]
	view.DocID = doc
	spec.CodaViews = []runtimeapi.CodaView{view}
	raw, err := json.Marshal(spec)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec(`insert into august.pipeline (name, spec) values ($1, $2)`, name, raw)
	rows := make([]coda.Row, n)
	for i := range rows {
		rows[i] = coda.Row{Key: key(i), Payload: []byte(`{"month":"2026-04","payer":"","claims":12,"billed":1}`)}
	}
	if err := pgx.BeginFunc(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		return coda.Enqueue(b.t.Context(), tx, name, view.View, rows, 0)
	}); err != nil {
		b.t.Fatal(err)
	}
}

// While Coda is slow to apply one view's rows, another view's are on their way already.
func TestPusher_viewsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = 1 << 30 })
	b.want(1, 12)
	b.another("other", sandbox.StagingDoc, 300)
	cfg := b.free()
	cfg.GiveUp = time.Hour
	b.start(cfg)
	b.until("one row and three hundred are under way", func() bool { return b.coda.Stats().Pending == 4 })
	stat := b.pool.Stat()
	if n := stat.AcquiredConns(); n > 2 { // of the pushes, and of a look at what is due
		t.Errorf("the pushes hold %d connections", n)
	}
}

// As many writes are under way as the limit lets go while Coda takes its time with the first.
func TestPusher_keepsASlowCodaBusy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = 1 << 30 })
	b.want(2600, 12)
	cfg := b.free()
	cfg.Writes, cfg.Window, cfg.GiveUp = 5, time.Millisecond, time.Hour
	b.start(cfg)
	b.until("five windows of writes are under way", func() bool { return b.coda.Stats().Pending == 25 })
}

// Two pipelines whose views go to one table take turns in one instance, as instances do.
func TestPusher_oneWriterPerTableInOneInstance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts, s.MutationMillis = true, 10_000 })
	b.want(300, 12)
	b.another("other", sandbox.ProductionDoc, 300)
	cfg := b.free()
	cfg.Lag = time.Hour // nobody looks for twins
	b.start(cfg)
	b.settled(300, 12)
}

// Rows that have left go a request after the other, not one per wait for Coda to apply it.
func TestPusher_deletesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(600, 12)
	cfg := b.free()
	b.start(cfg)
	b.settled(600, 12)
	b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = 1 << 30 })
	b.want(350, 12)
	b.until("three deletions are under way", func() bool { return b.coda.Stats().Pending == 3 })
}

// The pushes share a connection. When it breaks they begin anew on another, and nothing is written twice.
func TestPusher_connectionBreaks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.ConcurrentInserts = true })
	b.want(600, 12)
	b.another("other", sandbox.StagingDoc, 300)
	cfg := b.free()
	cfg.Lag = time.Hour // nobody looks for twins
	b.start(cfg)
	for n := range 5 {
		b.until("more rows have come", func() bool { return len(b.rows()) > 100*n })
		b.breakConnections()
	}
	b.settled(600, 12)
	b.until("the other's rows have come", func() bool { return len(b.coda.Rows(sandbox.StagingDoc, sandbox.BillingSummary)) == 300 })
}

// breakConnections breaks those that hold a table's lock.
func (b *bundle) breakConnections() {
	b.t.Helper()
	b.exec(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`)
}

// A push that waits for Coda may not know yet that the connection is broken. Others do not share it any more.
func TestPusher_connectionBreaksWhileOneWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = 1 << 30 })
	b.want(1, 12)
	cfg := b.free()
	cfg.GiveUp = time.Hour
	b.start(cfg)
	b.until("a row is under way", func() bool { return b.coda.Stats().Pending == 1 })
	b.breakConnections()
	b.another("other", sandbox.StagingDoc, 300)
	b.until("the other's rows are under way", func() bool { return b.coda.Stats().Pending == 4 })
}
