package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// A row can be missed because others moved while the pages were read. So what a complete sweep missed
// is looked for again before it counts as gone: up to this many rows one by one, a call each; more of
// them by reading the whole list a second time, which then costs less. What was missed in parts is always
// asked for: it may have moved to a part that is not read, however often the others are.
const verified = 100

// verification is the number of the page that holds rows which were missed and are still there.
const verification = 0

// errLookAgain asks for another complete sweep before anything is marked.
var errLookAgain = errors.New("the list is to be read again")

// gone judges what the sweep has missed. What two complete sweeps have missed, one after the other, is
// gone; a sweep of an earlier run counts.
func (p *pass) gone(ctx context.Context) ([]store.Gone, error) {
	missing, err := p.cfg.Store.Missing(ctx, p.feed, p.sweep)
	if err != nil {
		return nil, err
	}
	if len(missing) <= verified {
		return p.verify(ctx, missing)
	}
	if p.sweep.Values != nil {
		return nil, p.each(drchrono.WithClass(ctx, p.class()), missing)
	}
	missed, err := p.cfg.Store.Missed(ctx, p.feed, p.lease.pipeline)
	if err != nil {
		return nil, err
	}
	if len(missed) == 0 {
		p.log.WarnContext(ctx, "rows were missed; the list is read again before any of them is marked as deleted", "rows", len(missing))
		if err := p.cfg.Store.NoteMissed(ctx, p.feed, p.holder(), p.lease.pipeline, p.sweep, missing, true); err != nil {
			return nil, err
		}
		return nil, errLookAgain
	}
	before := make(map[string]bool, len(missed))
	for _, key := range missed {
		before[key] = true
	}
	var gone []store.Gone
	var fresh []string
	for _, key := range missing {
		if before[key] {
			gone = append(gone, store.Gone{Key: key, At: p.sweep.Started})
		} else {
			fresh = append(fresh, key)
		}
	}
	if len(fresh) <= verified {
		one, err := p.verify(ctx, fresh)
		return append(gone, one...), err
	}
	p.log.WarnContext(ctx, "rows were missed for the first time; the next full sync judges them", "rows", len(fresh))
	return gone, p.cfg.Store.NoteMissed(ctx, p.feed, p.holder(), p.lease.pipeline, p.sweep, fresh, false)
}

// each asks for many rows and marks at once what is gone, so that a run whose budget ends in between goes on from
// there.
func (p *pass) each(ctx context.Context, missing []string) error {
	p.log.WarnContext(ctx, "rows were missed in parts; each is asked for before it is marked as deleted", "rows", len(missing))
	for some := range slices.Chunk(missing, verified) {
		gone, err := p.verify(ctx, some)
		if len(gone) > 0 {
			c, e := p.cfg.Store.MarkGone(ctx, p.feed, p.holder(), gone)
			if e != nil {
				return e
			}
			p.note(ctx, c, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// verify asks for each missed row and returns those that are really gone. The others are stored as
// they are now, also when the budget ends in between.
func (p *pass) verify(ctx context.Context, missing []string) (gone []store.Gone, err error) {
	var there drchrono.Page
	for _, key := range missing {
		object, at, e := p.cfg.Source.Get(ctx, p.feed.Path, key)
		switch k := drchrono.KindOf(e); {
		case k == drchrono.Denied || k == drchrono.Rejected:
			p.log.WarnContext(ctx, "a missed row could not be asked for; it stays", "error", e)
			continue
		case e != nil:
			err = fmt.Errorf("look for a missed row: %w", e)
		case object == nil:
			gone = append(gone, store.Gone{Key: key, At: at})
			continue
		default:
			if there.At.IsZero() {
				there.At = at // no row on the page is older
			}
			there.Rows = append(there.Rows, object)
			continue
		}
		break
	}
	if len(there.Rows) > 0 {
		if e := p.merge(ctx, verification, there); e != nil && err == nil {
			err = e
		}
	}
	return gone, err
}

// merger is a sync's sink.
type merger struct{ *pass }

func (m merger) keep(ctx context.Context, pages []store.Page) (store.Counts, error) {
	return m.cfg.Store.MergePages(ctx, m.feed, m.holder(), pages)
}

func (m merger) split(ctx context.Context, values []string) error {
	return m.cfg.Store.Divide(ctx, m.feed, &m.sweep, values)
}
