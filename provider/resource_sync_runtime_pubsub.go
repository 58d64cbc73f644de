package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/pubsub"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// The variables that say where deliveries wait.
const (
	envPubSubTopic        = "AUGUST_PUBSUB_TOPIC"
	envPubSubSubscription = "AUGUST_PUBSUB_SUBSCRIPTION"
	envPubSubEndpoint     = "AUGUST_PUBSUB_ENDPOINT"
)

// webhookPath is where the runtime receives DrChrono's deliveries.
const webhookPath = runtimeapi.PathWebhook

type pubsubModel struct {
	Topic        types.String `tfsdk:"topic"`
	Subscription types.String `tfsdk:"subscription"`
	Endpoint     types.String `tfsdk:"endpoint"`
}

var pubsubTypes = map[string]attr.Type{"topic": types.StringType, "subscription": types.StringType, "endpoint": types.StringType}

func pubsubAttribute() schema.Attribute {
	name := func(kind pubsub.Kind, description string) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("%s Its name, or `projects/{project}/%s/{name}`.", description, kind),
			Required:            true,
			Validators: []validator.String{checked{"a reference to one of " + string(kind), func(value string) (title, detail string) {
				if _, err := pubsub.Parse(kind, value, ""); err != nil {
					return "Reference not understood", upperFirst(err.Error()) + "."
				}
				return "", ""
			}}},
		}
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Where deliveries of DrChrono's webhook wait until they are applied, so that an outage of the database delays them and loses none. " +
			"Left out, or while Pub/Sub does not answer, they wait in the database. The runtime's service account needs `roles/pubsub.publisher` on the topic and `roles/pubsub.subscriber` on the subscription. " +
			"The plan refuses a subscription that would lose deliveries or hand them out in disorder: of another topic, detached, without message ordering, with a filter, or one that pushes; " +
			"it warns of a short retention or acknowledgement deadline, and of a dead-letter policy that an outage would use up.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"topic":        name(pubsub.Topic, "Topic that the runtime publishes to."),
			"subscription": name(pubsub.Subscription, "Subscription of the topic that the runtime pulls from, with `enable_message_ordering`."),
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Base URL at which the runtime finds Pub/Sub, gRPC without TLS if it is `http`. Default: the provider's `endpoints.pubsub`; without that, Google's own.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{baseURL()},
			},
		},
	}
}

// planPubSub finds out where the runtime is to find Pub/Sub, which the provider knows when the block does not say.
func (r *syncRuntimeResource) planPubSub(ctx context.Context, plan *syncRuntimeModel, config syncRuntimeModel, diags *diag.Diagnostics) {
	p := objectAs[pubsubModel](ctx, plan.PubSub, diags)
	own := objectAs[pubsubModel](ctx, config.PubSub, diags)
	if p == nil || own == nil {
		return
	}
	p.Endpoint = r.pubsubEndpoint(own.Endpoint)
	plan.PubSub = objectOf(ctx, pubsubTypes, p, diags)
}

func (r *syncRuntimeResource) pubsubEndpoint(own types.String) types.String {
	switch s := r.clients.pubSub; {
	case !own.IsNull():
		return own
	case s.unknown:
		return types.StringUnknown()
	default:
		return stringOrNull(s.value)
	}
}

// settlePubSub does the same when everything must be known.
func (r *syncRuntimeResource) settlePubSub(ctx context.Context, plan *syncRuntimeModel, diags *diag.Diagnostics) {
	p := objectAs[pubsubModel](ctx, plan.PubSub, diags)
	if p == nil || !p.Endpoint.IsUnknown() {
		return
	}
	p.Endpoint = r.pubsubEndpoint(types.StringNull())
	plan.PubSub = objectOf(ctx, pubsubTypes, p, diags)
}

