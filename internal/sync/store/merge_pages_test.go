package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
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

// Whoever merges side by side locks rows in the order of their keys. A stage does not keep the order in which it was
// filled: a small row goes where a large one before it found no room.
func TestRowsOfAnySizeAreMergedInTheOrderOfTheirKeys(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	rnd := rand.New(rand.NewPCG(1, 2))
	items := func(first int) (list []string) {
		for id := first; id < first+1000; id++ {
			list = append(list, fmt.Sprintf(`{"id":%d,"updated_at":"2026-03-04T10:00:00","notes":%q}`, id, strings.Repeat("x", 300+rnd.IntN(1500))))
		}
		return list
	}
	b.merge(f, noon, lineItem(1000, "1.00", "2026-03-04T09:00:00")) // is known, so that its page goes through a stage
	b.merge(f, noon, items(1000)...)

	var list []store.Delivery
	for _, row := range b.asked(f, 7, noon, items(2000)...).Rows {
		list = append(list, store.Delivery{Row: row, Received: noon})
	}
	if err := pgx.BeginFunc(t.Context(), b.Pool(), func(tx pgx.Tx) error {
		_, err := b.MergeRows(t.Context(), tx, f, audit.Source{}, list)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.one(`select string_agg(cardinality(keys)::text, ' ' order by id) from august.audit where relation = 'drchrono.line_items' and operation = 'insert'`), "1 999 1000"; got != want {
		t.Fatalf("added %s rows, want %s", got, want)
	}
	if got := b.one(`select count(*) from august.audit where relation = 'drchrono.line_items' and keys <> array(select k from unnest(keys) k order by k collate "C")`); got != "0" {
		t.Errorf("%s merges took their rows in another order", got)
	}
}

// A row that the database refuses keeps its own page out, and none of those that happened to wait beside it.
func TestPagesBesideOneThatIsRefusedAreStored(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	b.exec(`alter table drchrono.line_items add constraint small check (billed < 100)`)
	page := func(id int, billed string) store.Page {
		return b.asked(f, 7, noon, lineItem(id, billed, "2026-03-04T10:00:00"))
	}
	_, err := b.MergePages(t.Context(), f, b.holder, []store.Page{page(1, "1.00"), page(2, "222.00"), page(3, "3.00")})
	if !store.Unfit(err) || strings.Contains(err.Error(), "222") {
		t.Errorf("the refusal is %v", err)
	}
	if got, want := b.one(`select concat(
		(select string_agg(id::text, ',' order by id) from drchrono.line_items), ' ',
		(select string_agg(page::text, ',' order by page) from august.sweep_page), ' ',
		(select string_agg(keys::text, ',' order by id) from august.audit where relation = 'drchrono.line_items'), ' ',
		(select concat(pages, ' ', read, ' ', changed) from august.feed_run where feed = 'line_items'))`), "1,3 1,3 {1},{3} 2 2 2"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}

// A row is the same whether it was added without a stage or merged from one: its moments, its mark, its entry in the audit
// trail, and what it counts.
func TestRowsAreAddedAsTheyAreMerged(t *testing.T) {
	f := &feed.Appointments
	at := noon.Add(1234567 * time.Nanosecond) // more than a timestamp holds
	state := func(known bool) string {
		b := newBench(t)
		first := []string{`{"id":"1","deleted_flag":true,"updated_at":"2026-03-04T10:00:00","notes":"a\tb\\N\n\u00e9"}`}
		if known {
			same := `{"id":"0","updated_at":"2026-03-01T10:00:00"}`
			b.merge(f, noon, same)
			first = append(first, same)
		}
		c, err := b.MergePages(t.Context(), f, b.holder, []store.Page{
			b.asked(f, 7, at, first...),
			b.asked(f, 7, at.Add(time.Hour), `{"id":"2","updated_at":"2026-03-04T10:00:00"}`, `{"id":"3","deleted_flag":true}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d changed, %d deleted\n%s\n%s", c.Changed, c.Deleted,
			b.one(`select string_agg(to_jsonb(a)::text, e'\n' order by id) from drchrono.appointments a where id <> '0'`),
			b.one(`select concat_ws(' ', source, source_id, operation, keys, after, flags) from august.audit where relation = 'drchrono.appointments' and keys <> '{0}'`))
	}
	added, merged := state(false), state(true)
	if added != merged || !strings.HasPrefix(added, "3 changed, 2 deleted\n") || !strings.Contains(added, "run 1 insert {1,2,3}") {
		t.Errorf("added\n%s\nmerged\n%s", added, merged)
	}
}
