package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

func TestASweepResumesAndMovesTheWatermark(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	w, err := b.OpenSweep(t.Context(), f, "p", nil)
	if err != nil || !w.Full || w.Since != "" {
		t.Fatalf("the first sweep must be full: %+v, %v", w, err)
	}
	at := time.Now()
	b.sweepPage(f, w, 1, at, 3000, lineItem(1, "1.00", "2026-03-04T10:00:00"))
	b.sweepPage(f, w, 3, at.Add(10*time.Second), 3000, lineItem(2, "1.00", "2026-03-04T12:00:30"), lineItem(3, "1.00", "2999-01-01T00:00:00"))
	again, err := b.OpenSweep(t.Context(), f, "p", now())
	if err != nil || again.ID != w.ID || len(again.Pages) != 2 || again.Pages[1].Number != 3 || again.Pages[1].Total != 3000 {
		t.Fatalf("not resumed: %+v, %v", again, err)
	}
	if _, err := b.CloseSweep(t.Context(), f, b.holder, "p", w, nil, false); err != nil {
		t.Fatal(err)
	}
	// Less the sweep's own length, and without the row from the future.
	if got := b.one(`select watermark from august.checkpoint`); got != "2026-03-04 12:00:20" {
		t.Errorf("watermark %s", got)
	}
	next, err := b.OpenSweep(t.Context(), f, "p", nil)
	if err != nil || next.Full || next.ID == w.ID || next.Since != "2026-03-03T12:00:20" {
		t.Errorf("%+v, %v", next, err)
	}
	full, err := b.OpenSweep(t.Context(), f, "p", now())
	if err != nil || !full.Full || full.ID == next.ID {
		t.Errorf("a full sweep must not go on from an incremental one: %+v, %v", full, err)
	}
	if _, err := b.CloseSweep(t.Context(), f, b.holder, "p", full, nil, false); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Minute)
	if w, err := b.OpenSweep(t.Context(), f, "p", &before); err != nil || w.Full {
		t.Errorf("a full sweep was completed since: %+v, %v", w, err)
	}
	if full, err = b.OpenSweep(t.Context(), f, "p", now()); err != nil {
		t.Fatal(err)
	}
	b.exec(`update august.checkpoint set sweep_started = now() - interval '25 hours'`)
	if old, err := b.OpenSweep(t.Context(), f, "p", now()); err != nil || old.ID == full.ID {
		t.Errorf("a sweep of yesterday was resumed: %+v, %v", old, err)
	}
}

// now asks for a full sweep whatever was completed before.
func now() *time.Time {
	t := time.Now().Add(time.Minute)
	return &t
}

// gone says that rows were looked for just now and not found.
func gone(keys ...string) []store.Gone {
	var out []store.Gone
	for _, k := range keys {
		out = append(out, store.Gone{Key: k, At: time.Now()})
	}
	return out
}

// sweepPage merges a page of a sweep.
func (b *bench) sweepPage(f *feed.Feed, w store.Sweep, number int, at time.Time, total int64, objects ...string) {
	b.Helper()
	p := store.Page{Sweep: w.ID, Number: number, Pages: 3, Total: total, At: at}
	d := feed.NewDecoder(f)
	for _, o := range objects {
		row, err := d.Decode([]byte(o))
		if bad, ok := err.(*feed.RowError); ok {
			p.Bad = append(p.Bad, store.BadRow{Key: bad.Key, Reason: bad.Reason, Raw: []byte(o)})
			continue
		}
		p.Rows = append(p.Rows, row)
	}
	if _, err := b.MergePage(b.Context(), f, b.holder, p); err != nil {
		b.Fatal(err)
	}
}

