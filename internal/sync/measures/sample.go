package measures

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// sampleLock is the advisory lock of whoever looks at the connections.
const sampleLock = int64(0x6175677573740020)

const (
	sampleEvery = 15 * time.Second
	sampleTime  = 10 * time.Second // for one look
)

// Run looks at the connections until ctx ends. Every instance of the service does so, and one of them finds that it is time.
func (m *Measurer) Run(ctx context.Context) {
	telemetry.Repeat(ctx, m.cfg.Log, "sampling connections", sampleEvery, func(ctx context.Context) error {
		return Sample(ctx, m.cfg.Store.Pool(), sampleEvery*4/5)
	})
}

// Sample adds a look at the connections to the minute's, unless the newest is younger than rest or another instance is at it.
func Sample(ctx context.Context, pool *pgxpool.Pool, rest time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var mine bool
		// The clock is the database's: instances need not agree on the time. The lock comes first, so that the newest look is seen.
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, sampleLock).Scan(&mine); err != nil || !mine {
			return err
		}
		if err := tx.QueryRow(ctx, `select coalesce((select last from august.connection_look order by minute desc limit 1) <= now() - $1::interval, true)`,
			rest).Scan(&mine); err != nil || !mine {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(qLook)
		b.Queue(qConnections)
		b.Queue(qWaits)
		for _, table := range []string{"connection_look", "connection_minute", "connection_wait"} {
			b.Queue(`delete from august.`+table+` where minute < now() - $1::interval`, runtimeapi.MeasuresKept)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("sample connections: %w", err)
	}
	return nil
}

const qLook = `
insert into august.connection_look as l (minute, samples, first, last, received)
select date_trunc('minute', now()), 1, now(), now(), coalesce(pg_sequence_last_value('august.inbox_id_seq'), 0)
on conflict (minute) do update set samples = l.samples + 1, last = excluded.last, received = excluded.received`

const qConnections = `
insert into august.connection_minute as m (minute, role, connections, most, active, most_active, idle_in_transaction, most_idle_in_transaction)
select date_trunc('minute', now()), coalesce(role, ''), n, n, a, a, i, i
from (select usename::text as role, count(*) as n, count(*) filter (where ` + working + `) as a, count(*) filter (where ` + holding + `) as i
	from ` + clients + ` group by grouping sets ((1), ())) s
on conflict (minute, role) do update set
	connections = m.connections + excluded.connections, most = greatest(m.most, excluded.most),
	active = m.active + excluded.active, most_active = greatest(m.most_active, excluded.most_active),
	idle_in_transaction = m.idle_in_transaction + excluded.idle_in_transaction,
	most_idle_in_transaction = greatest(m.most_idle_in_transaction, excluded.most_idle_in_transaction)`

const qWaits = `
insert into august.connection_wait as w (minute, role, type, connections)
select date_trunc('minute', now()), coalesce(role, ''), type, n
from (select usename::text as role, wait_event_type as type, count(*) as n
	from ` + clients + ` and ` + working + ` and wait_event_type is not null group by grouping sets ((1, 2), (2))) s
on conflict (minute, role, type) do update set connections = w.connections + excluded.connections`
