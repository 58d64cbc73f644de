package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Config is what a Keeper needs.
type Config struct {
	Pool      *pgxpool.Pool
	Bucket    string // where heads go; empty: nowhere
	Endpoint  string // of Cloud Storage; empty: Google's
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
	bucket bucket.Bucket
	said   map[string]string // newest trouble of each chore
	state  atomic.Pointer[state]
}

// state is what the metrics tell.
type state struct {
	at       time.Time
	unsealed time.Duration
	blocks   int64
	behind   time.Duration // since the oldest block was sealed that no head covers
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
		if k.cfg.Bucket != "" {
			k.chore(ctx, "export", func() error { return k.export(ctx) })
		}
		k.chore(ctx, "measure", func() error { return k.measure(ctx) })
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

// export writes the newest head.
func (k *Keeper) export(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, exportTime)
	defer cancel()
	if k.bucket == nil {
		if k.bucket, err = bucket.Open(ctx, k.cfg.Bucket, bucket.Options{Endpoint: k.cfg.Endpoint}); err != nil {
			return err
		}
	}
	return ExportHead(ctx, k.cfg.Pool, k.bucket, k.cfg.Bucket)
}

// measure notes how the trail stands. The oldest entry that is in no block is one of those that the next one will have.
func (k *Keeper) measure(ctx context.Context) error {
	s := state{at: time.Now()}
	var unsealed, behind float64
	err := k.cfg.Pool.QueryRow(ctx, `
		with here as materialized (select august.audit_cluster() as cluster)
		select coalesce((select extract(epoch from clock_timestamp() - min(at)) from (
				select at from august.audit where cluster = (select cluster from here) and txid >= coalesce(
					(select to_xid from august.audit_block where cluster = (select cluster from here) order by to_xid desc limit 1), '0'::xid8)
				order by txid limit $2) next), 0)::float8,
			coalesce((select max(number) from august.audit_block), 0),
			coalesce((select extract(epoch from clock_timestamp() - sealed_at) from august.audit_block
				where number > coalesce((select number from august.audit_head where bucket = $1), 0) order by number limit 1), 0)::float8`,
		k.cfg.Bucket, blockEntries).Scan(&unsealed, &s.blocks, &behind)
	if err != nil {
		return fmt.Errorf("measure the audit trail: %w", err)
	}
	s.unsealed, s.behind = time.Duration(unsealed*float64(time.Second)), time.Duration(behind*float64(time.Second))
	k.state.Store(&s)
	return nil
}

// instrument makes the metrics.
func (k *Keeper) instrument() error {
	m := k.cfg.Meter
	// An age that is not zero goes on growing when the keeper can measure no more.
	age := func(name, about string, of func(*state) time.Duration) error {
		_, err := m.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(about), metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if s := k.state.Load(); s != nil {
				age := of(s)
				if age > 0 {
					age += time.Since(s.at)
				}
				o.Observe(age.Seconds())
			}
			return nil
		}))
		return err
	}
	errs := []error{age("august.audit.unsealed", "age of the oldest entry of the audit trail that is in no block yet", func(s *state) time.Duration { return s.unsealed })}
	if k.cfg.Bucket != "" {
		errs = append(errs, age("august.audit.unexported", "age of the oldest block of the audit trail that no head in the bucket covers yet", func(s *state) time.Duration { return s.behind }))
	}
	_, err := m.Int64ObservableGauge("august.audit.blocks", metric.WithDescription("number of the newest block of the audit trail"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			if s := k.state.Load(); s != nil {
				o.Observe(s.blocks)
			}
			return nil
		}))
	return errors.Join(append(errs, err)...)
}
