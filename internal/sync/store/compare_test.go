package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// What is noted of a page, and what is repaired of it, is there or is not, together.
func TestAComparisonIsAllOrNothing(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	const then = "2026-03-04T10:00:00"
	objects := []string{lineItem(1, "10.00", then), lineItem(2, "20.00", then), lineItem(3, "30.00", then)}
	b.merge(f, noon, objects...)
	b.exec(`delete from drchrono.line_items where id = 1`)
	b.exec(`update drchrono.line_items set billed = 21 where id = 2`)
	b.exec(`delete from august.sweep_page`)
	c, err := b.OpenComparison(t.Context(), f, b.holder)
	if err != nil || c.Read || len(c.Pages) > 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	at := c.Started.Add(time.Second)
	page := b.asked(f, c.ID, at, append(objects, `{"id":4,"billed":"much","appointment":7000001}`, `{"id":{}}`)...)
	const state = `(select string_agg(id || ' ' || billed, ',' order by id) from drchrono.line_items) || ' / ' || (select count(*) from august.reconcile_row) || (select count(*) from august.sweep_page)`
	before := b.one("select " + state)
	if _, err := b.ComparePage(t.Context(), f, store.Holder{Run: 1, Instance: "somebody else"}, "p", page, true); !errors.Is(err, store.ErrLeaseLost) {
		t.Fatal(err)
	}
	if now := b.one("select " + state); now != before {
		t.Errorf("a page of an instance that has lost the run: %s, was %s", now, before)
	}
	for i, want := range []store.Counts{{Read: 5, Changed: 2, Fresh: 5}, {Read: 5}} {
		if got, err := b.ComparePage(t.Context(), f, b.holder, "p", page, true); err != nil || got != want {
			t.Errorf("time %d: %+v, %v", i+1, got, err)
		}
		page.Again = true
	}
	if now := b.one("select " + state); now != "1 10.00,2 20.00,3 30.00 / 51" {
		t.Error(now)
	}
	if n, err := b.Differences(t.Context(), f, c); err != nil || n != (store.Differences{Missing: 1, Differs: 1, Repaired: 2, Bad: 2}) {
		t.Errorf("%+v, %v", n, err)
	}
	if n := b.one(`select count(*) from drchrono.quarantine`); n != "0" {
		t.Error("a comparison put rows into quarantine")
	}
	again, err := b.OpenComparison(t.Context(), f, b.holder)
	if err != nil || again.ID != c.ID || len(again.Pages) != 1 || !again.Started.Equal(c.Started) {
		t.Errorf("opened again: %+v, %v", again, err)
	}
}

// Both sides are compared range by range, and what only the database has is judged once.
func TestAComparisonJudgesWhatItDidNotSee(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	const then = "2026-03-04T10:00:00"
	objects := []string{lineItem(1, "10.00", then), lineItem(9999, "20.00", then), lineItem(10000, "30.00", then)}
	b.merge(f, noon, append(objects, lineItem(25000, "40.00", then), lineItem(25001, "50.00", then), lineItem(2, "60.00", then))...)
	c, err := b.OpenComparison(t.Context(), f, b.holder)
	if err != nil {
		t.Fatal(err)
	}
	at := c.Started.Add(time.Second)
	if _, err := b.ComparePage(t.Context(), f, b.holder, "p", b.asked(f, c.ID, at, objects...), false); err != nil {
		t.Fatal(err)
	}
	b.exec(`update drchrono.line_items set observed_at = $1 where id = 2`, at) // written meanwhile: not judged
	b.exec(`update drchrono.line_items set observed_at = $1, content_hash = 'newer' where id = 1`, at.Add(time.Second))
	buckets := func() (all []store.Bucket) {
		t.Helper()
		if err := b.EachBucket(t.Context(), f, c, func(one store.Bucket) { all = append(all, one) }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	differ := func() (numbers []int64) {
		for _, one := range buckets() {
			if one.Source != one.Database || one.SourceHash != one.DatabaseHash {
				numbers = append(numbers, *one.Number)
			}
		}
		return numbers
	}
	if got := buckets(); len(got) != 3 || got[0].Source != 2 || got[1].Database != 1 || got[2].Source != 0 || got[2].Database != 2 || !slices.Equal(differ(), []int64{2}) {
		t.Errorf("%+v", got)
	}
	keys, all, held, err := b.Unseen(t.Context(), f, c, 1)
	if err != nil || !slices.Equal(keys, []string{"25000"}) || all != 2 || held != 5 {
		t.Errorf("%v, %d of %d, %v", keys, all, held, err)
	}
	if err := b.Judge(t.Context(), f, b.holder, c, []store.Gone{{Key: "25000", At: at}}, []string{"25000", "25001"}, true); err != nil {
		t.Fatal(err)
	}
	if keys, all, _, err := b.Unseen(t.Context(), f, c, 1); err != nil || all != 0 || len(keys) != 0 {
		t.Errorf("judged, and still %v, %v", keys, err)
	}
	if n, err := b.Differences(t.Context(), f, c); err != nil || n != (store.Differences{Gone: 1, Repaired: 1, Unasked: 1}) {
		t.Errorf("%+v, %v", n, err)
	}
	if got := differ(); len(got) != 0 { // what nobody could say is on neither side
		t.Errorf("%v differ", got)
	}
	b.exec(`update drchrono.line_items set content_hash = 'other' where id = 10000`)
	if got := differ(); !slices.Equal(got, []int64{1}) {
		t.Errorf("%v differ", got)
	}
	if got := b.one(`select string_agg(id::text, ' ' order by id) from drchrono.line_items where deleted_at_source is not null`); got != "25000" {
		t.Errorf("marked: %s", got)
	}
	if err := b.CloseComparison(t.Context(), f, b.holder, c, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if n := b.one(`select (select count(*) from august.reconcile_row) || ' ' || (select count(*) from august.sweep_page where sweep = $1)`, c.ID); n != "0 0" {
		t.Errorf("rows and pages are left: %s", n)
	}
}
