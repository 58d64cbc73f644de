// Package pubsub refers to topics and subscriptions, and asks whether deliveries are safe with them. It never
// publishes, and never pulls.
package pubsub

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Kind is what a name stands for, in the words of resource names.
type Kind string

// Kinds of resources.
const (
	Topic        Kind = "topics"
	Subscription Kind = "subscriptions"
)

// singular is the kind in the middle of a sentence.
func (k Kind) singular() string { return strings.TrimSuffix(string(k), "s") }

// Ref is a reference to a topic or a subscription.
type Ref struct {
	Kind    Kind
	Project string
	Name    string
}

const nameForm = `[A-Za-z][A-Za-z0-9._~+%-]{2,254}`

var (
	shortForm = regexp.MustCompile(`^` + nameForm + `$`)
	longForm  = regexp.MustCompile(`^projects/([a-z0-9][a-z0-9.:-]*)/(topics|subscriptions)/(` + nameForm + `)$`)
)

// Parse reads a reference of a kind. One that names no project means the given one.
func Parse(kind Kind, reference, project string) (Ref, error) {
	if shortForm.MatchString(reference) {
		return Ref{kind, project, reference}, nil
	}
	if m := longForm.FindStringSubmatch(reference); m != nil && m[2] == string(kind) {
		return Ref{kind, m[1], m[3]}, nil
	}
	return Ref{}, fmt.Errorf("%q does not refer to a %s; write its name, or projects/project/%s/name", reference, kind.singular(), kind)
}

// String is the resource name.
func (r Ref) String() string { return fmt.Sprintf("projects/%s/%s/%s", r.Project, r.Kind, r.Name) }

// Short is the shortest form that means the same in a project.
func (r Ref) Short(project string) string {
	if r.Project == project {
		return r.Name
	}
	return r.String()
}

// What deliveries need of a subscription.
const (
	// LeastRetention is how long deliveries have to outlast an outage of everything that pulls them: a week is Pub/Sub's default.
	LeastRetention = 7 * 24 * time.Hour
	// LeastAckDeadline is time enough for a batch to be committed, with a retry in it. Pub/Sub's default is 10 s.
	LeastAckDeadline = 30 * time.Second
	// LeastAttempts is how often a delivery has to be handed out before it is given up as undeliverable: outages use attempts up
	// as well, and what is wrong with a delivery itself the runtime finds out without them.
	LeastAttempts = 20
)

// Finding is something about a topic or its subscription that deliveries suffer from.
type Finding struct {
	About   Kind
	Fatal   bool // deliveries would be lost or come in disorder as a matter of course
	Message string
}

// Client calls the Pub/Sub API.
type Client struct{ api *pubsub.Service }

// New makes a client. It dials nothing.
func New(ctx context.Context, options ...option.ClientOption) (*Client, error) {
	api, err := pubsub.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("pub/sub client: %w", err)
	}
	return &Client{api}, nil
}

// Check looks at a topic and the subscription that is pulled from. The error says what could not be found out.
func (c *Client) Check(ctx context.Context, topic, subscription Ref) ([]Finding, error) {
	err := retry(ctx, func(ctx context.Context) error {
		_, err := c.api.Projects.Topics.Get(topic.String()).Context(ctx).Do()
		return err
	})
	if gcp.KindOf(err) == gcp.NotFound {
		return []Finding{missing(topic)}, nil
	} else if err != nil {
		return nil, fmt.Errorf("look up %s: %w", topic, err)
	}
	var live *pubsub.Subscription
	err = retry(ctx, func(ctx context.Context) (err error) {
		live, err = c.api.Projects.Subscriptions.Get(subscription.String()).Context(ctx).Do()
		return err
	})
	if gcp.KindOf(err) == gcp.NotFound {
		return []Finding{missing(subscription)}, nil
	} else if err != nil {
		return nil, fmt.Errorf("look up %s: %w", subscription, err)
	}
	found := judge(topic, subscription, live)
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Fatal }) || live.DeadLetterPolicy == nil {
		return found, nil
	}
	letters, err := c.checkDeadLetters(ctx, live.DeadLetterPolicy.DeadLetterTopic)
	return append(found, letters...), err
}

