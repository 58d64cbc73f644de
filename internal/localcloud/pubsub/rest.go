package pubsub

import (
	"context"
	"net/http"
	"strconv"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Register mounts the API at /v1/projects/{project}/topics and …/subscriptions, and the faults' switches.
func (f *Face) Register(mux *http.ServeMux) {
	const topics, subs = "/v1/projects/{project}/topics", "/v1/projects/{project}/subscriptions"
	handle := func(pattern string, h gapi.Handler) {
		mux.Handle(pattern, gapi.Handler(func(r *http.Request) (any, error) {
			if err := f.isDown(); err != nil {
				return nil, err
			}
			return h(r)
		}))
	}
	handle("GET "+topics, f.listTopics)
	handle("GET "+topics+"/{topic}/subscriptions", f.listTopicSubscriptions)
	handle("PUT "+topics+"/{topic}", f.putTopic)
	handle("PATCH "+topics+"/{topic}", f.patchTopic)
	handle("DELETE "+topics+"/{topic}", f.deleteTopic)
	handle("GET "+topics+"/{topic}", f.getTopic)
	handle("POST "+topics+"/{topic}", f.postTopic)
	handle("GET "+subs, f.listSubscriptions)
	handle("PUT "+subs+"/{sub}", f.putSubscription)
	handle("PATCH "+subs+"/{sub}", f.patchSubscription)
	handle("DELETE "+subs+"/{sub}", f.deleteSubscription)
	handle("GET "+subs+"/{sub}", f.getSubscription)
	handle("POST "+subs+"/{sub}", f.postSubscription)
	f.mountFaults(mux)
}

// read decodes a request's body into m. Unlike some of Google's, this API refuses what it does not know:
// a setting that is not understood must not seem to hold.
func read(r *http.Request, m proto.Message) error {
	return gapi.ReadProto(r, m, protojson.UnmarshalOptions{})
}

// call answers a request with what a method of the gRPC API answers.
func call[Q, A proto.Message](r *http.Request, method func(context.Context, Q) (A, error), req Q) (any, error) {
	res, err := method(r.Context(), req)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, res)
}

// callWith is call with the rest of the request in the body; name sets what the path says.
func callWith[Q, A proto.Message](r *http.Request, method func(context.Context, Q) (A, error), req Q, name func(Q)) (any, error) {
	if err := read(r, req); err != nil {
		return nil, err
	}
	name(req)
	return call(r, method, req)
}

func project(r *http.Request) string { return "projects/" + r.PathValue("project") }

func topicName(r *http.Request) (name, verb string) {
	id, verb := gapi.Verb(r.PathValue("topic"))
	return project(r) + "/topics/" + id, verb
}

func subscriptionName(r *http.Request) (name, verb string) {
	id, verb := gapi.Verb(r.PathValue("sub"))
	return project(r) + "/subscriptions/" + id, verb
}

func noMethod(r *http.Request) error {
	return gapi.NotFound("Pub/Sub has no method %s %s.", r.Method, r.URL.Path)
}

// pageOf reads pageSize and pageToken.
func pageOf(r *http.Request) (size int32, token string, err error) {
	if s := r.URL.Query().Get("pageSize"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return 0, "", gapi.Invalid("pageSize %q is not a count.", s)
		}
		size = int32(n)
	}
	return size, r.URL.Query().Get("pageToken"), nil
}

func (f *Face) listTopics(r *http.Request) (any, error) {
	size, token, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	return call(r, f.ListTopics, &pubsubpb.ListTopicsRequest{Project: project(r), PageSize: size, PageToken: token})
}

func (f *Face) listTopicSubscriptions(r *http.Request) (any, error) {
	size, token, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	name, _ := topicName(r)
	return call(r, f.ListTopicSubscriptions, &pubsubpb.ListTopicSubscriptionsRequest{Topic: name, PageSize: size, PageToken: token})
}

func (f *Face) putTopic(r *http.Request) (any, error) {
	name, _ := topicName(r)
	return callWith(r, f.CreateTopic, &pubsubpb.Topic{}, func(t *pubsubpb.Topic) { t.Name = name })
}

// patchTopic takes the mask in the query, as Terraform sends it, or in the body, as gcloud does.
func (f *Face) patchTopic(r *http.Request) (any, error) {
	name, _ := topicName(r)
	return callWith(r, f.UpdateTopic, &pubsubpb.UpdateTopicRequest{}, func(req *pubsubpb.UpdateTopicRequest) {
		if req.Topic == nil {
			req.Topic = &pubsubpb.Topic{}
		}
		req.Topic.Name = name
		req.UpdateMask = mask(r, req.GetUpdateMask())
	})
}

