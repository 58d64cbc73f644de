package export

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// progress is how far a run is.
type progress struct {
	log         *slog.Logger
	every       time.Duration
	rows, bytes atomic.Int64
	read, pages atomic.Int64
	table       atomic.Pointer[string]
}

func (p *progress) add(rows, bytes int64) {
	p.rows.Add(rows)
	p.bytes.Add(bytes)
}

// done notes that a span was read.
func (p *progress) done(t task) {
	to := t.to
	if to == 0 {
		to = t.table.pages
	}
	p.read.Add(to - t.from)
	p.table.Store(&t.table.path)
}

// share is the part of all pages that was read, in percent.
func (p *progress) share() float64 {
	all := p.pages.Load()
	if all == 0 {
		return 0
	}
	return math.Round(1000*float64(p.read.Load())/float64(all)) / 10
}

// tell logs it now and then, until the context ends.
func (p *progress) tell(ctx context.Context) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			table := ""
			if at := p.table.Load(); at != nil {
				table = *at
			}
			p.log.InfoContext(ctx, "anonymising", "rows", p.rows.Load(), "bytes", p.bytes.Load(), "percent", p.share(), "table", table)
		}
	}
}
