package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	drbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const callback = "/webhooks/drchrono"

// post delivers as DrChrono does. The status is 0 when there was no answer.
func post(url, secret, event, id, body string) int {
	req, err := http.NewRequest(http.MethodPost, url+callback, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Drchrono-Signature", secret)
	req.Header.Set("X-Drchrono-Event", event)
	req.Header.Set("X-Drchrono-Delivery", id)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// received is how often each delivery is in the inbox.
func (b *bundle) received() map[string]int {
	b.t.Helper()
	conn, err := pgx.Connect(background(), b.db.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	rows, err := conn.Query(background(), "select delivery from august.inbox")
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]int{}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	for _, id := range ids {
		out[id]++
	}
	return out
}

// The sandbox's webhook, set up and verified as a person does it, and its deliveries, through the process as it ships.
func TestServe_webhook(t *testing.T) {
	t.Parallel()
	b := setup(t, 20)
	p := b.start("serve").ready()

	status, body := p.get(callback + "?msg=hello")
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte("hello"))
	if want := `{"secret_token":"` + hex.EncodeToString(mac.Sum(nil)) + `"}`; status != 200 || strings.TrimSpace(body) != want {
		t.Errorf("the proof is %d %s", status, body)
	}
	for secret, want := range map[string]int{webhookSecret: 200, "wrong": 401, "": 401} {
		if got := post(p.url, secret, "TASK_CREATE", "by hand", `{"object":{"id":1}}`); got != want {
			t.Errorf("with the secret %q: %d", secret, got)
		}
	}
	if got := post(p.url, webhookSecret, drbox.Ping, "ping", `{"object":null}`); got != 200 {
		t.Errorf("a ping: %d", got)
	}

	hook, _ := json.Marshal(drbox.Webhook{URL: p.url + callback, Secret: webhookSecret, Events: []string{"PATIENT_MODIFY", "LINE_ITEM_MODIFY"}})
	var made struct{ ID int }
	b.sandbox("POST", "webhooks/august-production", string(hook), &made)
	b.sandbox("POST", fmt.Sprintf("webhooks/august-production/%d/verify", made.ID), "", nil)
	t.Cleanup(b.drchrono.Close)
	for _, kind := range []clinic.Kind{clinic.Patients, clinic.LineItems} {
		for _, o := range b.clinic.All(kind)[:10] {
			if err := b.clinic.Touch(kind, fmt.Sprint(o["id"])); err != nil {
				t.Fatal(err)
			}
		}
	}
	var sent []drbox.Delivery
	p.until("every delivery is answered", func() bool {
		sent = nil
		b.sandbox("GET", "deliveries/august-production", "", &sent)
		for _, d := range sent {
			if d.State != drbox.DeliveryDelivered {
				return false
			}
		}
		return len(sent) == 20
	})
	have := b.received()
	for _, d := range sent {
		if have[d.ID] != 1 {
			t.Errorf("delivery %s is in the inbox %d times", d.ID, have[d.ID])
		}
	}
	if len(have) != 21 || have["by hand"] != 1 {
		t.Errorf("%d deliveries in the inbox", len(have))
	}
	_, metrics := p.get("/metrics")
	if !strings.Contains(metrics, `august_webhook_deliveries_total{event="PATIENT_MODIFY",outcome="inbox"} 10`) {
		t.Error("/metrics does not count deliveries")
	}
	p.stop()
	b.clean("the log", p.log())
	b.clean("/metrics", metrics)
	b.neverStored(webhookSecret)
}

// broker starts a Pub/Sub of the test's own, with a topic and its subscription.
func (b *bundle) broker() *pstest.Server {
	b.t.Helper()
	broker := pstest.NewServer()
	b.t.Cleanup(func() { _ = broker.Close() })
	conn, err := grpc.NewClient(broker.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	const topic, subscription = "projects/feel-august-platform/topics/drchrono", "projects/feel-august-platform/subscriptions/drchrono"
	if _, err := pubsubpb.NewPublisherClient(conn).CreateTopic(b.t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		b.t.Fatal(err)
	}
	if _, err := pubsubpb.NewSubscriberClient(conn).CreateSubscription(b.t.Context(), &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: 10, EnableMessageOrdering: true}); err != nil {
		b.t.Fatal(err)
	}
	b.env["AUGUST_PUBSUB_TOPIC"], b.env["AUGUST_PUBSUB_SUBSCRIPTION"], b.env["AUGUST_PUBSUB_ENDPOINT"] = topic, subscription, "http://"+broker.Addr
	return broker
}

// sandbox uses a switch of DrChrono's sandbox.
func (b *bundle) sandbox(method, path, body string, into any) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(background(), method, b.env["AUGUST_DRCHRONO_URL"]+"/_sandbox/"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		b.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if into != nil {
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			b.t.Fatal(err)
		}
	}
}

