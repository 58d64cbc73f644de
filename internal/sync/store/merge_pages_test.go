package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Pages that are merged together leave what they leave one after the other: each its checkpoint, each row its own
// page's moment, and in quarantine what was at fault when it was last seen.
func TestPagesMergedTogetherAreAsOneAfterTheOther(t *testing.T) {
	f := &feed.LineItems
	state := func(merge func(b *bench, pages []store.Page) error) [4]string {
		b := newBench(t)
		pages := []store.Page{
			b.asked(f, 7, noon, lineItem(1, "1.00", "2026-03-04T10:00:00"), lineItem(2, "x", "2026-03-04T10:00:00"), lineItem(3, "3.00", "2026-03-04T10:00:00")),
			b.asked(f, 7, noon.Add(time.Second), lineItem(2, "2.00", "2026-03-04T10:00:00"), lineItem(1, "1.50", "2026-03-04T10:00:00"), lineItem(4, "x", "2026-03-04T10:00:00")),
			b.asked(f, 7, noon.Add(2*time.Second), lineItem(5, "5.00", "2026-03-04T10:00:00"), lineItem(3, "x", "2026-03-04T10:00:00")),
		}
		pages[0].Next, pages[1].Next = "two", "three"
		if err := merge(b, pages); err != nil {
			t.Fatal(err)
		}
		return [4]string{
			b.one(`select string_agg(concat(id, ' ', billed, ' ', observed_at at time zone 'UTC'), '; ' order by id) from drchrono.line_items`),
			b.one(`select string_agg(concat(key, ' ', observed_at at time zone 'UTC'), '; ' order by key) from drchrono.quarantine`),
			b.one(`select string_agg(concat(page, ' ', next, ' ', keys, ' ', newest, ' ', fetched_at at time zone 'UTC'), '; ' order by page) from august.sweep_page`),
			b.one(`select concat(pages, ' ', read, ' ', quarantined) from august.feed_run where feed = 'line_items'`),
		}
	}
	apart := state(func(b *bench, pages []store.Page) error {
		for _, p := range pages {
			if _, err := b.MergePage(t.Context(), f, b.holder, p); err != nil {
				return err
			}
		}
		return nil
	})
	together := state(func(b *bench, pages []store.Page) error {
		_, err := b.MergePages(t.Context(), f, b.holder, pages)
		return err
	})
	if apart != together {
		t.Errorf("one after the other\n%q\ntogether\n%q", apart, together)
	}
	if want := "3 8 3"; apart[3] != want {
		t.Errorf("progress %s, want %s", apart[3], want)
	}

	b := newBench(t)
	b.exec(`update august.run set lease_owner = 'another'`)
	_, err := b.MergePages(t.Context(), f, b.holder, []store.Page{b.asked(f, 7, noon, lineItem(1, "1.00", "2026-03-04T10:00:00")), b.asked(f, 7, noon)})
	if stored := b.one(`select (select count(*) from drchrono.line_items) + (select count(*) from august.sweep_page)`); !errors.Is(err, store.ErrLeaseLost) || stored != "0" {
		t.Errorf("without the lease: %v, %s rows and checkpoints", err, stored)
	}
}

// Rows that nobody has are added without a stage. When another writer stores one of them in between, it is merged after all,
// by the rule: here the page is older than what is stored of row 2, and newer than what is of row 3.
func TestRowsThatSomebodyElseAddsMeanwhileAreMerged(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	other, err := b.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback(t.Context()) }()
	if _, err := other.Exec(t.Context(), `insert into drchrono.line_items (id, billed, updated_at, raw, content_hash, observed_at)
		values (2, 99, '2026-03-05', '{}', '\x02', $1), (3, 99, '2026-03-03', '{}', '\x03', $1)`, noon); err != nil {
		t.Fatal(err)
	}
	merged := make(chan error, 1)
	go func() {
		c, err := b.MergePages(t.Context(), f, b.holder, []store.Page{
			b.asked(f, 7, noon, lineItem(1, "1.00", "2026-03-04T10:00:00"), lineItem(2, "2.00", "2026-03-04T10:00:00"), lineItem(3, "3.00", "2026-03-04T10:00:00"))})
		if err == nil && c.Changed != 2 {
			err = fmt.Errorf("%d rows changed", c.Changed)
		}
		merged <- err
	}()
	for deadline := time.Now().Add(time.Minute); b.one(`select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like 'copy "drchrono"."line_items"%')`) != "true"; time.Sleep(time.Millisecond) {
		select {
		case err := <-merged:
			t.Fatalf("it did not wait for the other writer: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("it never came to the row that the other writer holds")
		}
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-merged; err != nil {
		t.Fatal(err)
	}
	if got, want := b.one(`select string_agg(concat(id, ' ', billed), ', ' order by id) from drchrono.line_items`), "1 1.00, 2 99.00, 3 3.00"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if got := b.one(`select concat(pages, ' ', read, ' ', changed) from august.feed_run where feed = 'line_items'`); got != "1 3 2" {
		t.Errorf("progress %s", got)
	}
	if got := b.one(`select string_agg(concat(operation, ' ', keys), ', ' order by operation) from august.audit where relation = 'drchrono.line_items' and source = 'run'`); got != "insert {1}, update {3}" {
		t.Errorf("the audit trail has %s", got)
	}
}
