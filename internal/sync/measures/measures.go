// Package measures says how the connections of the runtime's database are used, by which role, and how fast the runtime's own
// batches are: what advice on pools, concurrency and batches is made of. It reads no statement and no value of any row.
package measures

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Config is what a Measurer needs.
type Config struct {
	Store        *store.Store
	Batches      *Batches // those of this instance; nil: none
	Instance     string   // of Cloud SQL, project:region:name; empty: not known
	Subscription string   // of Pub/Sub; empty: none
	Log          *slog.Logger
}

// Measurer measures. It may be asked by several at a time.
type Measurer struct {
	cfg   Config
	began time.Time
}

// New makes a measurer. It does not connect.
func New(cfg Config) *Measurer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Batches == nil {
		cfg.Batches = NewBatches()
	}
	return &Measurer{cfg, time.Now()}
}

// readTime bounds each statement of an answer.
const readTime = "10s"

// Measures is what was measured in a window that ends now.
func (m *Measurer) Measures(ctx context.Context, window time.Duration) (runtimeapi.Measures, error) {
	out := runtimeapi.Measures{
		Instance: m.cfg.Instance, Roles: []runtimeapi.RoleMeasures{}, Unknown: []runtimeapi.UnknownMeasure{},
		Pool: m.pool(), Batches: m.cfg.Batches.Measures(),
	}
	err := m.cfg.Store.Again(ctx, func() error {
		return pgx.BeginTxFunc(ctx, m.cfg.Store.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `select set_config('statement_timeout', $1, true)`, readTime); err != nil {
				return err
			}
			return m.read(ctx, tx, window, &out)
		})
	})
	if err != nil {
		return runtimeapi.Measures{}, fmt.Errorf("read the measures: %w", err)
	}
	return out, nil
}

func (m *Measurer) read(ctx context.Context, tx pgx.Tx, window time.Duration, out *runtimeapi.Measures) error {
	out.Roles, out.Unknown, out.Statements, out.All = out.Roles[:0], out.Unknown[:0], nil, nil // it may be the second try
	if err := tx.QueryRow(ctx, `
		select now(), current_setting('max_connections')::int,
			current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0)`,
	).Scan(&out.At, &out.MaxConnections, &out.Reserved); err != nil {
		return err
	}
	roles, hidden, err := rolesNow(ctx, tx)
	if err != nil {
		return err
	}
	if hidden > 0 {
		out.Unknown = append(out.Unknown, runtimeapi.UnknownMeasure{
			What: fmt.Sprintf("what %d connections of other roles do", hidden),
			Why:  "the runtime's database user may not see it; grant it pg_read_all_stats",
		})
	}
	if err := roles.windows(ctx, tx, window); err != nil {
		return err
	}
	if roles.all.Window == nil {
		out.Unknown = append(out.Unknown, runtimeapi.UnknownMeasure{What: "connections over time", Why: "the runtime has no sample of them yet; it takes one within a minute of its start"})
	}
	if out.Statements, err = roles.statements(ctx, tx, window); err != nil {
		return err
	}
	if out.Statements == nil {
		out.Unknown = append(out.Unknown, runtimeapi.UnknownMeasure{
			What: "statements a second, and how long they take",
			Why:  "pg_stat_statements is not there, or was not looked at twice yet; it needs CREATE EXTENSION pg_stat_statements, and ten minutes",
		})
	}
	out.Roles, out.All = roles.sorted(), roles.all.Window
	out.Deliveries, err = m.deliveries(ctx, tx, window)
	return err
}

// pool is the use of this instance's connections.
func (m *Measurer) pool() *runtimeapi.PoolMeasures {
	s := m.cfg.Store.Pool().Stat()
	return &runtimeapi.PoolMeasures{
		Since: m.began.UTC(), Max: int(s.MaxConns()), Held: int(s.TotalConns()), Used: int(s.AcquiredConns()),
		Acquires: s.AcquireCount(), Waits: s.EmptyAcquireCount(), WaitMs: s.EmptyAcquireWaitTime().Seconds() * 1000,
	}
}