// neverStored looks for a text in the inbox.
func (b *bundle) neverStored(text string) {
	b.t.Helper()
	if n := b.query(`select count(*) from august.inbox i where position($1::bytea in coalesce(object, '')) > 0 or strpos(i::text, $2) > 0`, []byte(text), text); n != "0" {
		b.t.Errorf("%s rows of the inbox hold %q", n, text)
	}
}

// With its database away from the start an instance takes deliveries all the same, when there is Pub/Sub, and is ready for
// them in Cloud Run's eyes.
func TestServe_receivesWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	proxy := pgtest.NewProxy(t, b.db)
	proxy.Refuse()
	b.env["AUGUST_DATABASE_PORT"] = fmt.Sprint(proxy.Database().Port)
	broker := b.broker()
	p := b.start("serve")
	p.until("it receives", func() bool {
		code, body := p.get("/readyz")
		return code == http.StatusOK && strings.Contains(body, `"receiving"`) && strings.Contains(body, "the database refuses connections")
	})
	if got := post(p.url, webhookSecret, "TASK_CREATE", "d-1", `{"object":{"id":1}}`); got != 200 || len(broker.Messages()) == 0 {
		t.Errorf("a delivery is answered %d, %d messages", got, len(broker.Messages()))
	}
	proxy.Heal()
	p.until("readiness", func() bool {
		code, body := p.get("/readyz")
		return code == http.StatusOK && strings.Contains(body, `"ready"`)
	})
	p.stop()
	b.clean("the log", p.log())
}

// A runtime that is killed under load, again and again, has every delivery that it has answered with 200, once.
func TestServe_killedReceiving(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	var url atomic.Pointer[string]
	start := func() *process {
		p := b.start("serve").ready()
		url.Store(&p.url)
		return p
	}
	p := start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var senders sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	var tries atomic.Int64
	for s := range 16 {
		senders.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(s), 1))
			for n := 0; ctx.Err() == nil; n++ {
				id, body := fmt.Sprintf("%d-%d", s, n), fmt.Sprintf(`{"object":{"id":%d}}`, n)
				for again := true; again; again = rnd.IntN(4) == 0 { // some come twice
					for ctx.Err() == nil {
						tries.Add(1)
						if post(*url.Load(), webhookSecret, "LINE_ITEM_MODIFY", id, body) == 200 {
							mu.Lock()
							acked[id] = true
							mu.Unlock()
							break
						}
						time.Sleep(time.Millisecond)
					}
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	for range 4 {
		target := count() + 100 + rand.IntN(300)
		p.until("deliveries are answered", func() bool { return count() >= target })
		_ = p.cmd.Process.Kill()
		<-p.done
		p = start()
	}
	// Asked to stop, it finishes what it has taken.
	target := count() + 100
	p.until("deliveries are answered", func() bool { return count() >= target })
	p.stop()
	stop()
	senders.Wait()
	have := b.received()
	for id := range acked {
		if have[id] != 1 {
			t.Errorf("delivery %s was answered with 200 and is in the inbox %d times", id, have[id])
		}
	}
	for id, n := range have {
		if n != 1 {
			t.Errorf("delivery %s is there %d times", id, n)
		}
	}
	t.Logf("%d deliveries in %d attempts, %d rows", len(acked), tries.Load(), len(have))
}

// openBoth opens the database as serve does, until the test ends.
func (b *bundle) openBoth() (db, inbox *store.Store) {
	b.t.Helper()
	cfg, err := config.Load(func(name string) (string, bool) { value, ok := b.env[name]; return value, ok })
	if err != nil {
		b.t.Fatal(err)
	}
	db, inbox, _, err = openBoth(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(db.Close)
	b.t.Cleanup(inbox.Close)
	return db, inbox
}

// An instance has as many connections as AUGUST_DATABASE_POOL_MAX says, the inbox's own among them.
func TestOpenBoth(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	for _, secret := range []string{webhookSecret, ""} {
		b.env["AUGUST_DRCHRONO_WEBHOOK_SECRET"] = secret
		b.env["AUGUST_DATABASE_POOL_MAX"] = "5"
		db, inbox := b.openBoth()
		most := db.Pool().Config().MaxConns
		if inbox != db {
			most += inbox.Pool().Config().MaxConns
		}
		if most != 5 || (inbox == db) != (secret == "") {
			t.Errorf("with the secret %q there may be %d connections", secret, most)
		}
	}
}

// Whatever the database's default is, the inbox's commits are flushed before they are answered.
func TestOpenBoth_durable(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	if _, err := conn.Exec(t.Context(), "alter database "+b.db.Name+" set synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	_, inbox := b.openBoth()
	var mode string
	if err := inbox.Pool().QueryRow(t.Context(), "show synchronous_commit").Scan(&mode); err != nil || mode != "on" {
		t.Errorf("synchronous_commit is %q, %v", mode, err)
	}
}