func (f *Face) deleteTopic(r *http.Request) (any, error) {
	name, _ := topicName(r)
	return call(r, f.DeleteTopic, &pubsubpb.DeleteTopicRequest{Topic: name})
}

func (f *Face) getTopic(r *http.Request) (any, error) {
	switch name, verb := topicName(r); verb {
	case "":
		return call(r, f.GetTopic, &pubsubpb.GetTopicRequest{Topic: name})
	case "getIamPolicy":
		return call(r, f.GetIamPolicy, &iampb.GetIamPolicyRequest{Resource: name})
	}
	return nil, noMethod(r)
}

func (f *Face) postTopic(r *http.Request) (any, error) {
	name, verb := topicName(r)
	if verb == "publish" {
		return callWith(r, f.Publish, &pubsubpb.PublishRequest{}, func(req *pubsubpb.PublishRequest) { req.Topic = name })
	}
	return f.postPolicy(r, name, verb)
}

func (f *Face) postPolicy(r *http.Request, name, verb string) (any, error) {
	switch verb {
	case "setIamPolicy":
		return callWith(r, f.SetIamPolicy, &iampb.SetIamPolicyRequest{}, func(req *iampb.SetIamPolicyRequest) { req.Resource = name })
	case "testIamPermissions":
		return callWith(r, f.TestIamPermissions, &iampb.TestIamPermissionsRequest{}, func(req *iampb.TestIamPermissionsRequest) { req.Resource = name })
	}
	return nil, noMethod(r)
}

func (f *Face) listSubscriptions(r *http.Request) (any, error) {
	size, token, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	return call(r, f.ListSubscriptions, &pubsubpb.ListSubscriptionsRequest{Project: project(r), PageSize: size, PageToken: token})
}

func (f *Face) putSubscription(r *http.Request) (any, error) {
	name, _ := subscriptionName(r)
	return callWith(r, f.CreateSubscription, &pubsubpb.Subscription{}, func(s *pubsubpb.Subscription) { s.Name = name })
}

func (f *Face) patchSubscription(r *http.Request) (any, error) {
	name, _ := subscriptionName(r)
	return callWith(r, f.UpdateSubscription, &pubsubpb.UpdateSubscriptionRequest{}, func(req *pubsubpb.UpdateSubscriptionRequest) {
		if req.Subscription == nil {
			req.Subscription = &pubsubpb.Subscription{}
		}
		req.Subscription.Name = name
		req.UpdateMask = mask(r, req.GetUpdateMask())
	})
}

func (f *Face) deleteSubscription(r *http.Request) (any, error) {
	name, _ := subscriptionName(r)
	return call(r, f.DeleteSubscription, &pubsubpb.DeleteSubscriptionRequest{Subscription: name})
}

func (f *Face) getSubscription(r *http.Request) (any, error) {
	switch name, verb := subscriptionName(r); verb {
	case "":
		return call(r, f.GetSubscription, &pubsubpb.GetSubscriptionRequest{Subscription: name})
	case "getIamPolicy":
		return call(r, f.GetIamPolicy, &iampb.GetIamPolicyRequest{Resource: name})
	}
	return nil, noMethod(r)
}

func (f *Face) postSubscription(r *http.Request) (any, error) {
	name, verb := subscriptionName(r)
	switch verb {
	case "pull":
		return callWith(r, f.Pull, &pubsubpb.PullRequest{}, func(req *pubsubpb.PullRequest) { req.Subscription = name })
	case "acknowledge":
		return callWith(r, f.Acknowledge, &pubsubpb.AcknowledgeRequest{}, func(req *pubsubpb.AcknowledgeRequest) { req.Subscription = name })
	case "modifyAckDeadline":
		return callWith(r, f.ModifyAckDeadline, &pubsubpb.ModifyAckDeadlineRequest{}, func(req *pubsubpb.ModifyAckDeadlineRequest) { req.Subscription = name })
	case "modifyPushConfig":
		return callWith(r, f.ModifyPushConfig, &pubsubpb.ModifyPushConfigRequest{}, func(req *pubsubpb.ModifyPushConfigRequest) { req.Subscription = name })
	case "seek":
		return callWith(r, f.Seek, &pubsubpb.SeekRequest{}, func(req *pubsubpb.SeekRequest) { req.Subscription = name })
	case "detach":
		return callWith(r, f.DetachSubscription, &pubsubpb.DetachSubscriptionRequest{}, func(req *pubsubpb.DetachSubscriptionRequest) { req.Subscription = name })
	}
	return f.postPolicy(r, name, verb)
}
