package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// event is one change of one row at the source.
type event struct {
	at     time.Time
	object string
	gone   bool
}

// sighting is a page that was asked for, or a delivery that came.
type sighting struct {
	at       time.Time
	objects  []string
	delivery bool
	deleted  bool // a delivery of deletions
}

// world is what a source went through, and what was seen of it.
type world struct {
	feed    *feed.Feed
	rows    map[int][]event
	seen    []sighting
	last    time.Time
	strange bool // times of change are missing, or from the future, now and then
}

// imagine makes up a few rows' histories, with several changes within one second, and sightings of
// them: pages at any moment, deliveries up to eleven hours late.
func imagine(rnd *rand.Rand, f *feed.Feed, strange bool) *world {
	w := &world{feed: f, rows: map[int][]event{}, last: noon, strange: strange}
	n := 0
	for id := 1; id <= 6; id++ {
		at := noon.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		for range 1 + rnd.IntN(7) {
			n++
			w.rows[id] = append(w.rows[id], event{at: at, object: w.object(rnd, id, n, at)})
			if rnd.IntN(2) == 0 { // within the same second, or a little later
				at = at.Add(time.Duration(1+rnd.IntN(300)) * time.Millisecond)
			} else {
				at = at.Add(time.Duration(1+rnd.IntN(4000)) * time.Millisecond)
			}
		}
		if f.Deleted == "" && f.Version != "" && rnd.IntN(3) == 0 {
			w.rows[id] = append(w.rows[id], event{at: at, object: w.rows[id][len(w.rows[id])-1].object, gone: true})
		}
		if at.After(w.last) {
			w.last = at
		}
	}
	span := w.last.Sub(noon)
	for range 12 {
		w.page(noon.Add(time.Duration(rnd.Int64N(int64(span)))), rnd)
	}
	w.page(w.last.Add(time.Second), nil)
	for _, list := range w.rows {
		for _, e := range list {
			if !e.gone && rnd.IntN(2) == 0 || f.Version == "" && strange {
				continue
			}
			late := time.Duration(rnd.Int64N(int64(11 * time.Hour)))
			w.seen = append(w.seen, sighting{at: e.at.Add(late), objects: []string{e.object}, delivery: true, deleted: e.gone})
		}
	}
	return w
}

func (w *world) object(rnd *rand.Rand, id, n int, at time.Time) string {
	v := at.Add(-5 * time.Hour).Format("2006-01-02T15:04:05") // the source's own zone, whole seconds
	if w.strange && rnd.IntN(5) == 0 {
		v = []string{"junk", "", "2999-01-01T00:00:00"}[rnd.IntN(3)]
	}
	o := map[string]any{"id": id, "billed": fmt.Sprintf("%d.00", n), "status": strconv.Itoa(n), "last_name": strconv.Itoa(n), "updated_at": v}
	if w.feed.Deleted != "" {
		o[w.feed.Deleted] = rnd.IntN(3) == 0
	}
	raw, _ := json.Marshal(o)
	return string(raw)
}

// page sees some of the rows as they are at a moment; all of them without rnd.
func (w *world) page(at time.Time, rnd *rand.Rand) {
	s := sighting{at: at}
	for id := 1; id <= len(w.rows); id++ {
		var now *event
		for i := range w.rows[id] {
			if !w.rows[id][i].at.After(at) {
				now = &w.rows[id][i]
			}
		}
		if now != nil && !now.gone && (rnd == nil || rnd.IntN(3) > 0) {
			s.objects = append(s.objects, now.object)
		}
	}
	w.seen = append(w.seen, s)
}

