package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// publishTime is how long one publish may take. Pub/Sub answers within tens of milliseconds; after that the inbox is the
// better way. Whether such a message was published is not known: then the drain finds it twice, and drops one.
const publishTime = time.Second

// errOpen says that Pub/Sub was not asked, because it has just failed.
var errOpen = errors.New("not asked: Pub/Sub has just failed")

// publisher publishes deliveries to a topic. It calls the API itself: an ordering key needs a request of its own anyway,
// so the client library's Publisher would batch next to nothing, and would keep a queue in memory that has to be bounded,
// and paused keys that have to be resumed. DrChrono keeps no order among deliveries that it sends at the same time.
type publisher struct {
	client  *pubsub.TopicAdminClient
	topic   string
	timeout time.Duration
	breaker breaker
	log     *slog.Logger
}

// DialOptions is how Pub/Sub is reached: as Google's libraries do, also at an endpoint of one's own, https://host, or in
// plain text and without credentials at http://host:port.
func DialOptions(endpoint string) ([]option.ClientOption, error) {
	options := []option.ClientOption{
		// gRPC would wait for up to two minutes before it connects again, and would not notice a peer that vanished.
		option.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		})),
		option.WithGRPCDialOption(grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second})),
	}
	if endpoint == "" {
		return options, nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
	case u.Scheme == "https" && u.Port() == "":
		return append(options, option.WithEndpoint(u.Host+":443")), nil
	case u.Scheme == "https":
		return append(options, option.WithEndpoint(u.Host)), nil
	case u.Scheme == "http":
		return append(options, option.WithEndpoint(u.Host), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))), nil
	}
	return nil, errors.New("the endpoint of Pub/Sub is neither https://host nor http://host:port")
}

// newPublisher prepares the client of a topic; it does not connect.
func newPublisher(ctx context.Context, topic, endpoint string, log *slog.Logger) (*publisher, error) {
	options, err := DialOptions(endpoint)
	if err != nil {
		return nil, err
	}
	client, err := pubsub.NewTopicAdminClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("prepare Pub/Sub: %w", err)
	}
	client.CallOptions.Publish = nil // no retries: the inbox is the second try
	return &publisher{client: client, topic: topic, timeout: publishTime, log: log}, nil
}

// publish returns when the broker has the delivery. It does not ask a broker that has just failed, except for a probe
// now and then, or as a last resort.
func (p *publisher) publish(ctx context.Context, d Delivery, last bool) error {
	try, probe := p.breaker.pass(time.Now())
	if !try && !last {
		return errOpen
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	data, attributes := encode(d)
	_, err := p.client.Publish(ctx, &pubsubpb.PublishRequest{
		Topic: p.topic, Messages: []*pubsubpb.PubsubMessage{{Data: data, Attributes: attributes, OrderingKey: d.Subject.OrderingKey()}},
	})
	switch {
	case err == nil:
		if p.breaker.worked() {
			p.log.Info("Pub/Sub takes deliveries again")
		}
	case p.breaker.failed(time.Now(), probe): // an error of whatever sort: the inbox is as good
		p.log.Warn("Pub/Sub does not take deliveries; they go to the inbox", "topic", p.topic, "code", status.Code(err).String(), "error", err)
	}
	return err
}

func (p *publisher) close() error { return p.client.Close() }
