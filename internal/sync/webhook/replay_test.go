package webhook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

func TestShelf(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	s := Shelf{r.store}
	ctx := audit.With(t.Context(), audit.Source{Kind: audit.KindCommand, ID: "tester"})
	r.exec(`alter table drchrono.line_items add constraint poisonous check (code <> 'POISON-SYNTHETIC')`)
	var all []Delivery
	for i := range 7 {
		all = append(all, delivery(fmt.Sprint("d", i), "LINE_ITEM_MODIFY",
			strings.Replace(lineItem(1+i%3, fmt.Sprintf("%d.00", i), fmt.Sprintf("2026-03-04T10:%02d:00", i)), "99213", "POISON-SYNTHETIC", 1)))
	}
	r.arrive(all...)
	d := r.drain(r.db)
	stop := r.start(d)
	r.settled()
	stop()
	r.exec(`update august.inbox set received_at = '2026-03-04T12:00:00Z'::timestamptz + id * interval '1 minute'`)
	at := func(minute int) *time.Time { at := time.Date(2026, 3, 4, 12, minute, 0, 0, time.UTC); return &at }

	var pages []string
	for after := int64(0); ; {
		page, err := s.List(ctx, runtimeapi.ParkedSelection{Kind: "line_items"}, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Deliveries {
			pages = append(pages, p.Delivery)
			if p.Event != "LINE_ITEM_MODIFY" || p.Kind != "line_items" || p.Key == "" || p.Attempts != 1 || p.ParkedAt.IsZero() || strings.Contains(fmt.Sprint(p), "SYNTHETIC") {
				t.Errorf("%+v", p)
			}
		}
		if after = page.Next; after == 0 {
			break
		}
		pages = append(pages, "|")
	}
	if got := strings.Join(pages, " "); got != "d0 d1 d2 | d3 d4 d5 | d6" {
		t.Errorf("listed: %s", got)
	}
	if page, err := s.List(ctx, runtimeapi.ParkedSelection{From: at(2), To: at(4)}, 0, 10); err != nil || len(page.Deliveries) != 2 || page.Deliveries[0].Delivery != "d1" {
		t.Errorf("by time: %+v, %v", page, err)
	}

	if _, err := s.Discard(ctx, runtimeapi.ParkedSelection{IDs: []int64{7}}); err == nil {
		t.Error("discarded without a reason")
	}
	if n, err := s.Discard(ctx, runtimeapi.ParkedSelection{IDs: []int64{7, 99}, Reason: "superseded"}); n != 1 || err != nil {
		t.Errorf("discarded %d, %v", n, err)
	}
	var own *runtimeapi.Error
	if _, err := s.Discard(t.Context(), runtimeapi.ParkedSelection{IDs: []int64{6}, Reason: "superseded"}); err == nil || errors.As(err, &own) {
		t.Errorf("discarded by nobody: %v", err)
	}
	r.is("discarded", "ignored discarded by command tester: superseded f", `select concat(state, ' ', reason, ' ', object is not null) from august.inbox where delivery = 'd6'`)

	r.is("the audit trail", "command tester update {7} {d6}", `select concat_ws(' ', source, source_id, operation, keys, deliveries) from august.audit where relation = 'august.inbox' and source <> 'sql'`)

	// What fails again is parked again, and counts; what is mended is applied in order.
	if n, err := s.Replay(ctx, runtimeapi.ParkedSelection{Kind: "line_items", Key: "2"}); n != 2 || err != nil {
		t.Errorf("put back %d, %v", n, err)
	}
	stop = r.start(r.drain(r.db))
	r.settled()
	stop()
	r.is("attempts", "1 2 1 1 2 1 1", `select string_agg(attempts::text, ' ' order by id) from august.inbox`)
	r.exec(`alter table drchrono.line_items drop constraint poisonous`)
	if n, err := s.Replay(ctx, runtimeapi.ParkedSelection{From: at(0)}); n != 6 || err != nil {
		t.Errorf("put back %d, %v", n, err)
	}
	r.start(r.drain(r.db))
	r.settled()
	r.is("states", "applied applied applied applied applied applied ignored", `select string_agg(state, ' ' order by id) from august.inbox`)
	r.is("rows", "3.00 4.00 5.00", `select string_agg(billed::text, ' ' order by id) from drchrono.line_items`)
	if n, err := s.Replay(ctx, runtimeapi.ParkedSelection{From: at(0)}); n != 0 || err != nil {
		t.Errorf("put back %d that were applied, %v", n, err)
	}
}

// Settled deliveries are removed when they are old, in small batches by one instance at a time; parked ones stay.
func TestTidy(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	r.exec(`insert into august.inbox (delivery, digest, event, kind, key, lane, via, state, settled_at)
		select concat(state, age, n), '', '', '', '', 0, 'inbox', state, now() - age * interval '1 day'
		from unnest(array['applied', 'ignored', 'unknown', 'parked']) state, unnest(array[29, 31]) age, generate_series(1, 400) n`)
	r.arrive(delivery("1", "LINE_ITEM_MODIFY", lineItem(1, "1.00", "2026-03-04T10:00:00")))
	d := r.drain(r.db)
	tx, err := r.store.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select pg_advisory_xact_lock($1)`, houseLock); err != nil {
		t.Fatal(err)
	}
	if n, err := d.tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("removed %d beside another instance, %v", n, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{houseBatch, 200, 0} {
		if n, err := d.tidy(t.Context()); n != want || err != nil {
			t.Errorf("removed %d, want %d, %v", n, want, err)
		}
	}
	r.is("what is left", "applied 400,ignored 400,parked 800,pending 1,unknown 400",
		`select string_agg(concat(state, ' ', n), ',' order by state) from (select state, count(*) as n from august.inbox group by 1) s`)
}
