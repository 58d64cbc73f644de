package pipeline

import (
	"context"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// webhook is how deliveries of some events fare, nil for none. However many there are, it looks at the newest only:
// by now(), for an index is of no use for a clock that goes on.
func (s *Service) webhook(ctx context.Context, events []string) (*runtimeapi.WebhookStatus, error) {
	if len(events) == 0 {
		return nil, nil
	}
	w := &runtimeapi.WebhookStatus{}
	return w, s.cfg.Store.Pool().QueryRow(ctx, `
		with took as (
			select extract(epoch from settled_at - received_at)::float8 * 1000 as ms from (
				select * from august.inbox where state in ('applied', 'ignored', 'unknown') and settled_at > now() - interval '1 hour' order by settled_at desc limit 10000
			) i where state = 'applied' and attempts = 1 and event = any($1)
		), p as (select percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ms) as at from took)
		select at[1], at[2], at[3],
			(select count(*) from august.inbox where state = 'parked' and event = any($1)),
			(select count(*) from august.inbox where state = 'pending'),
			(select max(received_at) from (select event, received_at from august.inbox order by id desc limit 10000) i where event = any($1))
		from p`, events).Scan(&w.P50Ms, &w.P95Ms, &w.P99Ms, &w.Parked, &w.Pending, &w.LastDelivery)
}
