// Package pipeline runs the declared pipelines: it keeps their specs, fires their schedules, leases
// their runs, and drives each feed from fetch through merge to checkpoint.
package pipeline

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Dataset is what a pipeline of that name syncs.
type Dataset struct {
	// Feeds run in this order.
	Feeds []feed.Feed

	// Due lists the parts of a feed that an incremental run has to read again, where the feed is read in
	// parts: values of feed.Split.Param. since is a little before the last complete sweep of it began. A
	// dataset with such feeds has it.
	Due func(ctx context.Context, pool *pgxpool.Pool, feed string, since time.Time) ([]string, error)

	// Derive computes what follows from the feeds, in one transaction after all of them are in; nil
	// computes nothing. It sees the newest spec of the pipeline.
	Derive func(ctx context.Context, tx pgx.Tx, spec runtimeapi.PipelineSpec, run int64) error

	// Status adds what the dataset knows to a pipeline's status, such as claims and Coda rows; nil
	// adds nothing. status.Pipeline names the pipeline.
	Status func(ctx context.Context, pool *pgxpool.Pool, spec runtimeapi.PipelineSpec, status *runtimeapi.Status) error
}

// Views looks at where a spec's Coda views go. A finding of CodeUnavailable says what could not be looked at.
type Views interface {
	Check(ctx context.Context, spec runtimeapi.PipelineSpec) []runtimeapi.Error
}

// defaultFetchers is enough to keep the throttle busy: a bulk page is three calls, and takes three
// seconds or so, most of them spent waiting for the source to prepare it.
const defaultFetchers = 12

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Source   *drchrono.Client
	Datasets map[string]Dataset
	Views    Views        // checks where Coda views go; nil: nobody does
	Log      *slog.Logger // default: discards
	Meter    metric.Meter // default: discards

	Instance  string        // names this process in leases; default: host, process id and a random part
	Tick      time.Duration // how often schedules and leases are looked at; default 1 s
	Lease     time.Duration // life of a lease that is not renewed; default 10 s
	FullEvery time.Duration // a scheduled run is full when the last full one is older; default 7 days
	Retry     time.Duration // before a run is tried again after its source failed, four times longer each time; default 30 s
	Debounce  time.Duration // from the first change by a webhook until what follows from it is computed; default 2 s
	Workers   int           // runs at a time; default 2
	Fetchers  int           // pages of one feed in flight; default 12

	CallsPerHour int // that the source lets the application make; default 500
}

// Service keeps and runs pipelines. It implements control.Pipelines.
type Service struct {
	cfg  Config
	wake chan struct{}
	rows metric.Int64Counter
	runs metric.Int64Counter
	ages ages

	// Only the goroutine of Run uses it.
	blind time.Time // since when the database does not answer; zero: it does
}

// New prepares a service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Meter == nil {
		cfg.Meter = noop.Meter{}
	}
	if cfg.Instance == "" {
		host, _ := os.Hostname()
		cfg.Instance = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6])
	}
	setDefault(&cfg.Tick, time.Second)
	setDefault(&cfg.Lease, 10*time.Second)
	setDefault(&cfg.FullEvery, 7*24*time.Hour)
	setDefault(&cfg.Retry, 30*time.Second)
	setDefault(&cfg.Debounce, debounce)
	setDefault(&cfg.Workers, 2)
	setDefault(&cfg.Fetchers, defaultFetchers)
	setDefault(&cfg.CallsPerHour, store.DefaultPerHour)
	s := &Service{cfg: cfg, wake: make(chan struct{}, 1)}
	s.instrument()
	return s
}

func setDefault[T int | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// instrument makes the metrics. A name that the meter refuses is a slip in this file, so it is only
// logged: no metric is worth a sync.
func (s *Service) instrument() {
	m := s.cfg.Meter
	var err error
	note := func(e error) {
		if e != nil {
			s.cfg.Log.Error("metric not made", "error", e)
		}
	}
	s.rows, err = m.Int64Counter("august.sync.rows", metric.WithDescription("Rows read, changed, deleted and quarantined, by feed."))
	note(err)
	s.runs, err = m.Int64Counter("august.sync.runs", metric.WithDescription("Runs that ended, by pipeline, kind and state."))
	note(err)
	_, err = m.Float64ObservableGauge("august.sync.lag", metric.WithUnit("s"),
		metric.WithDescription("Age of a feed's data: time since its newest complete sweep began, by whichever instance."),
		metric.WithFloat64Callback(s.observeLag))
	note(err)
	_, err = m.Int64ObservableGauge("august.sync.drift",
		metric.WithDescription("Differences that the newest comparison of a pipeline with its source found, by what became of them."),
		metric.WithInt64Callback(s.observeDrift))
	note(err)
	_, err = m.Float64ObservableGauge("august.sync.reconcile.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the newest comparison of a pipeline with its source ended."),
		metric.WithFloat64Callback(s.observeReconcileAge))
	note(err)
}

// nudge makes this instance look for work at once; others find it at their next tick.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
