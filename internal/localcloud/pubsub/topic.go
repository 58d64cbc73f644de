package pubsub

import (
	"context"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// deletedTopic is the topic of subscriptions whose topic was deleted.
const deletedTopic = "_deleted_topic_"

// CreateTopic is PUT projects/p/topics/t.
func (f *Face) CreateTopic(_ context.Context, want *pubsubpb.Topic) (*pubsubpb.Topic, error) {
	meta := proto.CloneOf(want)
	if err := checkTopic(meta); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.topics[meta.GetName()]; ok {
		return nil, gapi.Exists("Resource already exists in the project (resource=%s).", lastPart(meta.GetName()))
	}
	f.topics[meta.GetName()] = &topic{meta: meta, policy: &iampb.Policy{}}
	if err := f.save(); err != nil {
		delete(f.topics, meta.GetName())
		return nil, err
	}
	return proto.CloneOf(meta), nil
}

// UpdateTopic changes the fields that the mask names.
func (f *Face) UpdateTopic(_ context.Context, req *pubsubpb.UpdateTopicRequest) (*pubsubpb.Topic, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.topic(req.GetTopic().GetName())
	if err != nil {
		return nil, err
	}
	next := proto.CloneOf(t.meta)
	if err := applyMask(next, req.GetTopic(), req.GetUpdateMask().GetPaths(), "name", "state", "satisfies_pzs"); err != nil {
		return nil, err
	}
	if err := checkTopic(next); err != nil {
		return nil, err
	}
	before := t.meta
	t.meta = next
	if err := f.save(); err != nil {
		t.meta = before
		return nil, err
	}
	if next.GetMessageRetentionDuration() == nil {
		t.kept = nil
	}
	return proto.CloneOf(next), nil
}

// GetTopic is GET projects/p/topics/t.
func (f *Face) GetTopic(_ context.Context, req *pubsubpb.GetTopicRequest) (*pubsubpb.Topic, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, err := f.topic(req.GetTopic())
	if err != nil {
		return nil, err
	}
	return proto.CloneOf(t.meta), nil
}

// ListTopics is GET projects/p/topics.
func (f *Face) ListTopics(_ context.Context, req *pubsubpb.ListTopicsRequest) (*pubsubpb.ListTopicsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names, next, err := gapi.Page(sorted(f.topics, req.GetProject()+"/"), int(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	res := &pubsubpb.ListTopicsResponse{NextPageToken: next}
	for _, name := range names {
		res.Topics = append(res.Topics, proto.CloneOf(f.topics[name].meta))
	}
	return res, nil
}

// ListTopicSubscriptions names the subscriptions that are attached to a topic.
func (f *Face) ListTopicSubscriptions(_ context.Context, req *pubsubpb.ListTopicSubscriptionsRequest) (*pubsubpb.ListTopicSubscriptionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.topic(req.GetTopic()); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range f.subscriptionsOf(req.GetTopic()) {
		names = append(names, s.meta.GetName())
	}
	names, next, err := gapi.Page(names, int(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &pubsubpb.ListTopicSubscriptionsResponse{Subscriptions: names, NextPageToken: next}, nil
}

// DeleteTopic deletes a topic. Its subscriptions keep what they have.
func (f *Face) DeleteTopic(_ context.Context, req *pubsubpb.DeleteTopicRequest) (*emptypb.Empty, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.topic(req.GetTopic()); err != nil {
		return nil, err
	}
	for _, s := range f.subs {
		if s.meta.GetTopic() == req.GetTopic() {
			s.meta = proto.CloneOf(s.meta)
			s.meta.Topic = deletedTopic
		}
	}
	delete(f.topics, req.GetTopic())
	return &emptypb.Empty{}, f.save()
}

// DetachSubscription takes a subscription off its topic, and drops what it has, for good.
func (f *Face) DetachSubscription(_ context.Context, req *pubsubpb.DetachSubscriptionRequest) (*pubsubpb.DetachSubscriptionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	s.meta = proto.CloneOf(s.meta)
	s.meta.Detached = true
	if err := f.save(); err != nil {
		return nil, err
	}
	f.drop(s, func(*message) bool { return true })
	return &pubsubpb.DetachSubscriptionResponse{}, nil
}
