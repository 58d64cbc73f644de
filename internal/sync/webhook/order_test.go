package webhook

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// history is deliveries of a few objects: created, changed, some of them deleted in the end, several changes within a second.
func history(rnd *rand.Rand) (list []Delivery, want string) {
	n := 0
	for id := 1; id <= 5; id++ {
		at := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
		last := ""
		for range 1 + rnd.IntN(5) {
			n++
			at = at.Add(time.Duration(1+rnd.IntN(100)) * time.Second)
			last = lineItem(id, fmt.Sprintf("%d.00", n), at.Format("2006-01-02T15:04:05"))
			list = append(list, delivery(fmt.Sprint("d", n), []string{"LINE_ITEM_CREATE", "LINE_ITEM_MODIFY"}[min(1, len(list))], last))
		}
		gone := "f"
		if rnd.IntN(2) == 0 {
			gone = "t"
			n++
			list = append(list, delivery(fmt.Sprint("d", n), "LINE_ITEM_DELETE", last))
			want += fmt.Sprintf("%d %d.00 %s\n", id, n-1, gone)
			continue
		}
		want += fmt.Sprintf("%d %d.00 %s\n", id, n, gone)
	}
	return list, want
}

const lineItems = `select string_agg(concat(id, ' ', billed, ' ', deleted_at_source is not null, e'\n'), '' order by id) from drchrono.line_items`

// In whatever order and however often deliveries come, in batches of any size, by either way and to several instances: the
// rows are the newest, and what is deleted stays so.
func TestDrain_anyOrderEndsInTheSameRows(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	drains := []*Drain{r.drain(r.db), r.drain(r.db), r.drain(r.db)}
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		list, want := history(rnd)
		r.exec(`truncate drchrono.line_items, august.inbox`)
		order := slices.Clone(list)
		for i := range rnd.IntN(len(list)) { // a delivery that DrChrono sends again has its own id; one that is handed out again has not
			again := order[rnd.IntN(len(order))]
			if rnd.IntN(2) == 0 {
				again.ID = fmt.Sprint("again", i)
			}
			order = append(order, again)
		}
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for len(order) > 0 {
			n := min(len(order), 1+rnd.IntN(12))
			r.arrive(order[:n]...)
			order = order[n:]
			var g errgroup.Group
			for _, d := range drains[:1+rnd.IntN(3)] {
				g.Go(func() error { _, err := d.pass(t.Context()); return err })
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		for r.one(`select count(*) from august.inbox where state = 'pending'`) != "0" {
			if _, err := drains[0].pass(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.one(lineItems); got != want {
			t.Fatalf("seed %d of PCG(seed, 3):\n%swant\n%s", seed, got, want)
		}
		r.is("applied more than once", "0", `select count(*) from august.inbox where attempts <> 1`)
	}
}

// Of two contents of one second the one that came later wins, in one batch as in two.
func TestDrain_sameSecond(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	d := r.drain(r.db)
	for id := range 20 { // the content's hash decides nothing
		one, two := delivery(fmt.Sprint("a", id), "LINE_ITEM_MODIFY", lineItem(id, "1.00", "2026-03-04T10:00:00")), delivery(fmt.Sprint("b", id), "LINE_ITEM_MODIFY", lineItem(id, "2.00", "2026-03-04T10:00:00"))
		r.arrive(one)
		if id%2 == 0 {
			if _, err := d.pass(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.arrive(two)
	}
	r.start(d)
	r.settled()
	r.is("rows", "20", `select count(*) from drchrono.line_items where billed = 2`)
}
