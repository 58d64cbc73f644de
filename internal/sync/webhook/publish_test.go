package webhook

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

const topic = "projects/feel-august-platform/topics/drchrono"

// broker is Google's test server with a switch for what it does wrong.
type broker struct {
	*pstest.Server
	asked atomic.Int64
	fault atomic.Pointer[func(context.Context) error]
}

func newBroker(t testing.TB) *broker {
	t.Helper()
	b := new(broker)
	b.Server = pstest.NewServer()
	t.Cleanup(func() { _ = b.Close() })
	conn, err := grpc.NewClient(b.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := pubsubpb.NewPublisherClient(conn).CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	front := grpc.NewServer() // what pstest lets one inject does not wait, and answers the same to everybody
	pubsubpb.RegisterPublisherServer(front, &face{b: b, client: pubsubpb.NewPublisherClient(conn)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = front.Serve(l) }()
	t.Cleanup(front.Stop)
	b.Addr = l.Addr().String()
	return b
}

type face struct {
	pubsubpb.UnimplementedPublisherServer
	b      *broker
	client pubsubpb.PublisherClient
}

func (f *face) Publish(ctx context.Context, req *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	f.b.asked.Add(1)
	if fault := f.b.fault.Load(); fault != nil {
		if err := (*fault)(ctx); err != nil {
			return nil, err
		}
	}
	return f.client.Publish(ctx, req)
}

func (b *broker) breaks(fault func(context.Context) error) { b.fault.Store(&fault) }

func (b *broker) mend() { b.fault.Store(nil) }

func unavailable(context.Context) error { return status.Error(codes.Unavailable, "down") }

// silent answers nothing before the caller gives up. One that would wait for long is told what an outage is not.
func silent(ctx context.Context) error {
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > publishTime {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (b *broker) configure(c *Config) { c.Topic, c.Endpoint = topic, "http://"+b.Addr }

func TestPublish(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	g := simpleRig(t, b.configure)
	if code := g.post("LINE_ITEM_MODIFY", "d-1", `{"receiver":{"secret_token":"`+secretNow+`"},"object":{"id": 12},"practice_group_id":7}`); code != 200 {
		t.Fatal(code)
	}
	messages := b.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	m := messages[0]
	d := decode(m.Data, m.Attributes, m.PublishTime)
	want := Parse("d-1", "LINE_ITEM_MODIFY", []byte(`{"object":{"id": 12},"practice_group_id":7}`), d.Received)
	if diff := cmp.Diff(want, d); diff != "" || m.OrderingKey != "line_items/12" || time.Since(d.Received) > time.Minute {
		t.Errorf("published %+v:\n%s", m, diff)
	}
	if n := g.stored("true"); n != 0 || g.counted("LINE_ITEM_MODIFY", "pubsub") != "1" {
		t.Errorf("%d rows in the inbox, too", n)
	}
}

// Whatever Pub/Sub does, the inbox takes what it does not, and Pub/Sub is spared until it is back.
func TestPublish_falls(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(context.Context) error{
		"unavailable": unavailable, "silent": silent,
		"denied":    func(context.Context) error { return status.Error(codes.PermissionDenied, "no") },
		"not there": func(context.Context) error { return status.Error(codes.NotFound, "no") },
		"refuses":   func(context.Context) error { return status.Error(codes.InvalidArgument, "no") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t)
			g := simpleRig(t, b.configure)
			if name == "silent" {
				g.r.pubsub.timeout = publishTime
			}
			b.breaks(fault)
			if !g.r.Receives() {
				t.Error("takes nothing before it has failed")
			}
			n := 0
			for ; n < 20; n++ {
				if code := g.post("TASK_MODIFY", fmt.Sprint(n), object(n)); code != 200 {
					t.Errorf("%d", code)
				}
			}
			if g.stored("true") != n || g.r.Receives() || g.metric("august_webhook_pubsub_open ") != "1" {
				t.Errorf("%d rows of %d; the breaker is open: %v", g.stored("true"), n, !g.r.Receives())
			}
			if asked := b.asked.Load(); asked == 0 || asked > 10 {
				t.Errorf("Pub/Sub was asked %d times", asked)
			}
			b.mend()
			until(t, "Pub/Sub is used again", func() bool {
				n++
				return g.post("TASK_MODIFY", fmt.Sprint(n), object(n)) == 200 && g.r.Receives()
			})
			if len(b.Messages()) == 0 || g.metric("august_webhook_pubsub_open ") != "0" {
				t.Errorf("%d messages", len(b.Messages()))
			}
			if log := g.log.String(); strings.Count(log, "does not take deliveries") != 1 || strings.Count(log, "takes deliveries again") != 1 {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// A message that was published although nobody heard of it is in the inbox as well: as the same delivery.
func TestPublish_ambiguous(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	g := simpleRig(t, b.configure)
	g.r.pubsub.timeout = publishTime
	done := make(chan struct{})
	b.breaks(func(ctx context.Context) error {
		<-ctx.Done() // the sender has given up; the message goes in all the same
		defer close(done)
		d := Parse("d-1", "TASK_MODIFY", []byte(object(1)), moment)
		data, attributes := encode(d)
		b.PublishOrdered(topic, data, attributes, d.Subject.OrderingKey())
		return ctx.Err()
	})
	if code := g.post("TASK_MODIFY", "d-1", object(1)); code != 200 {
		t.Fatal(code)
	}
	<-done
	m := b.Messages()[0]
	d := decode(m.Data, m.Attributes, m.PublishTime)
	if n := g.stored("delivery = $1 and digest = $2", d.ID, d.Digest); n != 1 {
		t.Errorf("%d rows are the published delivery", n)
	}
}

// With the database away Pub/Sub is enough; with both away it is 503, and each that comes back is enough.
func TestPublish_withoutDatabase(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	db := storetest.New(t)
	proxy := pgtest.NewProxy(t, db)
	proxy.Refuse()
	g := newRig(t, db, proxy.Database(), b.configure)
	if code := g.post("TASK_MODIFY", "1", object(1)); code != 200 || len(b.Messages()) != 1 {
		t.Errorf("with Pub/Sub: %d", code)
	}
	g.r.inbox.patience = 100 * time.Millisecond
	var asked atomic.Int64
	b.breaks(func(context.Context) error { // down, and back while the delivery waits for the database
		if asked.Add(1) == 1 {
			return status.Error(codes.Unavailable, "down")
		}
		return nil
	})
	if code := g.post("TASK_MODIFY", "2", object(2)); code != 200 || asked.Load() != 2 {
		t.Errorf("with Pub/Sub back: %d", code)
	}
	b.breaks(unavailable)
	if code := g.post("TASK_MODIFY", "3", object(3)); code != 503 {
		t.Errorf("with nothing: %d", code)
	}
	g.r.inbox.patience = time.Minute
	proxy.Heal()
	b.breaks(unavailable)
	if code := g.post("TASK_MODIFY", "4", object(4)); code != 200 {
		t.Errorf("with the database back: %d", code)
	}
}

// Many at once while Pub/Sub comes and goes: each 200 is in one of the two.
func TestPublish_flaps(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	g := simpleRig(t, b.configure)
	var n atomic.Int64
	b.breaks(func(context.Context) error {
		if n.Add(1)%3 == 0 {
			return status.Error(codes.Unavailable, "down")
		}
		return nil
	})
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := range 50 {
				if code := g.post("TASK_MODIFY", fmt.Sprintf("%d-%d", s, i), object(i)); code != 200 {
					t.Errorf("%d", code)
				}
			}
		})
	}
	senders.Wait()
	have := map[string]int{}
	for _, m := range b.Messages() {
		have[m.Attributes["delivery"]]++
	}
	published := len(have)
	rows, err := g.admin.Query(context.Background(), "select delivery from august.inbox")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		have[id]++
	}
	if err := rows.Err(); err != nil || len(have) != 400 || published == 0 || published == 400 {
		t.Errorf("%d deliveries of 400, %d of them in Pub/Sub, %v", len(have), published, err)
	}
}

func TestDialOptions(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"127.0.0.1:1", "ftp://127.0.0.1:1", "http://", "https://", "::"} {
		if _, err := DialOptions(endpoint); err == nil {
			t.Errorf("%s is taken", endpoint)
		}
	}
	for _, endpoint := range []string{"", "http://127.0.0.1:1", "https://pubsub.example.test", "https://pubsub.example.test:8443"} {
		if _, err := DialOptions(endpoint); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
