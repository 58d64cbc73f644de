package pubsub

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// seen is what a subscriber was handed, by ordering key, in order.
type seen struct {
	mu  sync.Mutex
	all map[string][]string
	n   int
}

func (s *seen) add(m *pubsub.Message) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string][]string{}
	}
	s.all[m.OrderingKey] = append(s.all[m.OrderingKey], string(m.Data))
	s.n++
	return s.n
}

func publishAll(t *testing.T, c *pubsub.Client, keys []string, from, to int) {
	t.Helper()
	p := c.Publisher("events")
	p.EnableMessageOrdering = true
	defer p.Stop()
	var results []*pubsub.PublishResult
	for i := from; i < to; i++ {
		for _, key := range keys {
			results = append(results, p.Publish(t.Context(), &pubsub.Message{Data: fmt.Appendf(nil, "%d", i), OrderingKey: key}))
		}
	}
	for _, r := range results {
		if _, err := r.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Google's Go client: publish with keys, stream, nack, restart in between.
func TestGoClientKeepsOrderThroughNackAndRestart(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare(func(s *pubsubpb.Subscription) { s.DeadLetterPolicy = nil })
	c := r.client()
	keys := []string{"patients/1", "patients/2", "lab_orders/1"}
	publishAll(t, c, keys, 0, 10)

	// Half of it is taken, and the third of each key is refused once.
	var got seen
	refused := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	err := c.Subscriber("drain").Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		got.mu.Lock()
		refuse := string(m.Data) == "2" && !refused[m.OrderingKey]
		refused[m.OrderingKey] = refused[m.OrderingKey] || refuse
		got.mu.Unlock()
		if refuse {
			m.Nack()
			return
		}
		if got.add(m) >= 15 {
			stop()
		}
		m.Ack()
	})
	if err != nil {
		t.Fatal(err)
	}

	r = r.again(false)
	c = r.client()
	publishAll(t, c, keys, 10, 12)
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	err = c.Subscriber("drain").Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		m.Ack()
		if got.add(m); string(m.Data) == "11" {
			got.mu.Lock()
			defer got.mu.Unlock()
			for _, key := range keys {
				if !slices.Contains(got.all[key], "11") {
					return
				}
			}
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		// Nothing is missing and nothing is out of order; what was acknowledged as the stream ended may be twice.
		if once := slices.Compact(slices.Clone(got.all[key])); !slices.Equal(once, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}) {
			t.Errorf("%s: %v", key, got.all[key])
		}
	}
}

// After five attempts the message is on the dead-letter topic with where it comes from, its key goes on,
// and a restart in between forgets no attempt.
func TestDeadLetter(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	r.publish("patients/1", "poison", "next")
	for attempt := int32(1); attempt <= 5; attempt++ {
		if attempt == 3 {
			r = r.again(false)
		}
		ms := r.pull(drain, true)
		if words(ms) != "poison" || ms[0].GetDeliveryAttempt() != attempt {
			t.Fatalf("attempt %d: %v", attempt, ms)
		}
		r.lend(drain, 0, ms...)
	}
	ms := r.pull(drain, true)
	if words(ms) != "next" {
		t.Fatalf("after the dead letter: %v", ms)
	}
	r.ack(drain, ms...)

	var letter *pubsub.Message
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := r.client().Subscriber("morgue").Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		letter = m
		m.Ack()
		stop()
	}); err != nil {
		t.Fatal(err)
	}
	a := letter.Attributes
	if string(letter.Data) != "poison" || letter.OrderingKey != "patients/1" || a["CloudPubSubDeadLetterSourceDeliveryCount"] != "5" ||
		a["CloudPubSubDeadLetterSourceSubscription"] != "drain" || a["CloudPubSubDeadLetterSourceSubscriptionProject"] != "august-test" ||
		a["CloudPubSubDeadLetterSourceTopicPublishTime"] == "" {
		t.Errorf("letter %q %q %v", letter.Data, letter.OrderingKey, a)
	}
	if r = r.again(true); len(r.subs[drain].backlog)+len(r.subs[morgue].backlog) > 0 {
		t.Errorf("after a kill: %v, %v", r.subs[drain].backlog, r.subs[morgue].backlog)
	}
}

// The client's stream comes back by itself after it was cut, and after everything was down.
func TestGoClientStreamIsCut(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	c := r.client()
	var got seen
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	held := make(chan int, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Subscriber("drain").Receive(ctx, func(_ context.Context, m *pubsub.Message) {
			m.Ack()
			held <- got.add(m)
		})
	}()
	for i, fault := range []string{`{"kind":"stream_cut","times":1}`, `{"kind":"down","times":3}`, `{"kind":"double","times":1}`} {
		r.publish("patients/1", fmt.Sprint(i))
		<-held
		r.fault(fault)
	}
	r.publish("patients/1", "last")
	<-held
	<-held // doubled
	if n := r.faults.Struck()[1]; n != 1 {
		t.Errorf("%d streams were cut", n)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if want := []string{"0", "1", "2", "last", "last"}; !slices.Equal(got.all["patients/1"], want) {
		t.Errorf("got %v, want %v", got.all, want)
	}
}

// What is refused has gRPC's code for it.
func TestCodes(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	c := r.client()
	_, err := c.TopicAdminClient.GetTopic(t.Context(), &pubsubpb.GetTopicRequest{Topic: events + "-not"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("no topic: %v", err)
	}
	_, err = c.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: events})
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("again: %v", err)
	}
	_, err = c.SubscriptionAdminClient.CreateSnapshot(t.Context(), &pubsubpb.CreateSnapshotRequest{Name: inProject + "/snapshots/s", Subscription: drain})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("snapshot: %v", err)
	}
}
