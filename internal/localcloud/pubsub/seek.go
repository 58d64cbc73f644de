package pubsub

import (
	"context"
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Seek marks what was published before a moment as acknowledged and the rest as not, as far as the
// subscription or its topic has retained it. What is out comes again.
func (f *Face) Seek(_ context.Context, req *pubsubpb.SeekRequest) (*pubsubpb.SeekResponse, error) {
	if req.GetSnapshot() != "" {
		return nil, notPlayed("snapshots")
	}
	if req.GetTime() == nil {
		return nil, gapi.Invalid("A seek needs a time or a snapshot.")
	}
	at := req.GetTime().AsTime()
	f.mu.Lock()
	s, err := f.pullable(req.GetSubscription())
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	var records [][]byte
	for _, seq := range slices.Sorted(maps.Keys(s.backlog)) {
		if m := s.backlog[seq].msg; m.pb.GetPublishTime().AsTime().Before(at) {
			s.markAcked(m)
			records = append(records, numbers(recordAcked, s.id, seq))
		}
	}
	retained := slices.Collect(maps.Values(s.acked))
	if t, ok := f.topics[s.meta.GetTopic()]; ok {
		retained = append(retained, t.kept...)
	}
	for _, m := range retained {
		if m.pb.GetPublishTime().AsTime().Before(at) || s.backlog[m.seq] != nil || !s.match(m.pb.GetAttributes()) {
			continue
		}
		s.markUnacked(m)
		records = append(records, numbers(recordUnacked, s.id, m.seq))
	}
	s.rebuild()
	stored := make(chan error, 1)
	f.journal.add(func(err error) { stored <- err }, records...)
	f.mu.Unlock() // messages that are written before have to arrive
	return &pubsubpb.SeekResponse{}, <-stored
}

// drop forgets the messages of a subscription that are no longer wanted, as if they had never been.
func (f *Face) drop(s *subscription, unwanted func(*message) bool) {
	var records [][]byte
	for seq, e := range s.backlog {
		if unwanted(e.msg) {
			s.settle(e)
			records = append(records, numbers(recordAcked, s.id, seq))
		}
	}
	maps.DeleteFunc(s.acked, func(_ uint64, m *message) bool { return unwanted(m) })
	s.notify()
	if len(records) > 0 {
		f.journal.add(nil, records...)
	}
}

// forgetOld drops what is older than its subscription or topic retains, and lets the journal shrink.
func (f *Face) forgetOld(now time.Time) {
	older := func(than time.Duration) func(*message) bool {
		return func(m *message) bool { return now.Sub(m.pb.GetPublishTime().AsTime()) > than }
	}
	for _, s := range f.subs {
		f.drop(s, older(s.meta.GetMessageRetentionDuration().AsDuration()))
	}
	for _, t := range f.topics {
		t.kept = slices.DeleteFunc(t.kept, older(t.meta.GetMessageRetentionDuration().AsDuration()))
	}
	if err := f.compact(16 << 20); err != nil {
		f.log.Error("the journal does not shrink", "error", err)
	}
}
