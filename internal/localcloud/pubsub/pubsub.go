// Package pubsub is Pub/Sub's API (v1) over one durable store: REST for those who declare topics and
// subscriptions, gRPC beside it, on the same port, for those who publish and pull.
//
// A message is on disk before its publisher hears of it, so no kill loses one. An acknowledgement is
// not waited for: a kill may redeliver, as Pub/Sub may. Of what an API can ask for, all is played or
// refused, except for two that only say how much is kept where: the exactly-once flag (every
// subscription is at-least-once) and the expiry of unused subscriptions.
package pubsub

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// Options is what the face needs.
type Options struct {
	Dir string // holds the state; made when absent
	Log *slog.Logger
}

// Face is the local Pub/Sub.
type Face struct {
	dir     string
	log     *slog.Logger
	faults  faults.List[Fault]
	grpc    *grpc.Server
	closed  chan struct{} // closed when the face stops
	ending  sync.Once
	closing sync.Once

	mu       sync.Mutex
	topics   map[string]*topic        // by name: projects/p/topics/t
	subs     map[string]*subscription // by name: projects/p/subscriptions/s
	byID     map[uint64]*subscription
	recorder face.Recorder
	lastID   uint64 // of a subscription: numbers are never used again
	lastSeq  uint64 // of a message
	// inFlight is what is on its way to the disk.
	inFlight map[uint64]*publication
	journal  *journal
	stop     context.CancelFunc // of the housekeeping
	tidied   sync.WaitGroup
	cut      chan struct{} // closed, and made anew, when faults change
}

var _ face.Face = (*Face)(nil)

type topic struct {
	meta   *pubsubpb.Topic
	policy *iampb.Policy
	kept   []*message // for seeking back, when the topic retains them
}

// New opens the face's state, or begins an empty one.
func New(opts Options) (*Face, error) {
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	f := &Face{
		dir: opts.Dir, log: opts.Log, closed: make(chan struct{}), cut: make(chan struct{}),
		topics: map[string]*topic{}, subs: map[string]*subscription{}, byID: map[uint64]*subscription{},
		inFlight: map[uint64]*publication{},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if err := f.load(); err != nil {
		return nil, fmt.Errorf("pubsub: %w", err)
	}
	f.grpc = f.newServer()
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.tidied.Go(func() { f.housekeep(ctx) })
	return f, nil
}

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "pubsub" }

// Start has nothing to bring back: what was not acknowledged is there again since New.
func (f *Face) Start(context.Context) error { return nil }

// Close ends the streams and leaves everything on disk.
func (f *Face) Close(ctx context.Context) error {
	f.StopGRPC(ctx)
	var err error
	f.closing.Do(func() { err = f.close() })
	return err
}

func (f *Face) close() error {
	f.stop()
	f.tidied.Wait()
	f.mu.Lock()
	for _, s := range f.subs {
		s.disarm()
	}
	f.mu.Unlock()
	return f.journal.close()
}

// Report has a line for each topic and each subscription.
func (f *Face) Report() []face.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []face.Line
	for name := range f.topics {
		n := len(f.subscriptionsOf(name))
		lines = append(lines, face.Line{Kind: "Pub/Sub topic", Name: short(name), State: "ACTIVE", Detail: fmt.Sprintf("%d subscriptions", n)})
	}
	for name, s := range f.subs {
		state, detail := "ACTIVE", fmt.Sprintf("of %s, %d waiting, %d out", lastPart(s.meta.GetTopic()), len(s.backlog)-len(s.out), len(s.out))
		if s.meta.GetDetached() {
			state = "DETACHED"
		}
		if s.meta.GetEnableMessageOrdering() {
			detail += ", ordered"
		}
		if d := s.meta.GetDeadLetterPolicy(); d != nil {
			detail += fmt.Sprintf(", %s after %d attempts", lastPart(d.GetDeadLetterTopic()), d.GetMaxDeliveryAttempts())
		}
		lines = append(lines, face.Line{Kind: "Pub/Sub subscription", Name: short(name), State: state, Detail: detail})
	}
	slices.SortFunc(lines, func(a, b face.Line) int {
		return strings.Compare(a.Kind+a.Name, b.Kind+b.Name)
	})
	// Topics come first, whatever the alphabet says.
	slices.SortStableFunc(lines, func(a, b face.Line) int { return -strings.Compare(a.Kind, b.Kind) })
	return lines
}

