package pubsub

import (
	"context"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Of Google's list of Pub/Sub metrics.
const (
	metricUndelivered = "pubsub.googleapis.com/subscription/num_undelivered_messages"
	metricOldest      = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
)

var _ face.Meter = (*Face)(nil)

// Metrics are those of subscriptions that are played.
func (f *Face) Metrics() []face.Metric {
	return []face.Metric{
		{Type: metricUndelivered, Kind: face.Gauge, Value: face.Int64, Unit: "1", Resource: "pubsub_subscription"},
		{Type: metricOldest, Kind: face.Gauge, Value: face.Int64, Unit: "s", Resource: "pubsub_subscription"},
	}
}

// Look notes what waits in each subscription.
func (f *Face) Look(context.Context) {
	now := time.Now()
	if _, due := f.recorder.Due(now); !due {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, s := range f.subs {
		age, first := 0.0, uint64(0)
		for seq := range s.backlog {
			if first == 0 || seq < first {
				first = seq
			}
		}
		if e := s.backlog[first]; e != nil {
			age = max(0, now.Sub(e.msg.pb.GetPublishTime().AsTime()).Seconds())
		}
		project := strings.Split(name, "/")[1]
		resource := map[string]string{"project_id": project, "subscription_id": lastPart(name)}
		f.recorder.Keep(project, metricUndelivered, nil, resource, now, float64(len(s.backlog)))
		f.recorder.Keep(project, metricOldest, nil, resource, now, age)
	}
}

// Series is what was seen of a project's subscriptions.
func (f *Face) Series(_ context.Context, project, metric string, since time.Time) []face.Series {
	return f.recorder.Series(project, metric, since)
}
