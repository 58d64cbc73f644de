package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// dueMargin steps back from the last sweep's beginning: the source's lists trail its writes by seconds, so
// that a parent may have shown a change before its part did.
const dueMargin = 30 * time.Second

// plan decides which parts of the list are read. An incremental sweep reads those that are due, unless
// the whole list costs fewer calls.
func (p *pass) plan(ctx context.Context, d Dataset) error {
	if !p.sweep.NeedsParts(p.feed) {
		return nil
	}
	values, err := p.wanted(ctx, d)
	if err != nil {
		return err
	}
	if !p.feed.Split.Always {
		held, err := p.cfg.Store.Held(ctx, p.feed)
		if err != nil {
			return err
		}
		if whole := int(held)/drchrono.ListSize + 1; len(values) > whole {
			p.log.InfoContext(ctx, "the list is read whole", "parts_due", len(values), "calls_estimated", whole)
			return nil
		}
	}
	return p.sink.split(ctx, values)
}

// wanted is the parts that this sweep is about: all, or those that are due.
func (p *pass) wanted(ctx context.Context, d Dataset) ([]string, error) {
	if p.sweep.Full || p.sweep.ReadAt == nil || d.Due == nil {
		return p.cfg.Store.Parts(ctx, p.feed)
	}
	return d.Due(ctx, p.cfg.Store.Pool(), p.feed.Name, p.sweep.ReadAt.Add(-dueMargin))
}

// tooLong tells that the list failed as long ones do, and can be read in parts instead.
func (p *pass) tooLong(err error) bool {
	k := drchrono.KindOf(err)
	return p.feed.Split != nil && p.sweep.Values == nil && (k == drchrono.Unavailable || k == drchrono.Malformed)
}

// divide goes over to parts when the list could not be read whole, which happens to long ones. That a
// part can be read tells it from a source that is down; then the first failure stands.
func (p *pass) divide(ctx context.Context, d Dataset, failure error) error {
	values, err := p.wanted(ctx, d)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return failure
	}
	params := p.params()
	params.Set(p.feed.Split.Param, values[0])
	if _, err := p.cfg.Source.List(ctx, p.feed.Path, params, ""); err != nil {
		if drchrono.KindOf(err) == drchrono.Throttled {
			return err
		}
		return failure
	}
	p.log.WarnContext(ctx, "the list cannot be read whole; it is read in parts", "parts", len(values), "error", failure)
	if err := p.sink.split(ctx, values); err != nil {
		return err
	}
	p.load()
	return p.parts(ctx)
}

// parts reads each part that is not stored yet, several at a time. As with bulk pages, the first failure
// starts no further part and lets those in flight end. A part that the source refuses to list, because
// its parent is gone there, is left as it is.
func (p *pass) parts(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(p.cfg.Fetchers)
	work, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var refusal error
	refused := map[string]bool{}
	for _, value := range p.sweep.Values {
		g.Go(func() error {
			if work.Err() != nil {
				return ctx.Err()
			}
			err := p.part(ctx, value)
			if k := drchrono.KindOf(err); k == drchrono.Rejected || k == drchrono.NotFound {
				mu.Lock()
				defer mu.Unlock()
				refused[value], refusal = true, err
				return nil
			}
			if err != nil {
				stop()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil || refusal == nil {
		return err
	}
	if len(refused) == len(p.sweep.Values) { // then it is the request, not a parent
		return refusal
	}
	p.log.WarnContext(ctx, "the source refuses to list some parts; they stay as they are", "parts", len(refused), "error", refusal)
	p.sweep.Values = slices.DeleteFunc(slices.Clone(p.sweep.Values), func(v string) bool { return refused[v] })
	return nil
}

// part reads one part, from its first page when the stored ones do not lead on.
func (p *pass) part(ctx context.Context, value string) error {
	params := p.params()
	params.Set(p.feed.Split.Param, value)
	_, stored := p.last(0, value)
	err := p.cursor(ctx, p.feed.Path, params, 0, value)
	if k := drchrono.KindOf(err); stored == "" || k != drchrono.Rejected && k != drchrono.NotFound && k != drchrono.Malformed {
		return err
	}
	p.mu.Lock()
	maps.DeleteFunc(p.pages, func(_ int, page store.SweepPage) bool { return page.Part == value })
	p.mu.Unlock()
	return p.cursor(ctx, p.feed.Path, params, 0, value)
}

// load takes up what the sweep has stored so far.
func (p *pass) load() {
	p.pages, p.number = make(map[int]store.SweepPage, len(p.sweep.Pages)), 0
	for _, page := range p.sweep.Pages {
		p.pages[page.Number] = page
		p.number = max(p.number, page.Number)
	}
}

// last is the page of a part, from page number "after", up to which all are stored, and where it leads. The pages of
// a list that is read whole are numbered one by one, and may be stored in another order than they were read in; those of
// a part are not, and are.
func (p *pass) last(after int, part string) (number int, next string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number = after
	if part == "" {
		for page, ok := p.pages[max(after, 1)]; ok; page, ok = p.pages[number+1] {
			number, next = page.Number, page.Next
		}
		return number, next
	}
	for n, page := range p.pages {
		if n >= number && n != verification && page.Part == part {
			number, next = n, page.Next
		}
	}
	return number, next
}

// take numbers a page of a part.
func (p *pass) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	return p.number
}