func missing(r Ref) Finding {
	return Finding{r.Kind, true, fmt.Sprintf("%s %q does not exist in project %s; create it with google_pubsub_%[1]s, or name another one",
		r.Kind.singular(), r.Name, r.Project)}
}

// judge holds a subscription against what deliveries need.
func judge(topic, subscription Ref, live *pubsub.Subscription) []Finding {
	var found []Finding
	add := func(fatal bool, format string, args ...any) {
		found = append(found, Finding{Subscription, fatal, fmt.Sprintf("subscription %q ", subscription.Name) + fmt.Sprintf(format, args...)})
	}
	switch {
	case live.Detached:
		add(true, "is detached from its topic and gets nothing any more; delete it and create it anew")
	case live.Topic != topic.String():
		add(true, "belongs to %s and not to %s: what is published would never be pulled; name a subscription of the topic", live.Topic, topic)
	}
	if !live.EnableMessageOrdering {
		add(true, "does not keep the order of an object's deliveries; create one with enable_message_ordering, which cannot be switched on later")
	}
	if live.PushConfig != nil && live.PushConfig.PushEndpoint != "" || live.BigqueryConfig != nil || live.CloudStorageConfig != nil || live.BigtableConfig != nil {
		add(true, "delivers by itself and cannot be pulled from; create one without push and export settings")
	}
	if live.Filter != "" {
		add(true, "has a filter: deliveries that it keeps out would be lost; create one without")
	}
	if d := time.Duration(live.AckDeadlineSeconds) * time.Second; d < LeastAckDeadline {
		add(false, "has an acknowledgement deadline of %s: a batch that takes longer is delivered again; set ack_deadline_seconds to %.0f or more", d, LeastAckDeadline.Seconds())
	}
	if d, err := time.ParseDuration(live.MessageRetentionDuration); err == nil && d < LeastRetention {
		add(false, "keeps a delivery for %s only: an outage that lasts longer loses it; set message_retention_duration to %.0fs or more", d, LeastRetention.Seconds())
	}
	if p := live.DeadLetterPolicy; p != nil && p.MaxDeliveryAttempts < LeastAttempts {
		add(false, "gives a delivery up after %d attempts, which an outage uses up; the runtime parks what cannot be applied itself: set max_delivery_attempts to %d or more, or leave the policy out",
			p.MaxDeliveryAttempts, LeastAttempts)
	}
	return found
}

// checkDeadLetters wants somebody to keep what is given up: without a subscription Pub/Sub drops it.
func (c *Client) checkDeadLetters(ctx context.Context, topic string) ([]Finding, error) {
	var list *pubsub.ListTopicSubscriptionsResponse
	err := retry(ctx, func(ctx context.Context) (err error) {
		list, err = c.api.Projects.Topics.Subscriptions.List(topic).PageSize(1).Context(ctx).Do()
		return err
	})
	switch {
	case gcp.KindOf(err) == gcp.NotFound:
		return []Finding{{Subscription, false, "the dead-letter topic " + topic + " does not exist: deliveries that are given up stay where they are"}}, nil
	case err != nil:
		return nil, fmt.Errorf("look up the subscriptions of %s: %w", topic, err)
	case len(list.Subscriptions) == 0:
		return []Finding{{Subscription, false, "the dead-letter topic " + topic + " has no subscription: deliveries that are given up are lost; add a google_pubsub_subscription to it"}}, nil
	}
	return nil, nil
}

func retry(ctx context.Context, fn func(context.Context) error) error {
	return gcp.Retry(ctx, 3*time.Second, fn, gcp.Throttled, gcp.Transient, gcp.Unavailable)
}
