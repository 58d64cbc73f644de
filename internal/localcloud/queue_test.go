package localcloud_test

import (
	"context"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

func queueClient(t *testing.T, d localcloud.Description) *pubsub.Client {
	t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(d.Endpoints.PubSub, "http://"), "/")
	c, err := pubsub.NewClient(t.Context(), project, option.WithEndpoint(address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// publish puts messages of one key on the landing zone's topic.
func publish(t *testing.T, d localcloud.Description, words ...string) {
	t.Helper()
	p := queueClient(t, d).Publisher("drchrono-deliveries")
	p.EnableMessageOrdering = true
	defer p.Stop()
	var results []*pubsub.PublishResult
	for _, word := range words {
		results = append(results, p.Publish(t.Context(), &pubsub.Message{Data: []byte(word), OrderingKey: "patients/1"}))
	}
	for _, r := range results {
		if _, err := r.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// receive wants messages from the landing zone's subscription, in this order.
func receive(t *testing.T, d localcloud.Description, words ...string) {
	t.Helper()
	var got []string
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err := queueClient(t, d).Subscriber("august-sync").Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		m.Ack()
		if got = append(got, string(m.Data)); len(got) == len(words) {
			stop()
		}
	})
	if err != nil || strings.Join(got, " ") != strings.Join(words, " ") {
		t.Errorf("received %q, %v, want %q", got, err, words)
	}
}
