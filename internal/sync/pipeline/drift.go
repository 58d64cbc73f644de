package pipeline

import (
	"context"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// observeDrift reports what the newest comparison of each pipeline with its source has found, whichever instance made it.
func (s *Service) observeDrift(ctx context.Context, o metric.Int64Observer) error {
	return s.eachReconciled(ctx, func(pipeline string, drift, left int64, _ float64) {
		for state, n := range map[string]int64{"repaired": drift - left, "left": left} {
			o.Observe(n, metric.WithAttributes(attribute.String("pipeline", pipeline), attribute.String("state", state)))
		}
	})
}

// observeReconcileAge reports how long ago that comparison has ended.
func (s *Service) observeReconcileAge(ctx context.Context, o metric.Float64Observer) error {
	return s.eachReconciled(ctx, func(pipeline string, _, _ int64, age float64) {
		o.Observe(age, metric.WithAttributes(attribute.String("pipeline", pipeline)))
	})
}

func (s *Service) eachReconciled(ctx context.Context, visit func(pipeline string, drift, left int64, age float64)) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeTime)
	defer cancel()
	rows, err := s.cfg.Store.Pool().Query(ctx, `
		select distinct on (pipeline) pipeline, coalesce((report->>'drift')::bigint, 0), coalesce((report->>'left')::bigint, 0),
			extract(epoch from clock_timestamp() - finished_at)::float8
		from august.run where kind = 'reconcile' and report is not null order by pipeline, id desc`)
	if err != nil {
		return nil // the database is away: there is nothing to report
	}
	var pipeline string
	var drift, left int64
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&pipeline, &drift, &left, &age}, func() error { visit(pipeline, drift, left, age); return nil })
	return err
}
