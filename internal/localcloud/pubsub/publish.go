package pubsub

import (
	"context"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// Pub/Sub's limits on what is published.
const (
	maxMessages       = 1000
	maxRequest        = 10_000_000
	maxAttributes     = 100
	maxAttributeKey   = 256
	maxAttributeValue = 1024
	maxOrderingKey    = 1024
)

// publication is a message on its way to the disk, with those who get it then.
type publication struct {
	msg    *message
	shares []share
}

// Publish answers once every message is on disk.
func (f *Face) Publish(ctx context.Context, req *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	if err := checkMessages(req.GetMessages()); err != nil {
		return nil, err
	}
	if f.meet(FaultPublishUnavailable, req.GetTopic()) != nil {
		return nil, unavailable("The service was unable to fulfill your request. Please try again.")
	}
	if t := f.meet(FaultPublishSlow, req.GetTopic()); t != nil && !faults.Slow(ctx, t.DelayMillis) {
		return nil, ctx.Err()
	}
	stored := make(chan error, 1)
	f.mu.Lock()
	t, err := f.topic(req.GetTopic())
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	res := &pubsubpb.PublishResponse{}
	for _, m := range f.publish(t, req.GetMessages(), nil, func(err error) { stored <- err }) {
		res.MessageIds = append(res.MessageIds, m.pb.GetMessageId())
	}
	f.mu.Unlock()
	select {
	case err := <-stored:
		if err != nil {
			return nil, unavailable("%v", err)
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.meet(FaultPublishUnanswered, req.GetTopic()) != nil {
		return nil, unavailable("The connection was lost before the answer.")
	}
	return res, nil
}

// publish journals messages, with records that have to be written with them, and hands them to the
// topic's subscriptions once they are on disk. done is called after that. The caller holds the lock.
func (f *Face) publish(t *topic, msgs []*pubsubpb.PubsubMessage, with [][]byte, done func(error)) []*message {
	now := timestamppb.Now()
	subs := f.subscriptionsOf(t.meta.GetName())
	var out []*message
	var all []*publication
	records := with
	for _, pb := range msgs {
		f.lastSeq++
		m := &message{seq: f.lastSeq, topic: t.meta.GetName(), pb: &pubsubpb.PubsubMessage{
			Data: pb.GetData(), Attributes: pb.GetAttributes(), OrderingKey: pb.GetOrderingKey(),
			MessageId: strconv.FormatUint(f.lastSeq, 10), PublishTime: now,
		}}
		p := &publication{msg: m}
		for _, s := range subs {
			if s.match(pb.GetAttributes()) {
				p.shares = append(p.shares, share{id: s.id})
			}
		}
		record := published(m, p.shares)
		m.size = len(record)
		if len(p.shares) > 0 || t.meta.GetMessageRetentionDuration() != nil {
			f.inFlight[m.seq] = p
		} else {
			record = numbers(recordNext, m.seq) // nobody will see it: its number is used, that is all
		}
		out, all, records = append(out, m), append(all, p), append(records, record)
	}
	f.journal.add(func(err error) {
		f.mu.Lock()
		for _, p := range all {
			f.arrive(p, err)
		}
		f.mu.Unlock()
		done(err)
	}, records...)
	return out
}

// arrive hands a message that is on disk to its subscriptions.
func (f *Face) arrive(p *publication, err error) {
	delete(f.inFlight, p.msg.seq)
	if err != nil {
		return
	}
	for _, share := range p.shares {
		if s := f.byID[share.id]; s != nil && !s.meta.GetDetached() {
			s.offer(p.msg)
		}
	}
	if t, ok := f.topics[p.msg.topic]; ok && t.meta.GetMessageRetentionDuration() != nil {
		t.kept = append(t.kept, p.msg)
	}
}

func checkMessages(msgs []*pubsubpb.PubsubMessage) error {
	if len(msgs) == 0 {
		return gapi.Invalid("The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.")
	}
	if len(msgs) > maxMessages {
		return gapi.Invalid("The value for message_count is too large. You passed %d in the request, but the maximum value is %d.", len(msgs), maxMessages)
	}
	total := 0
	for _, m := range msgs {
		total += len(m.GetData()) + len(m.GetOrderingKey())
		switch {
		case len(m.GetData()) == 0 && len(m.GetAttributes()) == 0:
			return gapi.Invalid("Some messages do not contain required fields: a message has data, or an attribute.")
		case len(m.GetOrderingKey()) > maxOrderingKey:
			return gapi.Invalid("The ordering key is longer than %d bytes.", maxOrderingKey)
		case len(m.GetAttributes()) > maxAttributes:
			return gapi.Invalid("A message has more than %d attributes.", maxAttributes)
		}
		for key, value := range m.GetAttributes() {
			if key == "" || len(key) > maxAttributeKey || len(value) > maxAttributeValue {
				return gapi.Invalid("An attribute's key has 1 to %d bytes, its value %d at most.", maxAttributeKey, maxAttributeValue)
			}
			total += len(key) + len(value)
		}
	}
	if total > maxRequest {
		return gapi.Invalid("Request payload size exceeds the limit: %d bytes.", maxRequest)
	}
	return nil
}

// deadLetter publishes e's message to the dead-letter topic, with where it comes from, and takes it off
// the subscription in the same write. It is false when there is no such topic: then the message stays.
func (f *Face) deadLetter(s *subscription, e *entry) bool {
	t, ok := f.topics[s.meta.GetDeadLetterPolicy().GetDeadLetterTopic()]
	if !ok {
		return false
	}
	const source = "CloudPubSubDeadLetterSource"
	pb := &pubsubpb.PubsubMessage{Data: e.msg.pb.GetData(), OrderingKey: e.msg.pb.GetOrderingKey(), Attributes: map[string]string{
		source + "DeliveryCount":       strconv.Itoa(e.attempts),
		source + "Subscription":        lastPart(s.meta.GetName()),
		source + "SubscriptionProject": projectOf(s.meta.GetName()),
		source + "TopicPublishTime":    e.msg.pb.GetPublishTime().AsTime().Format(time.RFC3339Nano),
	}}
	for key, value := range e.msg.pb.GetAttributes() {
		if _, ours := pb.Attributes[key]; !ours {
			pb.Attributes[key] = value
		}
	}
	s.settle(e)
	f.publish(t, []*pubsubpb.PubsubMessage{pb}, [][]byte{numbers(recordAcked, s.id, e.msg.seq)}, func(err error) {
		if err != nil {
			f.log.Error("dead letter not stored", "subscription", s.meta.GetName(), "error", err)
		}
	})
	return true
}
