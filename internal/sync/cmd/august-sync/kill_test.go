package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	drbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// counted puts DrChrono behind a counter of its calls, with lists of many small pages.
func (b *bundle) counted() *atomic.Int64 {
	b.drchrono.Set(func(s *drbox.Settings) {
		s.PageCaps = map[string]int{"appointments_list": 25, "line_items_list": 30, "transactions_list": 30, "patient_payments": 10}
	})
	calls := new(atomic.Int64)
	b.env["AUGUST_DRCHRONO_URL"] = serve2(b.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		b.drchrono.ServeHTTP(w, r)
	}))
	return calls
}

// tables digests everything that a sync stores, but for moments of its own.
func (b *bundle) tables() map[string]string {
	b.t.Helper()
	conn, err := pgx.Connect(background(), b.db.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	out := map[string]string{}
	for _, table := range []string{"drchrono.doctors", "drchrono.offices", "drchrono.appointments", "drchrono.line_items", "drchrono.line_item_deletions",
		"drchrono.transactions", "drchrono.patient_payments", "drchrono.quarantine", "billing.claim"} {
		var digest string
		if err := conn.QueryRow(background(), fmt.Sprintf(`select count(*) || ' ' || coalesce(md5(string_agg(row, e'\n' order by row)), '') from (
			select (to_jsonb(t) - 'observed_at' - 'deleted_at_source' - 'state_since' - 'updated_at' || jsonb_build_object('live', to_jsonb(t)->>'deleted_at_source' is null))::text as row from %s t) r`, table)).Scan(&digest); err != nil {
			b.t.Fatal(err)
		}
		out[table] = digest
	}
	return out
}

// A runtime that is killed, again and again and at any point, ends with the rows of one that was not.
func TestServe_killed(t *testing.T) {
	t.Parallel()
	killed(t, 3)
}

func BenchmarkKilled(b *testing.B) {
	for b.Loop() {
		killed(b, 20)
	}
}

func killed(t testing.TB, kills int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	calm, wild := setup(t, 80), setup(t, 80)
	calls := wild.counted()
	calm.counted()
	quiet := calm.start("serve").ready()
	if _, err := calm.client(quiet).PutPipeline(t.Context(), "billing", billing()); err != nil {
		t.Fatal(err)
	}
	synced := func(b *bundle, p *process) bool {
		s, err := b.client(p).Status(t.Context(), "billing")
		if err == nil && s.LastRun != nil && s.LastRun.State == runtimeapi.RunFailed {
			t.Fatalf("the run failed: %s\n%s", s.LastRun.Error, p.log())
		}
		return err == nil && s.LastFull != nil && s.LastRun.State == runtimeapi.RunSucceeded
	}
	p := wild.start("serve").ready()
	if _, err := wild.client(p).PutPipeline(t.Context(), "billing", billing()); err != nil {
		t.Fatal(err)
	}
	ends := 0
	for range kills {
		target := calls.Load() + 1 + rnd.Int64N(9)
		p.until("calls, or the run's end", func() bool { return calls.Load() >= target || synced(wild, p) })
		if synced(wild, p) { // the rest are kills of a full sync of what is there
			ends++
			if _, err := wild.client(p).Sync(t.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
				t.Fatal(err)
			}
			target = calls.Load() + 1 + rnd.Int64N(9)
			p.until("calls", func() bool { return calls.Load() >= target })
		}
		time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond)
		_ = p.cmd.Process.Kill()
		<-p.done
		p = wild.start("serve").ready()
	}
	quiet.until("an undisturbed sync", func() bool { return synced(calm, quiet) })
	p.until("the killed sync", func() bool { return synced(wild, p) })
	want, got := calm.tables(), wild.tables()
	for table, digest := range want {
		if got[table] != digest || !strings.HasPrefix(table, "drchrono.quar") && !strings.HasPrefix(table, "drchrono.line_item_del") && strings.HasPrefix(digest, "0 ") {
			t.Errorf("%s: %q, undisturbed %q", table, got[table], digest)
		}
	}
	t.Logf("%d kills over %d syncs and %d calls", kills, ends+1, calls.Load())
	quiet.stop()
	p.stop()
}
