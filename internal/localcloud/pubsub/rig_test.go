package pubsub

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	rest "google.golang.org/api/pubsub/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	inProject = "projects/august-test"
	events    = inProject + "/topics/events"
	dead      = inProject + "/topics/events-dead"
	drain     = inProject + "/subscriptions/drain"
	morgue    = inProject + "/subscriptions/morgue"
)

// rig is a face that is served, and its official clients.
type rig struct {
	*Face
	t    testing.TB
	dir  string
	addr string
}

func start(t testing.TB, dir string) *rig {
	t.Helper()
	f, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	http1, rpc := Split(l)
	mux := http.NewServeMux()
	f.Register(mux)
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(http1) }()
	go func() { _ = f.ServeGRPC(rpc) }()
	r := &rig{Face: f, t: t, dir: dir, addr: l.Addr().String()}
	t.Cleanup(func() {
		_ = srv.Close()
		r.end()
	})
	return r
}

func (r *rig) end() {
	r.t.Helper()
	if err := r.Close(r.t.Context()); err != nil {
		r.t.Error(err)
	}
}

// again is the face after a restart, or after a kill: then it opens what the disk has at this moment.
func (r *rig) again(killed bool) *rig {
	r.t.Helper()
	dir := r.dir
	if killed {
		dir = r.t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
			r.t.Fatal(err)
		}
	} else {
		r.end()
	}
	return start(r.t, dir)
}

// client is Google's Go client, over gRPC.
func (r *rig) client() *pubsub.Client {
	r.t.Helper()
	c, err := pubsub.NewClient(r.t.Context(), "august-test", option.WithEndpoint(r.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// rest is Google's client of the REST API, made from its discovery document.
func (r *rig) rest() *rest.Service {
	r.t.Helper()
	s, err := rest.NewService(r.t.Context(), option.WithEndpoint("http://"+r.addr+"/"), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// declare makes the topics, and a subscription to each: drain with order and a dead-letter topic.
func (r *rig) declare(change ...func(*pubsubpb.Subscription)) {
	r.t.Helper()
	for _, name := range []string{events, dead} {
		if _, err := r.CreateTopic(r.t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
			r.t.Fatal(err)
		}
	}
	s := &pubsubpb.Subscription{
		Name: drain, Topic: events, EnableMessageOrdering: true,
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: dead, MaxDeliveryAttempts: 5},
	}
	for _, c := range change {
		c(s)
	}
	for _, s := range []*pubsubpb.Subscription{s, {Name: morgue, Topic: dead}} {
		if _, err := r.CreateSubscription(r.t.Context(), s); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) publish(key string, data ...string) {
	r.t.Helper()
	req := &pubsubpb.PublishRequest{Topic: events}
	for _, d := range data {
		req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{Data: []byte(d), OrderingKey: key})
	}
	if _, err := r.Publish(r.t.Context(), req); err != nil {
		r.t.Fatal(err)
	}
}

// pull takes what is there now; with wait it waits for something.
func (r *rig) pull(subscription string, wait bool) []*pubsubpb.ReceivedMessage {
	r.t.Helper()
	res, err := r.Pull(r.t.Context(), &pubsubpb.PullRequest{Subscription: subscription, MaxMessages: 100, ReturnImmediately: !wait}) //nolint:staticcheck // as gcloud
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetReceivedMessages()
}

func (r *rig) ack(subscription string, ms ...*pubsubpb.ReceivedMessage) {
	r.t.Helper()
	req := &pubsubpb.AcknowledgeRequest{Subscription: subscription}
	for _, m := range ms {
		req.AckIds = append(req.AckIds, m.GetAckId())
	}
	if _, err := r.Acknowledge(r.t.Context(), req); err != nil {
		r.t.Fatal(err)
	}
}

// lend gives messages another deadline; 0 is a nack.
func (r *rig) lend(subscription string, seconds int32, ms ...*pubsubpb.ReceivedMessage) {
	r.t.Helper()
	req := &pubsubpb.ModifyAckDeadlineRequest{Subscription: subscription, AckDeadlineSeconds: seconds}
	for _, m := range ms {
		req.AckIds = append(req.AckIds, m.GetAckId())
	}
	if _, err := r.ModifyAckDeadline(r.t.Context(), req); err != nil {
		r.t.Fatal(err)
	}
}

// words is the data of messages.
func words(ms []*pubsubpb.ReceivedMessage) string {
	var all [][]byte
	for _, m := range ms {
		all = append(all, m.GetMessage().GetData())
	}
	return string(bytes.Join(all, []byte(" ")))
}

// fault switches a fault on over HTTP, as a person would.
func (r *rig) fault(body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.addr+FaultRoot+"/faults", bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusCreated {
		r.t.Fatalf("fault %s: %s", body, res.Status)
	}
}

func journalOf(dir string) string { return filepath.Join(dir, "messages.journal") }
