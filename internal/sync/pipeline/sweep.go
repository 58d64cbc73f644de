package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// pass is one feed's sweep in progress.
type pass struct {
	*Service
	lease lease
	feed  *feed.Feed
	sweep store.Sweep
	log   *slog.Logger
	sink  sink

	mu     sync.Mutex
	pages  map[int]store.SweepPage // stored
	number int                     // of the newest page of any part

	requests requests
}

// sink is where a pass brings what it reads: a sync merges it, a reconciliation compares it.
type sink interface {
	keep(ctx context.Context, pages []store.Page) (store.Counts, error)
	split(ctx context.Context, values []string) error // read the list in these parts, from its beginning
}

// syncFeed reads what is new of a feed, or all of it.
func (s *Service) syncFeed(ctx context.Context, l lease, d Dataset, f *feed.Feed, log *slog.Logger) error {
	if err := s.begin(ctx, l, f); err != nil {
		return err
	}
	for restarted := false; ; restarted = true {
		w, err := s.cfg.Store.OpenSweep(ctx, f, l.pipeline, l.fullSince)
		if err != nil {
			return err
		}
		p := &pass{Service: s, lease: l, feed: f, sweep: w, log: log}
		p.sink = merger{p}
		if err := p.plan(ctx, d); err != nil {
			return err
		}
		p.load()
		reading := drchrono.WithClass(ctx, p.class())
		err = p.read(reading)
		// A cursor from an earlier run may have expired: then the sweep begins anew, once.
		if p.astray(err) && !restarted {
			log.WarnContext(ctx, "stored pages do not lead on; the sweep begins anew", "error", err)
			if err := s.cfg.Store.Abandon(ctx, w); err != nil {
				return err
			}
			continue
		}
		if p.tooLong(err) {
			err = p.divide(reading, d, err)
		}
		if err != nil {
			return err
		}
		if err = p.close(ctx); errors.Is(err, errLookAgain) {
			continue
		}
		return err
	}
}

// astray tells that the pages stored by an earlier run do not lead on, as when a cursor has expired.
func (p *pass) astray(err error) bool {
	k := drchrono.KindOf(err)
	return len(p.sweep.Pages) > 0 && p.sweep.Values == nil && (k == drchrono.Rejected || k == drchrono.NotFound || k == drchrono.Malformed)
}

// read stores every page that is not stored yet.
func (p *pass) read(ctx context.Context) error {
	switch {
	case p.sweep.Values != nil:
		return p.parts(ctx)
	case p.feed.Bulk != "":
		return p.bulk(ctx)
	}
	return p.cursor(ctx, p.feed.Path, p.params(), 0, "")
}

func (p *pass) params() url.Values {
	q := url.Values{}
	for k, v := range p.feed.Filters {
		q.Set(k, v)
	}
	if p.sweep.Since != "" {
		q.Set("since", p.sweep.Since)
	}
	return q
}

// Pages of a list are merged by so many at a time, each of which takes up those that wait, to so many: they are small,
// and together they cost hardly more than one. They wait only for a source that is faster than the database. More bring
// nothing, and all that were fetched are lost when the process dies: as many as a bulk list has in flight.
const (
	mergers  = 2
	together = 4
)

// numbered is a page that was fetched.
type numbered struct {
	number int
	page   drchrono.Page
}

// waiting is the next page and those that wait behind it, none when there is no next.
func waiting(pages <-chan numbered, most int) (some []numbered) {
	next, ok := <-pages
	for ok {
		if some = append(some, next); len(some) == most {
			break
		}
		select {
		case next, ok = <-pages:
		default:
			ok = false
		}
	}
	return some
}