func TestMissingRowsAreThoseNoPageShowed(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	var rows []string
	for i := range 100 {
		rows = append(rows, lineItem(i+1, "1.00", "2026-03-04T10:00:00"))
	}
	b.merge(f, time.Now().Add(-time.Hour), rows...)
	sweep := func(keep ...string) (store.Sweep, []string, error) {
		t.Helper()
		b.exec(`update august.checkpoint set sweep_started = null`)
		w, err := b.OpenSweep(t.Context(), f, "p", now())
		if err != nil {
			t.Fatal(err)
		}
		b.sweepPage(f, w, 1, time.Now(), 0, keep...)
		keys, err := b.Missing(t.Context(), f, w)
		return w, keys, err
	}
	w, keys, err := sweep(rows[:97]...)
	if err != nil || fmt.Sprint(keys) != "[98 99 100]" {
		t.Fatalf("missing %v, %v", keys, err)
	}
	c, err := b.CloseSweep(t.Context(), f, b.holder, "p", w, gone(keys...), false)
	if err != nil || c.Deleted != 3 || b.one(`select count(*) from drchrono.line_items where deleted_at_source is null`) != "97" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, keys, err = sweep(append(rows[:96:96], lineItem(97, "junk", ""))...); err != nil || len(keys) != 0 {
		t.Errorf("a row at fault was seen and is not missing: %v, %v", keys, err)
	}
	if _, keys, err = sweep(append(rows[:90:90], `{"billed":"1.00"}`)...); err != nil || len(keys) != 0 {
		t.Errorf("a sweep with an unreadable key proves nothing: %v, %v", keys, err)
	}
	var e *store.ImplausibleError
	if _, _, err = sweep(rows[:40]...); !errors.As(err, &e) || e.Missing != 57 || e.Held != 97 {
		t.Errorf("error %v", err)
	}
	if _, keys, err = sweep(rows[:50]...); err != nil || len(keys) != 47 {
		t.Errorf("few rows may go: %v, %v", keys, err)
	}
}

func TestSourceTombstonesDeleteLineItemsAndTheirTransactions(t *testing.T) {
	b := newBench(t)
	b.merge(&feed.LineItems, noon, lineItem(1, "1.00", ""), lineItem(2, "1.00", ""))
	b.merge(&feed.Transactions, noon, `{"id":10,"line_item":1}`, `{"id":11,"line_item":2}`)
	f := &feed.LineItemDeletions
	w, err := b.OpenSweep(t.Context(), f, "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	b.sweepPage(f, w, 1, time.Now(), 0, `{"billing_line_item_id":2.0,"appointment_id":7000001.0,"created_at":"2026-03-04T10:00:00"}`)
	c, err := b.CloseSweep(t.Context(), f, b.holder, "p", w, nil, false)
	if err != nil || c.Deleted != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	if got := b.one(`select string_agg(id::text, ',' order by id) from (select id from drchrono.line_items where deleted_at_source is null union all select id from drchrono.transactions where deleted_at_source is null) t`); got != "1,10" {
		t.Errorf("left: %s", got)
	}
}

func TestOnlyTheRunsHolderClosesASweep(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	b.merge(f, time.Now().Add(-time.Hour), lineItem(1, "1.00", "2026-03-04T10:00:00"))
	w, err := b.OpenSweep(t.Context(), f, "p", now())
	if err != nil {
		t.Fatal(err)
	}
	late := b.holder
	late.Instance = "another"
	if _, err := b.CloseSweep(t.Context(), f, late, "p", w, gone("1"), false); err != store.ErrLeaseLost {
		t.Errorf("error %v", err)
	}
	if got := b.one(`select count(*) from drchrono.line_items where deleted_at_source is not null`); got != "0" {
		t.Errorf("%s rows are marked by an instance that lost the run", got)
	}
	if again, err := b.OpenSweep(t.Context(), f, "p", now()); err != nil || again.ID != w.ID {
		t.Errorf("the sweep is closed: %+v, %v", again, err)
	}
}

// What was missed waits for a sweep that can tell. Of line items that is a full one, of a list that is read in
// parts any.
func TestWhatWasMissedWaitsForASweepThatJudges(t *testing.T) {
	b := newBench(t)
	for _, f := range []*feed.Feed{&feed.LineItems, &feed.LabResults} {
		open := func(full bool) store.Sweep {
			t.Helper()
			var since *time.Time
			if full {
				since = now()
			}
			w, err := b.OpenSweep(t.Context(), f, "p", since)
			if err != nil || w.Full != full {
				t.Fatalf("%s: %+v, %v", f.Name, w, err)
			}
			return w
		}
		finish := func(w store.Sweep, left int) {
			t.Helper()
			if _, err := b.CloseSweep(t.Context(), f, b.holder, "p", w, nil, false); err != nil {
				t.Fatal(err)
			}
			if missed, err := b.Missed(t.Context(), f, "p"); err != nil || len(missed) != left {
				t.Errorf("%s: %d are left to judge, %v, want %d", f.Name, len(missed), err, left)
			}
		}
		w := open(true)
		b.sweepPage(f, w, 1, time.Now(), 0, `{"id":1,"updated_at":"2026-03-04T10:00:00"}`)
		if err := b.NoteMissed(t.Context(), f, b.holder, "p", w, []string{"7", "8"}, false); err != nil {
			t.Fatal(err)
		}
		finish(w, 2) // by the next one
		if f.Split == nil {
			finish(open(false), 2)
			finish(open(true), 0)
		} else {
			finish(open(false), 0)
		}
	}
}