// decode reads what a sighting shows.
func (s sighting) decode(f *feed.Feed) (rows []feed.Row, err error) {
	d := feed.NewDecoder(f)
	for _, o := range s.objects {
		row, err := d.Decode([]byte(o))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// arriveTogether merges sightings in their order, up to four pages that follow on each other at once.
func (b *bench) arriveTogether(f *feed.Feed, order []sighting) error {
	var pages []store.Page
	merge := func() error {
		if len(pages) == 0 {
			return nil
		}
		_, err := b.MergePages(b.Context(), f, b.holder, pages)
		pages = nil
		return err
	}
	for i, s := range order {
		if s.delivery || len(pages) == 4 {
			if err := merge(); err != nil {
				return err
			}
		}
		if s.delivery {
			if err := b.arrive(f, s, 0); err != nil {
				return err
			}
			continue
		}
		rows, err := s.decode(f)
		if err != nil {
			return err
		}
		pages = append(pages, store.Page{Sweep: 1 << 40, Number: i + 1, At: s.at, Rows: rows})
	}
	return merge()
}

// arrive merges a sighting.
func (b *bench) arrive(f *feed.Feed, s sighting, number int) error {
	rows, err := s.decode(f)
	if err != nil {
		return err
	}
	if !s.delivery {
		_, err := b.MergePage(b.Context(), f, b.holder, store.Page{Sweep: 1 << 40, Number: number, At: s.at, Rows: rows})
		return err
	}
	deliveries := make([]store.Delivery, len(rows))
	for i, row := range rows {
		deliveries[i] = store.Delivery{Row: row, Deleted: s.deleted, Received: s.at}
	}
	return pgx.BeginFunc(b.Context(), b.Pool(), func(tx pgx.Tx) error {
		_, err := b.MergeRows(b.Context(), tx, f, audit.Source{}, deliveries)
		return err
	})
}

// end is what must not depend on the order of arrival. Where some times do not count, that is what the
// source holds in the end, and of a row that is gone only that it is.
func (w *world) end(b *bench, seed uint64) string {
	b.Helper()
	w.check(b, seed)
	if w.strange {
		return ""
	}
	return b.rowsOf(w.feed)
}

// rowsOf is a table's contents but for its times of observation.
func (b *bench) rowsOf(f *feed.Feed) string {
	b.Helper()
	return b.one(fmt.Sprintf(`select string_agg(concat(raw, ' ', content_hash, ' ', deleted_at_source is not null), e'\n' order by id::text) from drchrono.%s`, f.Name))
}

var propertyFeeds = []*feed.Feed{&feed.LineItems, &feed.Appointments, &feed.Doctors}

// Whatever order sightings arrive in, however often, and whether pages are merged one by one or together: the same rows
// are the result, and they are the source's.
func TestAnyOrderAndDuplicationOfSightingsEndsInTheSameRows(t *testing.T) {
	b := newBench(t)
	for _, f := range propertyFeeds {
		for seed := range uint64(4) {
			for _, strange := range []bool{false, true} {
				rnd := rand.New(rand.NewPCG(seed, 7))
				w := imagine(rnd, f, strange)
				want := ""
				for try := range 3 {
					b.exec(`truncate drchrono.` + f.Name)
					order := slices.Clone(w.seen)
					for range rnd.IntN(len(order)) {
						order = append(order, order[rnd.IntN(len(order))])
					}
					rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
					if try == 1 {
						if err := b.arriveTogether(f, order); err != nil {
							t.Fatal(err)
						}
					} else {
						for i, s := range order {
							if err := b.arrive(f, s, i+1); err != nil {
								t.Fatal(err)
							}
						}
					}
					got := w.end(b, seed)
					if try > 0 && got != want {
						t.Fatalf("%s, seed %d, try %d: two orders end in\n%s\nand\n%s", f.Name, seed, try, want, got)
					}
					want = got
				}
			}
		}
	}
	t.Logf("seeds 0 to 3, of PCG(seed, 7)")
}

// check compares the table with the source's own state at the end.
func (w *world) check(b *bench, seed uint64) {
	b.Helper()
	for id, list := range w.rows {
		e := list[len(list)-1]
		var o map[string]any
		if err := json.Unmarshal([]byte(e.object), &o); err != nil {
			b.Fatal(err)
		}
		gone := e.gone || o[w.feed.Deleted] == true
		want := fmt.Sprint(e.object, " ", gone)
		if e.gone { // what it held last does not matter
			want = "true"
		}
		if got := b.one(fmt.Sprintf(`select concat(raw, ' ', case when deleted_at_source is null then 'false' else 'true' end) from drchrono.%s where id::text = $1`, w.feed.Name), strconv.Itoa(id)); got != want && (!e.gone || !strings.HasSuffix(got, " true")) {
			b.Errorf("%s, seed %d: the source has %s, the table %s", w.feed.Name, seed, want, got)
		}
	}
}

// The same with writers side by side, as pages, alone and together, and webhooks are.
func TestWritersSideBySideEndInTheSameRows(t *testing.T) {
	b := newBench(t)
	for _, f := range propertyFeeds {
		for seed := range uint64(4) {
			rnd := rand.New(rand.NewPCG(seed, 11))
			w := imagine(rnd, f, f.Version != "" && seed%2 == 1)
			want := ""
			for _, writers := range []int{1, 2, 4} {
				b.exec(`truncate drchrono.` + f.Name)
				order := append(slices.Clone(w.seen), w.seen...)
				rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
				var g errgroup.Group
				g.SetLimit(writers)
				for some := range slices.Chunk(order, writers) {
					g.Go(func() error { return b.arriveTogether(f, some) })
				}
				if err := g.Wait(); err != nil {
					t.Fatalf("%s, seed %d, %d writers: %v", f.Name, seed, writers, err)
				}
				got := w.end(b, seed)
				if writers > 1 && got != want {
					t.Fatalf("%s, seed %d: %d writers end in\n%s\nnot\n%s", f.Name, seed, writers, got, want)
				}
				want = got
			}
		}
	}
	t.Logf("seeds 0 to 3, of PCG(seed, 11)")
}

func TestADeliveryIsAHint(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	deliver := func(at time.Time, deleted bool, objects ...string) {
		t.Helper()
		if err := b.arrive(f, sighting{at: at, objects: objects, delivery: true, deleted: deleted}, 0); err != nil {
			t.Fatal(err)
		}
	}
	state := func() string {
		return b.one(`select concat(billed, case when deleted_at_source is null then '' else ' deleted' end) from drchrono.line_items where id = 1`)
	}
	is := func(what, want string) {
		t.Helper()
		if got := state(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	deliver(noon, false, lineItem(1, "1.00", "2026-03-04T06:00:00"))
	is("a new row", "1.00")
	b.merge(f, noon.Add(-time.Minute), lineItem(1, "2.00", "2026-03-04T06:00:00"))
	is("a page that was asked for before it came wins the second", "2.00")
	deliver(noon.Add(10*time.Hour), false, lineItem(1, "1.00", "2026-03-04T06:00:00"))
	is("repeated ten hours later it changes nothing", "2.00")
	deliver(noon.Add(time.Minute), false, lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("a later change", "3.00")
	deliver(noon.Add(2*time.Minute), true, lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("a deletion", "3.00 deleted")
	b.merge(f, noon.Add(90*time.Second), lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("a page from before the deletion", "3.00 deleted")
	deliver(noon.Add(5*time.Hour), false, lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("a change that is repeated after the deletion", "3.00 deleted")
	b.merge(f, noon.Add(3*time.Minute), lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("a page from after the deletion", "3.00")
	deliver(noon.Add(2*time.Minute), true, lineItem(1, "3.00", "2026-03-04T06:30:00"))
	is("the deletion again", "3.00")
	deliver(noon, true, lineItem(2, "5.00", "2026-03-04T06:00:00"))
	b.merge(f, noon.Add(-time.Minute), lineItem(2, "5.00", "2026-03-04T06:00:00"))
	if n := b.one(`select count(*) from drchrono.line_items where id = 2 and deleted_at_source is null`); n != "0" {
		t.Error("a row that was deleted before its page came is alive")
	}
	// Two deliveries in one transaction, and what is rolled back is gone.
	delivered := func(o string) []store.Delivery {
		row, err := feed.NewDecoder(f).Decode([]byte(o))
		if err != nil {
			t.Fatal(err)
		}
		return []store.Delivery{{Row: row, Received: noon}}
	}
	tx, err := b.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		c, err := b.MergeRows(t.Context(), tx, f, audit.Source{}, delivered(lineItem(10+i, "1.00", "2026-03-04T06:00:00")))
		if err != nil || c.Changed != 1 {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.one(`select count(*) from drchrono.line_items where id >= 10`); n != "0" {
		t.Errorf("%s rows of a transaction that was rolled back", n)
	}
}