// checkPubSub holds topic and subscription against what deliveries need. What is only to be warned of is said while
// planning; an apply asks again for what the plan could not know.
func (r *syncRuntimeResource) checkPubSub(ctx context.Context, plan syncRuntimeModel, applying bool, diags *diag.Diagnostics) {
	p := objectAs[pubsubModel](ctx, plan.PubSub, diags)
	if p == nil || p.Topic.IsUnknown() || p.Subscription.IsUnknown() || plan.Project.IsUnknown() {
		return
	}
	project := plan.Project.ValueString()
	topic, err := pubsub.Parse(pubsub.Topic, p.Topic.ValueString(), project)
	if err != nil {
		return // its own validator says so
	}
	subscription, err := pubsub.Parse(pubsub.Subscription, p.Subscription.ValueString(), project)
	if err != nil {
		return
	}
	client, err := r.clients.PubSub(ctx)
	var found []pubsub.Finding
	if err == nil {
		found, err = client.Check(ctx, topic, subscription)
	}
	at := path.Root("pubsub")
	if err != nil && !isUnknown(err) {
		warnAt(diags, at, "Topic and subscription not looked up",
			"Whether deliveries are safe with "+topic.String()+" and "+subscription.String()+" could not be found out.", err)
	}
	for _, f := range found {
		where := at.AtName("subscription")
		if f.About == pubsub.Topic {
			where = at.AtName("topic")
		}
		switch {
		case f.Fatal && applying:
			failAt(diags, where, "Deliveries not safe", upperFirst(f.Message)+".", nil)
		case f.Fatal:
			failAt(diags, where, "Deliveries not safe", upperFirst(f.Message)+". When the same apply makes it, refer to its id, which is not known before.", nil)
		case !applying:
			warnAt(diags, where, "Deliveries at risk", upperFirst(f.Message)+".", nil)
		}
	}
}

// pubsubVariables is what the runtime is told, by full names.
func (m syncRuntimeModel) pubsubVariables(ctx context.Context, value func(name, value string), diags *diag.Diagnostics) {
	p := objectAs[pubsubModel](ctx, m.PubSub, diags)
	if p == nil {
		return
	}
	for _, v := range []struct {
		name      string
		kind      pubsub.Kind
		reference types.String
	}{{envPubSubTopic, pubsub.Topic, p.Topic}, {envPubSubSubscription, pubsub.Subscription, p.Subscription}} {
		ref, err := pubsub.Parse(v.kind, v.reference.ValueString(), m.Project.ValueString())
		if err != nil {
			fail(diags, "Reference not understood", "The reference for "+v.name+" cannot be used.", err)
			return
		}
		value(v.name, ref.String())
	}
	if !p.Endpoint.IsNull() {
		value(envPubSubEndpoint, p.Endpoint.ValueString())
	}
}

// flattenPubSub takes from the environment where deliveries wait, in the words of before when they mean the same.
func (m *syncRuntimeModel) flattenPubSub(ctx context.Context, v variables, diags *diag.Diagnostics) {
	var was pubsubModel
	if before := objectAs[pubsubModel](ctx, m.PubSub, diags); before != nil {
		was = *before
	}
	words := func(name string, kind pubsub.Kind, before types.String) types.String {
		live := v.text(name)
		if ref, err := pubsub.Parse(kind, before.ValueString(), v.project); err == nil && ref.String() == live {
			return before
		}
		if ref, err := pubsub.Parse(kind, live, v.project); err == nil {
			return types.StringValue(ref.Short(v.project))
		}
		return stringOrNull(live)
	}
	is := pubsubModel{
		Topic:        words(envPubSubTopic, pubsub.Topic, was.Topic),
		Subscription: words(envPubSubSubscription, pubsub.Subscription, was.Subscription),
		Endpoint:     v.string(envPubSubEndpoint),
	}
	if m.PubSub = types.ObjectNull(pubsubTypes); v.has(envPubSubTopic) || v.has(envPubSubSubscription) || v.has(envPubSubEndpoint) {
		m.PubSub = objectOf(ctx, pubsubTypes, is, diags)
	}
}
