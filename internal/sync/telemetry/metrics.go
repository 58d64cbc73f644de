package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

// Metrics is where the runtime's parts get their instruments, and what /metrics shows.
type Metrics struct {
	*sdk.MeterProvider
	registry *prometheus.Registry
}

// NewMetrics makes the meters, with those of the process and of Go's runtime already in.
func NewMetrics() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("start the Prometheus exporter: %w", err)
	}
	return &Metrics{MeterProvider: sdk.NewMeterProvider(sdk.WithReader(exporter)), registry: registry}, nil
}

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}

// WatchPool shows the use of a connection pool.
func (m *Metrics) WatchPool(pool *pgxpool.Pool) error {
	meter := m.Meter("pool")
	var failed []error
	gauge := func(name, about string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(about))
		failed = append(failed, err)
		return g
	}
	most := gauge("august.pool.max", "connections the pool may hold")
	held := gauge("august.pool.connections", "connections the pool holds")
	used := gauge("august.pool.acquired", "connections in use")
	waits, err := meter.Int64ObservableCounter("august.pool.waits", metric.WithDescription("times a connection had to be waited for"))
	failed = append(failed, err)
	waited, err := meter.Float64ObservableCounter("august.pool.wait", metric.WithUnit("s"), metric.WithDescription("time spent waiting for a connection"))
	failed = append(failed, err)
	if err := errors.Join(failed...); err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stat := pool.Stat()
		o.ObserveInt64(most, int64(stat.MaxConns()))
		o.ObserveInt64(held, int64(stat.TotalConns()))
		o.ObserveInt64(used, int64(stat.AcquiredConns()))
		o.ObserveInt64(waits, stat.EmptyAcquireCount())
		o.ObserveFloat64(waited, stat.EmptyAcquireWaitTime().Seconds())
		return nil
	}, most, held, used, waits, waited)
	return err
}