// cursor follows a list from the last stored page, or from page number "after" that the caller has
// stored. The next page is fetched while the last ones are decoded and merged, several at a time: those of a part one
// after another, as parts are read beside each other. The pages of a part are numbered among those of all parts.
func (p *pass) cursor(ctx context.Context, path string, params url.Values, after int, part string) error {
	number, next := p.last(after, part)
	if number > 0 && next == "" {
		return nil
	}
	atOnce, most := mergers, together
	if part != "" {
		atOnce, most = 1, 1
	}
	// Closing the channel says that the list ended.
	pages := make(chan numbered, max(1, most-1))
	// What ends the fetching leaves what was fetched: calls are dear. So only the fetcher stops with the group.
	g, fetching := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pages)
		seen := map[string]bool{}
		for {
			page, err := p.cfg.Source.List(fetching, path, params, next)
			if err != nil {
				return err
			}
			if number++; part != "" {
				number = p.take()
			}
			page.Part = part
			select {
			case pages <- numbered{number, page}:
			case <-fetching.Done():
				return fetching.Err()
			}
			if next = page.Next; next == "" {
				return nil
			}
			if seen[next] {
				return &drchrono.Error{Kind: drchrono.Malformed, Endpoint: "GET " + path, Detail: "the list's pages lead in a circle"}
			}
			seen[next] = true
		}
	})
	for range atOnce {
		g.Go(func() error {
			for some := waiting(pages, most); some != nil; some = waiting(pages, most) {
				if _, err := p.store(ctx, some...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// bulk reads an asynchronous list. Page 1 says how many there are; the rest is read from the last to
// the first, several at a time. Deleting or editing a row moves others to earlier pages: read in this
// order, they move to where they will still be seen.
func (p *pass) bulk(ctx context.Context) error {
	params := p.params()
	if order := p.feed.Order; p.sweep.Full && order != "" {
		params.Set("order_by", order)
	} else if !p.sweep.Full {
		params.Set("order_by", "updated_at")
	}
	first, ok := p.pages[1]
	if !ok {
		page, err := p.fetch(ctx, params, 1)
		if err != nil {
			return err
		}
		if err := p.merge(ctx, 1, page); err != nil {
			return err
		}
		first = p.pages[1]
		if first.Pages == 0 && first.Next == "" {
			return p.ascend(ctx, params, &page)
		}
	}
	switch {
	case first.Next != "": // the source pages this list by cursor after all
		return p.cursor(ctx, p.feed.Bulk, params, 1, "")
	case first.Pages == 0:
		return p.ascend(ctx, params, nil)
	}
	var todo []int
	for n := first.Pages; n > 1; n-- {
		if _, ok := p.pages[n]; !ok {
			todo = append(todo, n)
		}
	}
	// The first failure starts no further page but lets those in flight end. A page is several calls, and when
	// the hour's budget is spent, giving up those that wait for their merge could spend every hour on nothing.
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(p.cfg.Fetchers)
	for _, n := range todo {
		g.Go(func() error {
			if failed.Load() {
				return nil
			}
			page, err := p.fetch(ctx, params, n)
			if err == nil {
				err = p.merge(ctx, n, page)
			}
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if first.Pages == 1 || !p.sweep.Full {
		return nil // what changes meanwhile is read next time: the watermark steps back by the sweep's length
	}
	if p.feed.Order != "id" {
		if err := p.tail(ctx, params); err != nil {
			return err
		}
	}
	// Page 1 was read first, so rows may have moved to it since.
	if p.moved(first) {
		page, err := p.cfg.Source.Bulk(ctx, p.feed.Bulk, params, 1)
		if err != nil {
			return err
		}
		return p.merge(ctx, 1, page)
	}
	return nil
}

// tail reads the end of a list that is ordered by change again: a row that changed before its page's
// turn came has moved to where the sweep had been. It stops at the first page that brings nothing new.
func (p *pass) tail(ctx context.Context, params url.Values) error {
	var newest store.SweepPage
	for _, page := range p.pages {
		if page.At.After(newest.At) {
			newest = page
		}
	}
	for n := newest.Pages; n > 1; n-- {
		page, err := p.cfg.Source.Bulk(ctx, p.feed.Bulk, params, n)
		if err != nil {
			return err
		}
		if c, err := p.store(ctx, numbered{n, page}); err != nil || c.Fresh == 0 {
			return err
		}
	}
	return nil
}

// moved tells whether rows may have moved to page 1 after it was read: in a list ordered by change
// always, in one ordered by id when it became shorter.
func (p *pass) moved(first store.SweepPage) bool {
	if p.feed.Order != "id" {
		return true
	}
	for _, page := range p.pages {
		if page.Total < first.Total {
			return true
		}
	}
	return false
}

// merge stores a page when nobody asks what it brought.
func (p *pass) merge(ctx context.Context, number int, page drchrono.Page) error {
	_, err := p.store(ctx, numbered{number, page})
	return err
}

// store decodes pages and stores them with their checkpoints.
func (p *pass) store(ctx context.Context, list ...numbered) (store.Counts, error) {
	d, reasons, bad := feed.NewDecoder(p.feed), map[string]int{}, 0
	pages := make([]store.Page, len(list))
	for i, f := range list {
		page := &pages[i]
		*page = store.Page{Sweep: p.sweep.ID, Number: f.number, Next: f.page.Next, Pages: f.page.Pages, Total: f.page.Total, At: f.page.At, Part: f.page.Part}
		page.Rows = make([]feed.Row, 0, len(f.page.Rows))
		for _, raw := range f.page.Rows {
			row, err := d.Decode(raw)
			var at *feed.RowError
			switch {
			case errors.As(err, &at):
				page.Bad = append(page.Bad, store.BadRow{Key: at.Key, Reason: at.Reason, Raw: raw})
				reasons[at.Reason]++
			case err != nil:
				return store.Counts{}, err
			default:
				page.Rows = append(page.Rows, row)
			}
		}
		bad += len(page.Bad)
	}
	p.mu.Lock()
	for i := range pages {
		_, pages[i].Again = p.pages[pages[i].Number]
	}
	p.mu.Unlock()
	c, err := p.sink.keep(ctx, pages)
	if err != nil {
		return c, err
	}
	if len(reasons) > 0 {
		p.log.WarnContext(ctx, "rows could not be decoded", "rows", bad, "reasons", reasons)
	}
	p.mu.Lock()
	for _, page := range pages {
		p.pages[page.Number] = store.SweepPage{Number: page.Number, Next: page.Next, Pages: page.Pages, Total: page.Total, At: page.At, Part: page.Part}
		if !page.Again {
			p.lease.advanced.Store(true)
		}
	}
	p.mu.Unlock()
	p.note(ctx, c, int64(bad))
	return c, nil
}

func (p *pass) holder() store.Holder {
	return store.Holder{Run: p.lease.run, Instance: p.cfg.Instance}
}

func (p *pass) note(ctx context.Context, c store.Counts, bad int64) {
	for kind, n := range map[string]int64{"read": c.Read, "changed": c.Changed, "deleted": c.Deleted, "quarantined": bad} {
		if n > 0 {
			p.rows.Add(ctx, n, metric.WithAttributes(attribute.String("feed", p.feed.Name), attribute.String("kind", kind)))
		}
	}
}

// close ends a complete sweep: rows that a full one did not see are gone at the source.
func (p *pass) close(ctx context.Context) error {
	gone, err := p.gone(ctx)
	var implausible *store.ImplausibleError
	if err != nil && !errors.As(err, &implausible) {
		return err
	}
	c, err := p.cfg.Store.CloseSweep(ctx, p.feed, p.holder(), p.lease.pipeline, p.sweep, gone, implausible != nil)
	if err != nil {
		return err
	}
	p.note(ctx, c, 0)
	if implausible != nil {
		return implausible
	}
	p.log.InfoContext(ctx, "feed done", "full", p.sweep.Full, "pages", len(p.pages), "deleted", c.Deleted, "seconds", seconds(p.sweep.Started))
	return nil
}
