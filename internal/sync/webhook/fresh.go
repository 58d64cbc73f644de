package webhook

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// fresh measures how soon deliveries are applied, and what is left.
type fresh struct {
	latency    metric.Float64Histogram
	deliveries metric.Int64Counter
	duplicates metric.Int64Counter

	mu     sync.Mutex
	warned map[string]bool // names of unknown events
}

// mostWarned bounds the names of unknown events that a process remembers.
const mostWarned = 100

// instrument makes the metrics. A name that the meter refuses is a slip in this file, so it is only logged: no metric is
// worth a delivery.
func (d *Drain) instrument(cfg DrainConfig) {
	m := cfg.Meter
	if m == nil {
		m = noop.Meter{}
	}
	var err error
	note := func(e error) {
		if e != nil {
			cfg.Log.Error("metric not made", "error", e)
		}
	}
	d.warned = map[string]bool{}
	d.latency, err = m.Float64Histogram("august.webhook.latency", metric.WithUnit("s"),
		metric.WithDescription("Time from the receipt of a delivery to its commit, by event."),
		metric.WithExplicitBucketBoundaries(.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 600, 3600))
	note(err)
	d.deliveries, err = m.Int64Counter("august.webhook.settled", metric.WithDescription("Deliveries settled, by event, state and the way they came."))
	note(err)
	d.duplicates, err = m.Int64Counter("august.webhook.duplicates", metric.WithDescription("Deliveries that Pub/Sub handed out and that were settled before."))
	note(err)
	left, err := m.Int64ObservableGauge("august.webhook.left", metric.WithDescription("Deliveries in the inbox that are pending or parked, whichever instance took them."))
	note(err)
	oldest, err := m.Float64ObservableGauge("august.webhook.oldest", metric.WithUnit("s"), metric.WithDescription("Age of the oldest pending delivery in the inbox; 0 when none is."))
	note(err)
	_, err = m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, scrapeTime)
		defer cancel()
		var pending, parked int64
		var age float64
		if err := d.store.Pool().QueryRow(ctx, `
			select (select count(*) from august.inbox where state = 'pending'), (select count(*) from august.inbox where state = 'parked'),
				coalesce(extract(epoch from clock_timestamp() - (select min(received_at) from august.inbox where state = 'pending')), 0)::float8`).Scan(&pending, &parked, &age); err != nil {
			return nil // a database that is away is said elsewhere; the other metrics are shown all the same
		}
		o.ObserveInt64(left, pending, metric.WithAttributes(attribute.String("state", "pending")))
		o.ObserveInt64(left, parked, metric.WithAttributes(attribute.String("state", "parked")))
		o.ObserveFloat64(oldest, age)
		return nil
	}, left, oldest)
	note(err)
}

// scrapeTime bounds the question that a scrape of the metrics asks.
const scrapeTime = time.Second

// measure tells of deliveries that are committed. since is the time since they were settled.
func (d *Drain) measure(ctx context.Context, list []*task, via string, since time.Duration) {
	var first *task
	n := 0
	for _, t := range list {
		event := attribute.String("event", classOf(t.Event))
		d.deliveries.Add(ctx, 1, metric.WithAttributes(event, attribute.String("state", t.state), attribute.String("via", via)))
		d.latency.Record(ctx, max(0, t.settled.Sub(t.Received)+since).Seconds(), metric.WithAttributes(event))
		switch t.state {
		case parked:
			if n++; first == nil {
				first = t
			}
		case unknown:
			d.warn(ctx, t.Event)
		}
	}
	if n > 0 {
		d.cfg.Log.ErrorContext(ctx, "deliveries are parked; look at them with: august-sync webhook parked", "deliveries", n,
			"first", first.row, "event", first.Event, "reason", first.reason)
	}
}

// repeated counts deliveries that were settled before.
func (d *Drain) repeated(ctx context.Context, n int) {
	if n > 0 {
		d.duplicates.Add(ctx, int64(n))
	}
}

// classOf is an event as a metric's attribute: there are few values, whatever is sent.
func classOf(event string) string {
	if event == Ping || slices.Contains(runtimeapi.WebhookEvents, event) {
		return event
	}
	return "other"
}

// warn says once that an event is not known.
func (d *Drain) warn(ctx context.Context, event string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.warned[event] || len(d.warned) >= mostWarned {
		return
	}
	d.warned[event] = true
	d.cfg.Log.WarnContext(ctx, "an event came that DrChrono is not known to send; it is kept for a while, and applied by nobody", "event", event)
}
