package webhook

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// drainBroker is Pub/Sub's own test server, with one topic and one ordered subscription.
type drainBroker struct {
	*drainRig
	server *pstest.Server
}

const topicName, subscriptionName = "projects/p/topics/deliveries", "projects/p/subscriptions/drain"

func (r *drainRig) broker() *drainBroker {
	r.Helper()
	b := &drainBroker{r, pstest.NewServer()}
	r.Cleanup(func() { _ = b.server.Close() })
	c := b.client()
	if _, err := c.TopicAdminClient.CreateTopic(context.Background(), &pubsubpb.Topic{Name: topicName}); err != nil {
		r.Fatal(err)
	}
	if _, err := c.SubscriptionAdminClient.CreateSubscription(context.Background(), &pubsubpb.Subscription{
		Name: subscriptionName, Topic: topicName, EnableMessageOrdering: true, AckDeadlineSeconds: 10,
	}); err != nil {
		r.Fatal(err)
	}
	return b
}

func (b *drainBroker) client() *pubsub.Client {
	b.Helper()
	conn, err := grpc.NewClient(b.server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	c, err := pubsub.NewClient(context.Background(), "p", option.WithGRPCConn(conn))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func (b *drainBroker) drain(db pgtest.Database) *Drain {
	return b.drainRig.drain(db, func(cfg *DrainConfig) { cfg.Subscriber = b.client().Subscriber(subscriptionName) })
}

func (b *drainBroker) publish(list ...Delivery) {
	for _, d := range list {
		data, attributes := encode(d)
		b.server.PublishOrdered(topicName, data, attributes, d.Subject.OrderingKey())
	}
}

// acknowledged waits until Pub/Sub holds nothing more.
func (b *drainBroker) acknowledged() {
	b.Helper()
	b.until("acknowledgements", func() bool {
		for _, m := range b.server.Messages() {
			if m.Acks == 0 {
				return false
			}
		}
		return true
	})
}

func TestPull(t *testing.T) {
	t.Parallel()
	b := newDrainRig(t).broker()
	b.exec(`alter table drchrono.line_items add constraint poisonous check (code <> 'POISON-SYNTHETIC')`)
	poison := delivery("poison", "LINE_ITEM_MODIFY", strings.Replace(lineItem(2, "66.00", "2026-03-04T11:00:00"), "99213", "POISON-SYNTHETIC", 1))
	one := delivery("1", "LINE_ITEM_CREATE", lineItem(1, "10.00", "2026-03-04T10:00:00"))
	b.publish(one, one, delivery("2", "LINE_ITEM_CREATE", lineItem(2, "20.00", "2026-03-04T10:00:00")), poison,
		delivery("3", "LINE_ITEM_MODIFY", lineItem(2, "21.00", "2026-03-04T12:00:00")), delivery("4", "PATIENT_CREATE", `{"id":5}`), delivery("5", "CLAIM_EXPLODED", `{"id":7}`),
		Parse("6", "LINE_ITEM_CREATE", []byte(`{"obj`), time.Now()))
	b.server.Publish(topicName, []byte("somebody else's"), nil)
	told := 0
	d := b.drain(b.db)
	d.cfg.Batch = func(source string, rows int, took time.Duration) {
		if source == "pubsub" && took > 0 {
			told += rows
		}
	}
	stop := b.start(d)
	b.acknowledged()
	b.publish(one, poison) // again, much later
	b.acknowledged()
	stop()
	if told < 11 { // what Pub/Sub handed out once more is in it, too
		t.Errorf("told of batches of %d messages in all", told)
	}
	for id, want := range map[string]string{"1": "applied f", "2": "applied f", "3": "applied f", "poison": "parked t", "4": "ignored f", "5": "unknown t", "6": "parked t"} {
		b.is("delivery "+id, want+" pubsub", `select concat(state, ' ', object is not null, ' ', via) from august.inbox where delivery = $1`, id)
	}
	b.is("somebody else's message", "parked it names no event", `select concat(state, ' ', reason) from august.inbox where delivery like 'sha256:%'`)
	b.is("deliveries", "8", `select count(*) from august.inbox`)
	b.is("rows", "10.00,21.00", `select string_agg(billed::text, ',' order by id) from drchrono.line_items`)
	if strings.Contains(b.logs.String(), "SYNTHETIC") {
		t.Errorf("a value was logged: %s", b.logs)
	}
}

// A message that is in a batch twice is one delivery.
func TestPull_twiceInABatch(t *testing.T) {
	t.Parallel()
	r := newDrainRig(t)
	d := r.drain(r.db)
	one, two := delivery("1", "LINE_ITEM_MODIFY", lineItem(1, "1.00", "2026-03-04T10:00:00")), delivery("2", "LINE_ITEM_MODIFY", lineItem(1, "1.00", "2026-03-04T10:00:00"))
	for _, want := range []string{"21", ""} {
		err := d.inTransaction(t.Context(), func(tx pgx.Tx, _ bool) error {
			list := []*task{{Delivery: two, state: applied}, {Delivery: one, state: applied}, {Delivery: two, state: applied}}
			fresh, err := d.keep(t.Context(), tx, list)
			got := ""
			for _, t := range fresh {
				got += t.ID
			}
			if got != want {
				t.Errorf("new, in their order: %q, want %q", got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// While the database is away messages are held, not given back, and what is held is bounded.
func TestPull_outage(t *testing.T) {
	t.Parallel()
	b := newDrainRig(t).broker()
	proxy := pgtest.NewProxy(t, b.db)
	stop := b.start(b.drain(proxy.Database()))
	b.publish(delivery("0", "LINE_ITEM_CREATE", lineItem(0, "1.00", "2026-03-04T10:00:00")))
	b.acknowledged()
	proxy.Refuse()
	for i := range 200 {
		b.publish(delivery(fmt.Sprint("d", i), "LINE_ITEM_CREATE", lineItem(1+i%20, "1.00", fmt.Sprintf("2026-03-04T10:00:%02d", i%60))))
	}
	b.until("word of the outage", func() bool { return strings.Contains(b.logs.String(), "deliveries of Pub/Sub are held") })
	for _, m := range b.server.Messages() {
		if m.Deliveries > 1 {
			t.Errorf("message %s was handed out %d times", m.ID, m.Deliveries)
		}
	}
	proxy.Heal()
	b.acknowledged()
	b.is("deliveries", "201 applied", `select concat(count(*), ' ', min(state)) from august.inbox`)
	b.is("parked", "0", `select count(*) from august.inbox where state = 'parked'`)
	// What is in hand when the instance stops is somebody else's.
	proxy.Refuse()
	b.publish(delivery("last", "LINE_ITEM_CREATE", lineItem(99, "1.00", "2026-03-04T10:00:00")))
	b.until("the last one is in hand", func() bool { m := b.server.Messages(); return m[len(m)-1].Deliveries > 0 })
	stop()
	proxy.Heal()
	b.start(b.drain(b.db))
	b.acknowledged()
	b.is("the last one", "1.00", `select billed from drchrono.line_items where id = 99`)
}
