package monitoring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/api/monitoring/v3"
)

// Of Google's list of Pub/Sub metrics.
const (
	undelivered    = "pubsub.googleapis.com/subscription/num_undelivered_messages"
	oldest         = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
	subscription   = "pubsub_subscription"
	subscriptionID = "subscription_id"
)

// Subscription is what Pub/Sub has measured of a subscription. What nothing was written of is nil.
type Subscription struct {
	Backlog *Level // messages that nobody has acknowledged
	Oldest  *Level // age of the oldest of them, in seconds
}

// Subscription reads what was measured of a Pub/Sub subscription within a window that ends now, a minute at least.
func (c *Client) Subscription(ctx context.Context, project, id string, window time.Duration) (Subscription, error) {
	now := time.Now().UTC().Truncate(time.Second)
	q := question{
		project: project, from: now.Add(-max(window, period)), to: now, period: period, align: "ALIGN_MAX", reduce: "REDUCE_MAX",
		filter: fmt.Sprintf("resource.type = %q AND resource.labels.%s = %q", subscription, subscriptionID, id),
	}
	var err error
	ask := func(metric string) []*monitoring.TimeSeries {
		q.metric = metric
		series, failed := c.read(ctx, q)
		err = errors.Join(err, failed)
		return series
	}
	var s Subscription
	s.Backlog, _ = level(ask(undelivered), q.from)
	s.Oldest, _ = level(ask(oldest), q.from)
	if err != nil {
		return Subscription{}, err
	}
	return s, nil
}
