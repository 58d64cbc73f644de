package pipeline

import (
	"context"
	"crypto/sha256"
	"net/url"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// An ascent reads a bulk list that does not say how many pages it has: until one is empty or repeats what
// came before. A page takes seconds to prepare, so pages are asked for ahead, in windows. A window is no
// larger than what is known of the list allows, since each page beyond the end is two calls for nothing.
//
// The safe order of a sweep is from the last page to the first: rows move to earlier pages, where they
// will still be seen. Within a window that order holds. Between windows it does not: a row may move from
// the next window to the last page of this one, which was read already. So a full sweep reads that page a
// second time, together with a later window.
type ascent struct {
	*pass
	params url.Values

	last    int                // pages 1 to last are stored
	again   []int              // stored pages to which rows may have moved
	largest int                // rows of the largest page seen
	partial bool               // the newest page seen was smaller than that
	marks   map[int][32]byte   // of what each page held when this run read it
	mu      sync.Mutex         // guards what follows
	seen    map[int]windowPage // of the window in progress
}

type windowPage struct {
	rows int
	mark [32]byte
}

// growth is how much larger each window is than the one before, while pages are full.
const growth = 3

// ascend begins or goes on with an ascent; page 1 is stored, and in first when this run has read it.
func (p *pass) ascend(ctx context.Context, params url.Values, first *drchrono.Page) error {
	a := &ascent{pass: p, params: params, last: 1, marks: map[int][32]byte{}, partial: true}
	highest := 1
	for n := range p.pages {
		highest = max(highest, n)
	}
	for ; a.has(a.last + 1); a.last++ {
	}
	if first != nil {
		if len(first.Rows) == 0 {
			return nil
		}
		a.marks[1] = mark(first.Rows)
		a.largest, a.partial = len(first.Rows), len(first.Rows) < drchrono.BulkSize
	}
	size := 1
	if !a.partial {
		size = growth
	}
	if expected, err := a.expected(ctx); err != nil {
		return err
	} else if expected > a.last {
		size = expected - a.last + 1 // the end is read first, and the whole list is one window
	}
	size = max(size, highest-a.last) // what an interrupted window has stored has its place in it
	for {
		end, err := a.window(ctx, size)
		if err != nil {
			return err
		}
		if end > 0 {
			return a.finish(ctx)
		}
		switch {
		case a.partial:
			size = 1 // the end is near
		default:
			size = min(size*growth, p.cfg.Fetchers)
		}
	}
}

// expected is how many pages the list will have if it is as long as it was, 0 when that is not known.
func (a *ascent) expected(ctx context.Context) (int, error) {
	if !a.sweep.Full || a.largest == 0 {
		return 0, nil
	}
	rows, err := a.cfg.Store.Held(ctx, a.feed)
	return (int(rows) + a.largest - 1) / a.largest, err
}

// window reads the size pages that follow the last, from the highest to the lowest, and with them what is
// to be read again. It returns the page at which the list ends, 0 when that lies further on.
func (a *ascent) window(ctx context.Context, size int) (int, error) {
	// What the hour has left is not for speculation. A page is two calls at least.
	if left := a.cfg.Source.Left(); left < 4*size {
		size = max(1, left/4)
	}
	a.seen = map[int]windowPage{}
	again := a.again
	a.again = nil
	if a.sweep.Full {
		a.again = append(a.again, a.last)
	}
	err := a.together(func(run func(read func() error)) {
		for n := a.last + size; n > a.last; n-- {
			if a.has(n) {
				continue
			}
			run(func() error { return a.take(ctx, n) })
		}
		for _, n := range again {
			run(func() error { return a.reread(ctx, n) })
		}
	})
	if err != nil {
		return 0, err
	}
	for n := a.last + 1; n <= a.last+size; n++ {
		page, now := a.seen[n]
		before, known := a.marks[n-1]
		if now && known && page.rows > 0 && page.mark == before {
			// A source that repeats a page by mistake must not end the list: asked anew, it says so again or goes on.
			if page, err = a.anew(ctx, n, before); err != nil {
				return 0, err
			}
		}
		if now && (page.rows == 0 || known && page.mark == before) {
			a.last = n - 1
			return n, nil
		}
		if now {
			a.marks[n] = page.mark
			a.partial = page.rows < a.largest
			a.largest = max(a.largest, page.rows)
		}
	}
	a.last += size
	return 0, nil
}

// finish reads again what rows may have moved to since it was read: the last page of each window and, in
// a list that is ordered by change, its end.
func (a *ascent) finish(ctx context.Context) error {
	if !a.sweep.Full {
		return nil // what changes meanwhile is read next time
	}
	if a.feed.Order != "id" {
		for n := a.last; ; n++ {
			page, err := a.cfg.Source.Bulk(ctx, a.feed.Bulk, a.params, n)
			if err != nil {
				return err
			}
			if len(page.Rows) == 0 {
				break
			}
			c, err := a.store(ctx, numbered{n, page})
			if err != nil {
				return err
			}
			if c.Fresh == 0 || len(page.Rows) < a.largest {
				break
			}
		}
	}
	return a.together(func(run func(read func() error)) {
		for _, n := range a.again {
			if n != a.last || a.feed.Order == "id" {
				run(func() error { return a.reread(ctx, n) })
			}
		}
	})
}

// together runs reads, several at a time. The first failure starts no further one but lets those in flight
// end, as what they cost is spent.
func (a *ascent) together(start func(run func(read func() error))) error {
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(a.cfg.Fetchers)
	start(func(read func() error) {
		g.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := read()
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	})
	return g.Wait()
}

// take reads a page of the window and stores it, unless it is empty.
func (a *ascent) take(ctx context.Context, n int) error {
	page, err := a.fetch(ctx, a.params, n)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.seen[n] = windowPage{len(page.Rows), mark(page.Rows)}
	a.mu.Unlock()
	if len(page.Rows) == 0 {
		return nil
	}
	return a.merge(ctx, n, page)
}

// anew asks for a page a second time, and stores it unless it is like the one before again.
func (a *ascent) anew(ctx context.Context, n int, before [32]byte) (windowPage, error) {
	page, err := a.cfg.Source.Bulk(ctx, a.feed.Bulk, a.params, n)
	if err != nil {
		return windowPage{}, err
	}
	w := windowPage{len(page.Rows), mark(page.Rows)}
	if w.rows == 0 || w.mark == before {
		return w, nil
	}
	return w, a.merge(ctx, n, page)
}

func (a *ascent) reread(ctx context.Context, n int) error {
	page, err := a.cfg.Source.Bulk(ctx, a.feed.Bulk, a.params, n)
	if err != nil {
		return err
	}
	return a.merge(ctx, n, page)
}

func (a *ascent) has(n int) bool {
	a.pass.mu.Lock()
	defer a.pass.mu.Unlock()
	_, ok := a.pages[n]
	return ok
}

// mark tells pages apart.
func mark[T ~[]byte](rows []T) [32]byte {
	h := sha256.New()
	for _, row := range rows {
		h.Write(row)
		h.Write([]byte{'\n'})
	}
	return [32]byte(h.Sum(nil))
}
