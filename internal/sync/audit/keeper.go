package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
)

// Config is what a Keeper needs.
type Config struct {
	Pool      *pgxpool.Pool
	Bucket    string // where heads go; empty: nowhere
	Retention int    // days for which entries are kept; 0: for ever
	Log       *slog.Logger
	Meter     metric.Meter
}

// How often an instance looks. Whichever comes first does what is to do.
const (
	sealEvery = 10 * time.Second
	keepEvery = time.Hour
)

// Keeper keeps the trail: it seals, exports heads, makes partitions ahead and removes those past retention. Every
// instance of the service has one, and they may all work at once.
type Keeper struct {
	cfg    Config
	bucket Bucket
	said   map[string]string // newest trouble of each chore
	state  atomic.Pointer[state]
}

// state is what the metrics tell.
type state struct {
	at       time.Time
	unsealed time.Duration
	blocks   int64
	head     time.Duration // since the newest one was written; negative: none was
}

// NewKeeper prepares a keeper.
func NewKeeper(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, said: map[string]string{}}
	return k, k.instrument()
}

// Run keeps the trail until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	var kept time.Time
	for {
		k.chore(ctx, "seal", func() error { _, err := Seal(ctx, k.cfg.Pool); return err })
		head := k.export(ctx)
		k.chore(ctx, "measure", func() error { return k.measure(ctx, head) })
		if time.Since(kept) >= keepEvery {
			kept = time.Now()
			k.chore(ctx, "partitions", func() error { return Ahead(ctx, k.cfg.Pool, kept) })
			k.chore(ctx, "retention", func() error {
				removed, err := Retire(ctx, k.cfg.Pool, k.cfg.Retention, k.cfg.Bucket)
				if removed {
					kept = time.Time{} // there may be more
					k.cfg.Log.InfoContext(ctx, "audit entries past their retention were removed", "days", k.cfg.Retention)
				}
				return err
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// chore does one thing, and says once that it does not work, and once that it does again.
func (k *Keeper) chore(ctx context.Context, what string, do func() error) {
	err := do()
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		if k.said[what] != "" {
			k.cfg.Log.InfoContext(ctx, "audit trail: "+what+" works again")
		}
		delete(k.said, what)
		return
	}
	if text := err.Error(); text != k.said[what] {
		if k.said[what] == "" {
			k.cfg.Log.WarnContext(ctx, "audit trail: "+what+" does not work and is tried again", "error", err)
		}
		k.said[what] = text
	}
}

// exportTime is for one head: a bucket that says nothing must not keep blocks from being sealed.
const exportTime = 10 * time.Second

// export writes the newest head, and returns when the newest one was written.
func (k *Keeper) export(ctx context.Context) (at time.Time) {
	if k.cfg.Bucket == "" {
		return at
	}
	k.chore(ctx, "export", func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, exportTime)
		defer cancel()
		if k.bucket == nil {
			if k.bucket, err = OpenBucket(ctx, k.cfg.Bucket); err != nil {
				return err
			}
		}
		at, err = ExportHead(ctx, k.cfg.Pool, k.bucket, k.cfg.Bucket)
		return err
	})
	return at
}

// measure notes how the trail stands.
func (k *Keeper) measure(ctx context.Context, head time.Time) error {
	s := state{at: time.Now(), head: -1}
	var unsealed, headAge *float64
	err := k.cfg.Pool.QueryRow(ctx, `
		select extract(epoch from clock_timestamp() - (select min(at) from august.audit where cluster = august.audit_cluster() and txid >= coalesce(
				(select to_xid from august.audit_block where cluster = august.audit_cluster() order by to_xid desc limit 1), '0'::xid8)))::float8,
			coalesce((select max(number) from august.audit_block), 0), extract(epoch from clock_timestamp() - nullif($1::timestamptz, '0001-01-01 00:00:00Z'))::float8`,
		head).Scan(&unsealed, &s.blocks, &headAge)
	if err != nil {
		return fmt.Errorf("measure the audit trail: %w", err)
	}
	if unsealed != nil {
		s.unsealed = time.Duration(*unsealed * float64(time.Second))
	}
	if headAge != nil {
		s.head = time.Duration(*headAge * float64(time.Second))
	}
	k.state.Store(&s)
	return nil
}

// instrument makes the metrics. An age goes on growing when the keeper can measure no more.
func (k *Keeper) instrument() error {
	m := k.cfg.Meter
	_, err := m.Float64ObservableGauge("august.audit.unsealed", metric.WithUnit("s"), metric.WithDescription("age of the oldest entry of the audit trail that is in no block yet"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if s := k.state.Load(); s != nil {
				age := s.unsealed
				if age > 0 {
					age += time.Since(s.at)
				}
				o.Observe(age.Seconds())
			}
			return nil
		}))
	if err != nil {
		return err
	}
	_, err = m.Int64ObservableGauge("august.audit.blocks", metric.WithDescription("number of the newest block of the audit trail"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			if s := k.state.Load(); s != nil {
				o.Observe(s.blocks)
			}
			return nil
		}))
	if err != nil {
		return err
	}
	_, err = m.Float64ObservableGauge("august.audit.head.age", metric.WithUnit("s"), metric.WithDescription("time since the newest head of the audit trail was exported"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if s := k.state.Load(); s != nil && s.head >= 0 {
				o.Observe((s.head + time.Since(s.at)).Seconds())
			}
			return nil
		}))
	return err
}
