package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// drainRig is a database in which one pipeline wants every event of billing's objects.
type drainRig struct {
	testing.TB
	db    pgtest.Database
	store *store.Store
	logs  *lines
}

var billingData = map[string]Dataset{"billing": {Feeds: []feed.Feed{feed.Appointments, feed.LineItems, feed.Transactions, feed.PatientPayments}, Derives: true}}

var billingSpec = runtimeapi.PipelineSpec{Dataset: "billing", WebhookEvents: []string{
	"APPOINTMENT_CREATE", "APPOINTMENT_MODIFY", "APPOINTMENT_DELETE", "LINE_ITEM_CREATE", "LINE_ITEM_MODIFY", "LINE_ITEM_DELETE",
	"LINE_ITEM_TRANSACTION_DELETE", "CASH_PAYMENT_DELETE", "TASK_CREATE",
}}

func newDrainRig(t testing.TB) *drainRig {
	t.Helper()
	r := &drainRig{TB: t, logs: &lines{}}
	r.db = storetest.New(t)
	r.store = r.connect(r.db)
	r.declare("billing", billingSpec)
	return r
}

func (r *drainRig) connect(db pgtest.Database) *store.Store {
	r.Helper()
	return storetest.Open(r, db, 0)
}

func (r *drainRig) declare(name string, spec runtimeapi.PipelineSpec) {
	r.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		r.Fatal(err)
	}
	r.exec(`insert into august.pipeline (name, spec) values ($1, $2) on conflict (name) do update set spec = excluded.spec`, name, raw)
}

func (r *drainRig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.store.Pool().Exec(context.Background(), sql, args...); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

func (r *drainRig) one(sql string, args ...any) string {
	r.Helper()
	var s string
	if err := r.store.Pool().QueryRow(context.Background(), "select coalesce(("+sql+")::text, 'null')", args...).Scan(&s); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
	return s
}

func (r *drainRig) is(what, want, sql string, args ...any) {
	r.Helper()
	if got := r.one(sql, args...); got != want {
		r.Errorf("%s: %s, want %s", what, got, want)
	}
}

// drain is one instance's, on a pool of its own.
func (r *drainRig) drain(db pgtest.Database, change ...func(*DrainConfig)) *Drain {
	r.Helper()
	cfg := DrainConfig{Store: r.connect(db), Datasets: billingData, Log: slog.New(slog.NewTextHandler(r.logs, nil)), Poll: 5 * time.Millisecond, Linger: time.Millisecond, Retry: 5 * time.Millisecond, Longest: 50 * time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	return NewDrain(cfg)
}

// start runs a drain until the test, or the returned function, ends it.
func (r *drainRig) start(d *Drain) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	r.Cleanup(stop)
	return stop
}

// body is a delivery's, as DrChrono sends it.
func body(object string) []byte {
	return fmt.Appendf(nil, `{"receiver":{},"object":%s,"practice_group_id":7}`, object)
}

// arrive puts deliveries into the inbox, as the receiver does.
func (r *drainRig) arrive(list ...Delivery) {
	r.Helper()
	for part := range slices.Chunk(list, 1000) {
		var ids, events, kinds, keys []string
		var digests, objects [][]byte
		var lanes []int16
		for _, d := range part {
			ids, events, kinds, keys = append(ids, d.ID), append(events, d.Event), append(kinds, d.Subject.Kind), append(keys, d.Subject.Key)
			digests, objects, lanes = append(digests, d.Digest), append(objects, d.Object), append(lanes, d.Subject.Lane())
		}
		r.exec(`insert into august.inbox (delivery, digest, event, kind, key, lane, object, via)
			select t.*, 'inbox' from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bytea[]) t on conflict do nothing`,
			ids, digests, events, kinds, keys, lanes, objects)
	}
}

func delivery(id, event, object string) Delivery { return Parse(id, event, body(object), time.Now()) }

func lineItem(id int, billed, updated string) string {
	return fmt.Sprintf(`{"id":%d,"appointment":7000001,"billed":%q,"code":"99213","updated_at":%q}`, id, billed, updated)
}

// until polls what must become true.
func (r *drainRig) until(what string, is func() bool) {
	r.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("never came: %s\n%s", what, r.logs)
		}
	}
}

// settled waits until nothing is pending.
func (r *drainRig) settled() {
	r.Helper()
	r.until("an empty inbox", func() bool { return r.one(`select count(*) from august.inbox where state = 'pending'`) == "0" })
}
