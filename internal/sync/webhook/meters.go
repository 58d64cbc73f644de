package webhook

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What became of a delivery, as the metrics name it.
const (
	outcomePubSub      = "pubsub"
	outcomeInbox       = "inbox"
	outcomeDuplicate   = "duplicate"
	outcomePing        = "ping"
	outcomeRefused     = "refused_secret"
	outcomeLimited     = "limited"
	outcomeTooLarge    = "too_large"
	outcomeIncomplete  = "incomplete"
	outcomeUnavailable = "unavailable"
)

// meters counts what the receiver does. No label takes a value that a stranger could make up.
type meters struct {
	deliveries metric.Int64Counter
	answered   metric.Float64Histogram
	batch      metric.Int64Histogram
}

func newMeters(meter metric.Meter, r *Receiver) (*meters, error) {
	m := new(meters)
	var failed []error
	keep := func(err error) { failed = append(failed, err) }
	var err error
	m.deliveries, err = meter.Int64Counter("august.webhook.deliveries", metric.WithDescription("deliveries received, by event and by what became of them"))
	keep(err)
	m.answered, err = meter.Float64Histogram("august.webhook.duration", metric.WithUnit("s"), metric.WithDescription("time until a delivery was durable"),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .015, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	keep(err)
	m.batch, err = meter.Int64Histogram("august.webhook.inbox.batch", metric.WithDescription("deliveries that the inbox committed together"),
		metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, mostBatch))
	keep(err)
	queue, err := meter.Int64ObservableGauge("august.webhook.inbox.queue", metric.WithDescription("deliveries that wait to be written to the inbox"))
	keep(err)
	held, err := meter.Int64ObservableGauge("august.webhook.inbox.waiting", metric.WithUnit("By"), metric.WithDescription("size of what the inbox holds pending or parked, as last measured"))
	keep(err)
	open, err := meter.Int64ObservableGauge("august.webhook.pubsub.open", metric.WithDescription("1 while deliveries bypass Pub/Sub because it fails"))
	keep(err)
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(queue, int64(r.inbox.waiting()))
		o.ObserveInt64(held, r.inbox.quota.bytes())
		if r.pubsub != nil {
			var is int64
			if r.pubsub.breaker.open() {
				is = 1
			}
			o.ObserveInt64(open, is)
		}
		return nil
	}, queue, held, open)
	keep(err)
	return m, errors.Join(failed...)
}

// note counts a delivery; event is a stranger's text until the secret was right.
func (m *meters) note(ctx context.Context, event, outcome string, began time.Time) {
	if event != Ping && !slices.Contains(runtimeapi.WebhookEvents, event) {
		event = "other"
	}
	m.deliveries.Add(ctx, 1, metric.WithAttributes(attribute.String("event", event), attribute.String("outcome", outcome)))
	switch outcome {
	case outcomePubSub, outcomeInbox, outcomeDuplicate:
		m.answered.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
	}
}