// short is project/name, as the other faces call their things.
func short(name string) string {
	parts := strings.Split(name, "/")
	return parts[1] + "/" + parts[3]
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// document is what is declared, as it lies on disk; messages are in the journal.
type document struct {
	Topics        []part `json:"topics"`
	Subscriptions []part `json:"subscriptions"`
	LastID        uint64 `json:"last_id"`
}

type part struct {
	ID     uint64          `json:"id,omitempty"`
	Meta   json.RawMessage `json:"meta"`
	Policy json.RawMessage `json:"policy,omitempty"`
}

func (p part) read(meta proto.Message) (*iampb.Policy, error) {
	policy := &iampb.Policy{}
	if err := protojson.Unmarshal(p.Meta, meta); err != nil {
		return nil, err
	}
	return policy, protojson.Unmarshal(p.Policy, policy)
}

func (f *Face) statePath() string { return filepath.Join(f.dir, "state.json") }

func (f *Face) load() error {
	var doc document
	if err := gapi.Load(f.statePath(), &doc); err != nil {
		return err
	}
	f.lastID = doc.LastID
	for _, p := range doc.Topics {
		t := &topic{meta: &pubsubpb.Topic{}}
		var err error
		if t.policy, err = p.read(t.meta); err != nil {
			return fmt.Errorf("%s is damaged: %w", f.statePath(), err)
		}
		f.topics[t.meta.GetName()] = t
	}
	for _, p := range doc.Subscriptions {
		meta := &pubsubpb.Subscription{}
		policy, err := p.read(meta)
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", f.statePath(), err)
		}
		s, err := f.newSubscription(p.ID, meta)
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", f.statePath(), err)
		}
		s.policy = policy
		f.subs[meta.GetName()], f.byID[s.id] = s, s
	}
	return f.replay()
}

// save writes what is declared; there are a handful of topics.
func (f *Face) save() error {
	doc := document{LastID: f.lastID}
	for _, name := range sorted(f.topics, "") {
		t := f.topics[name]
		doc.Topics = append(doc.Topics, part{Meta: gapi.RawProto(t.meta), Policy: gapi.RawProto(t.policy)})
	}
	for _, name := range sorted(f.subs, "") {
		s := f.subs[name]
		doc.Subscriptions = append(doc.Subscriptions, part{ID: s.id, Meta: gapi.RawProto(s.meta), Policy: gapi.RawProto(s.policy)})
	}
	return gapi.Save(f.statePath(), doc)
}

// sorted is the names in m that begin with prefix, in order.
func sorted[V any](m map[string]V, prefix string) []string {
	var out []string
	for name := range m {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (f *Face) topic(name string) (*topic, error) {
	if t, ok := f.topics[name]; ok {
		return t, nil
	}
	return nil, gapi.NotFound("Resource not found (resource=%s).", lastPart(name))
}

func (f *Face) subscription(name string) (*subscription, error) {
	if s, ok := f.subs[name]; ok {
		return s, nil
	}
	return nil, gapi.NotFound("Resource not found (resource=%s).", lastPart(name))
}

func (f *Face) subscriptionsOf(topic string) []*subscription {
	var out []*subscription
	for _, name := range sorted(f.subs, "") {
		if s := f.subs[name]; s.meta.GetTopic() == topic && !s.meta.GetDetached() {
			out = append(out, s)
		}
	}
	return out
}

// housekeep drops what is older than it has to be kept, and lets the journal shrink.
func (f *Face) housekeep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.mu.Lock()
			f.forgetOld(time.Now())
			f.mu.Unlock()
		}
	}
}
