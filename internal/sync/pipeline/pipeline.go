// Package pipeline runs the declared pipelines: it keeps their specs, fires their schedules, leases
// their runs, and drives each feed from fetch through merge to checkpoint.
package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Dataset is what a pipeline of that name syncs.
type Dataset struct {
	// Feeds run in this order.
	Feeds []feed.Feed

	// Derive computes what follows from the feeds, in one transaction after all of them are in; nil
	// computes nothing. It sees the newest spec of the pipeline.
	Derive func(ctx context.Context, tx pgx.Tx, spec runtimeapi.PipelineSpec, run int64) error

	// Status adds what the dataset knows to a pipeline's status, such as claims and Coda rows; nil
	// adds nothing. status.Pipeline names the pipeline.
	Status func(ctx context.Context, pool *pgxpool.Pool, spec runtimeapi.PipelineSpec, status *runtimeapi.Status) error
}

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Source   *drchrono.Client
	Datasets map[string]Dataset
	Log      *slog.Logger // default: discards
	Meter    metric.Meter // default: discards

	Instance  string        // names this process in leases; default: host, process id and a random part
	Tick      time.Duration // how often schedules and leases are looked at; default 1 s
	Lease     time.Duration // life of a lease that is not renewed; default 10 s
	FullEvery time.Duration // a scheduled run is full when the last full one is older; default 7 days
	Workers   int           // runs at a time; default 2
	Fetchers  int           // pages of one feed in flight; default 4
}

// Service keeps and runs pipelines. It implements control.Pipelines.
type Service struct {
	cfg Config
}
