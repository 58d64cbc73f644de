package pubsub

import (
	"context"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// CreateSubscription is PUT projects/p/subscriptions/s. It gets what is published from now on.
func (f *Face) CreateSubscription(_ context.Context, want *pubsubpb.Subscription) (*pubsubpb.Subscription, error) {
	meta := proto.CloneOf(want)
	if err := checkSubscription(meta); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.subs[meta.GetName()]; ok {
		return nil, gapi.Exists("Resource already exists in the project (resource=%s).", lastPart(meta.GetName()))
	}
	if _, err := f.topic(meta.GetTopic()); err != nil {
		return nil, err
	}
	if err := f.checkDeadLetter(meta); err != nil {
		return nil, err
	}
	s, err := f.newSubscription(f.lastID+1, meta)
	if err != nil {
		return nil, err
	}
	f.lastID++
	f.subs[meta.GetName()], f.byID[s.id] = s, s
	if err := f.save(); err != nil {
		delete(f.subs, meta.GetName())
		delete(f.byID, s.id)
		return nil, err
	}
	return f.show(s), nil
}

func (f *Face) checkDeadLetter(meta *pubsubpb.Subscription) error {
	if d := meta.GetDeadLetterPolicy(); d.GetDeadLetterTopic() != "" {
		_, err := f.topic(d.GetDeadLetterTopic())
		return err
	}
	return nil
}

// show is a subscription as it is answered, with what it says of its topic.
func (f *Face) show(s *subscription) *pubsubpb.Subscription {
	out := proto.CloneOf(s.meta)
	if t, ok := f.topics[out.GetTopic()]; ok {
		out.TopicMessageRetentionDuration = t.meta.GetMessageRetentionDuration()
	}
	return out
}

// UpdateSubscription changes the fields that the mask names.
func (f *Face) UpdateSubscription(_ context.Context, req *pubsubpb.UpdateSubscriptionRequest) (*pubsubpb.Subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.subscription(req.GetSubscription().GetName())
	if err != nil {
		return nil, err
	}
	next := proto.CloneOf(s.meta)
	if err := applyMask(next, req.GetSubscription(), req.GetUpdateMask().GetPaths(),
		"name", "topic", "enable_message_ordering", "filter", "detached", "state", "topic_message_retention_duration"); err != nil {
		return nil, err
	}
	if err := checkSubscription(next); err != nil {
		return nil, err
	}
	before := s.meta
	if next.GetDeadLetterPolicy().GetDeadLetterTopic() != before.GetDeadLetterPolicy().GetDeadLetterTopic() {
		if err := f.checkDeadLetter(next); err != nil {
			return nil, err
		}
	}
	s.meta = next
	if err := f.save(); err != nil {
		s.meta = before
		return nil, err
	}
	if !next.GetRetainAckedMessages() {
		clear(s.acked)
	}
	return f.show(s), nil
}

// GetSubscription is GET projects/p/subscriptions/s.
func (f *Face) GetSubscription(_ context.Context, req *pubsubpb.GetSubscriptionRequest) (*pubsubpb.Subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	return f.show(s), nil
}

// ListSubscriptions is GET projects/p/subscriptions.
func (f *Face) ListSubscriptions(_ context.Context, req *pubsubpb.ListSubscriptionsRequest) (*pubsubpb.ListSubscriptionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names, next, err := gapi.Page(sorted(f.subs, req.GetProject()+"/"), int(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	res := &pubsubpb.ListSubscriptionsResponse{NextPageToken: next}
	for _, name := range names {
		res.Subscriptions = append(res.Subscriptions, f.show(f.subs[name]))
	}
	return res, nil
}

// DeleteSubscription deletes a subscription with all that it has.
func (f *Face) DeleteSubscription(_ context.Context, req *pubsubpb.DeleteSubscriptionRequest) (*emptypb.Empty, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	delete(f.subs, s.meta.GetName())
	delete(f.byID, s.id)
	if err := f.save(); err != nil {
		f.subs[s.meta.GetName()], f.byID[s.id] = s, s
		return nil, err
	}
	s.disarm()
	s.notify() // its streams end
	return &emptypb.Empty{}, nil
}

// ModifyPushConfig can only leave a subscription what it is: one that is pulled from.
func (f *Face) ModifyPushConfig(_ context.Context, req *pubsubpb.ModifyPushConfigRequest) (*emptypb.Empty, error) {
	if req.GetPushConfig().GetPushEndpoint() != "" {
		return nil, notPlayed("push delivery")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.subscription(req.GetSubscription())
	return &emptypb.Empty{}, err
}
