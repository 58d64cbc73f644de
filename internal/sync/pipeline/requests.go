package pipeline

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// requests are the bulk pages that an earlier run of the sweep had submitted when it stopped. To look at
// them costs half of what it costs to submit them again.
type requests struct {
	once sync.Once
	mu   sync.Mutex
	kept map[int]drchrono.Request
}

// fetch reads a page that is not stored yet. When that fails while the source prepares it, the request is
// kept for the run that goes on. A page that is read a second time, to see what has moved to it, needs a
// new request instead.
func (p *pass) fetch(ctx context.Context, params url.Values, n int) (drchrono.Page, error) {
	p.requests.once.Do(func() { p.recall(ctx) })
	p.requests.mu.Lock()
	r, kept := p.requests.kept[n]
	delete(p.requests.kept, n)
	p.requests.mu.Unlock()
	page, err := p.cfg.Source.BulkAgain(ctx, p.feed.Bulk, params, n, &r)
	if err != nil && r.UUID != "" {
		switch drchrono.KindOf(err) {
		case drchrono.Throttled, drchrono.Unavailable, drchrono.Unauthorized, drchrono.Unknown:
			p.keepRequest(ctx, n, r)
			return page, err
		}
	}
	if kept {
		p.dropRequest(ctx, n)
	}
	return page, err
}

// recall looks up what was kept. It stays until its page was read: the budget may end again before that page's
// turn comes. It is a saving only: when the database fails, the pages are submitted anew.
func (p *pass) recall(ctx context.Context) {
	p.requests.kept = map[int]drchrono.Request{}
	rows, _ := p.cfg.Store.Pool().Query(ctx, `
		with old as (delete from august.bulk_request where submitted_at < now() - interval '1 hour')
		select page, uuid, submitted_at, clock_timestamp() from august.bulk_request where sweep = $1`, p.sweep.ID)
	var n int
	var r drchrono.Request
	var now time.Time
	_, err := pgx.ForEachRow(rows, []any{&n, &r.UUID, &r.At, &now}, func() error {
		if r.Alive(now) {
			p.requests.kept[n] = r
		}
		return nil
	})
	if err != nil {
		p.log.DebugContext(ctx, "bulk requests not recalled", "error", err)
	}
}

// keepRequest remembers a request, also while the instance is stopping.
func (p *pass) keepRequest(ctx context.Context, n int, r drchrono.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if _, err := p.cfg.Store.Pool().Exec(ctx, `
		insert into august.bulk_request (sweep, page, uuid, submitted_at) values ($1, $2, $3, $4)
		on conflict (sweep, page) do update set uuid = excluded.uuid, submitted_at = excluded.submitted_at`, p.sweep.ID, n, r.UUID, r.At); err != nil {
		p.log.DebugContext(ctx, "bulk request not kept", "error", err)
	}
}

// dropRequest forgets a request that has served.
func (p *pass) dropRequest(ctx context.Context, n int) {
	if _, err := p.cfg.Store.Pool().Exec(ctx, `delete from august.bulk_request where sweep = $1 and page = $2`, p.sweep.ID, n); err != nil {
		p.log.DebugContext(ctx, "bulk request not dropped", "error", err)
	}
}

// class is how urgent a sweep's calls are. A list that is short enough to be read whole each time is part
// of an ordinary run.
func (p *pass) class() drchrono.Class {
	if p.lease.full || p.sweep.Full && p.feed.Since {
		return drchrono.Backfill
	}
	return drchrono.Scheduled
}
