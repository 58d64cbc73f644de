package measures

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// deliveries is what waits in the inbox, and how many came: by their numbers, so that none has to be counted.
func (m *Measurer) deliveries(ctx context.Context, tx pgx.Tx, window time.Duration) (*runtimeapi.DeliveryMeasures, error) {
	d := &runtimeapi.DeliveryMeasures{Subscription: m.cfg.Subscription}
	if err := tx.QueryRow(ctx, `
		select count(*), extract(epoch from now() - min(received_at))::float8 * 1000 from august.inbox where state = 'pending'`,
	).Scan(&d.Pending, &d.OldestMs); err != nil {
		return nil, fmt.Errorf("look into the inbox: %w", err)
	}
	if err := tx.QueryRow(ctx, `
		with came as (
			select greatest(received - lag(received) over w, 0)::float8 as n, extract(epoch from last - lag(last) over w)::float8 as seconds
			from august.connection_look where last > now() - $1::interval window w as (order by minute))
		select coalesce(sum(n) / nullif(sum(seconds), 0), 0), coalesce(max(n / nullif(seconds, 0)), 0) from came`, window,
	).Scan(&d.PerSecond, &d.PeakMinute); err != nil {
		return nil, fmt.Errorf("read how many deliveries came: %w", err)
	}
	return d, nil
}
