package pipeline

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type feedKey struct{ pipeline, feed string }

// lag is how old the data of each feed is, in seconds: what was at the source when the feed's newest
// complete sweep began is here. Feeds that never had one are left out. An empty name asks for every
// pipeline.
func (s *Service) lag(ctx context.Context, pipeline string) (map[feedKey]float64, error) {
	rows, err := s.cfg.Store.Pool().Query(ctx, `
		select pipeline, feed, extract(epoch from clock_timestamp() - fresh_at)::float8 from august.checkpoint
		where fresh_at is not null and ($1 = '' or pipeline = $1)`, pipeline)
	if err != nil {
		return nil, err
	}
	ages := map[feedKey]float64{}
	var key feedKey
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&key.pipeline, &key.feed, &age}, func() error { ages[key] = age; return nil })
	return ages, err
}

// ages is the newest answer of lag.
type ages struct {
	mu sync.Mutex
	at time.Time
	by map[feedKey]float64
}

// scrapeTime bounds the question that a scrape of the metrics asks.
const scrapeTime = time.Second

// observeLag reports the lag of every feed of every pipeline, whichever instance syncs it. While the
// database is away the last answer goes on to age: that is when somebody wants to know.
func (s *Service) observeLag(ctx context.Context, o metric.Float64Observer) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeTime)
	defer cancel()
	asked := time.Now()
	by, err := s.lag(ctx, "")
	s.ages.mu.Lock()
	if err == nil {
		s.ages.at, s.ages.by = asked, by
	}
	since, by := time.Since(s.ages.at).Seconds(), maps.Clone(s.ages.by)
	s.ages.mu.Unlock()
	for key, age := range by {
		o.Observe(age+since, metric.WithAttributes(attribute.String("pipeline", key.pipeline), attribute.String("feed", key.feed)))
	}
	return nil
}
