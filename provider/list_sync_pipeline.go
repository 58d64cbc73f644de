package provider

import (
	"context"
	"iter"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

var _ list.ListResourceWithConfigure = (*syncPipelineList)(nil)

// NewSyncPipelineListResource makes the list of sync pipelines: those of one runtime.
func NewSyncPipelineListResource() list.ListResource { return &syncPipelineList{} }

type syncPipelineList struct{ syncPipelineResource }

type syncPipelineListModel struct {
	Endpoint types.String `tfsdk:"endpoint"`
	Audience types.String `tfsdk:"audience"`
}

// ListResourceConfigSchema implements list.ListResource.
func (l *syncPipelineList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the pipelines of a sync runtime.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`.",
				Required:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true,
			},
		},
	}
}

// List implements list.ListResource.
func (l *syncPipelineList) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	const title = "Pipelines not listed"
	var config syncPipelineListModel
	if diags := req.Config.Get(ctx, &config); diags.HasError() {
		resp.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	endpoint, audience := config.Endpoint.ValueString(), config.Audience.ValueString()
	if audience == "" {
		audience = endpoint
	}
	client, err := l.clients.Runtime(ctx, endpoint, audience)
	if err != nil {
		resp.Results = failStream(title, "The runtime's control API cannot be called.", err)
		return
	}
	resp.Results = stream(ctx, req, title, "The runtime at "+endpoint+" could not list its pipelines.", pipelinesOf(ctx, client),
		func(live runtimeapi.Pipeline, result *list.ListResult) {
			result.DisplayName = live.Name
			identify(ctx, result, syncPipelineIdentity, []string{endpoint, audience, live.Name})
			if !req.IncludeResource {
				return
			}
			var m syncPipelineModel
			result.Diagnostics.Append(result.Resource.Get(ctx, &m)...)
			m.flatten(ctx, live, &result.Diagnostics)
			result.Diagnostics.Append(result.Resource.Set(ctx, m)...)
		})
}

// pipelinesOf is the pipelines of a runtime, which come in one answer.
func pipelinesOf(ctx context.Context, client *runtimeapi.Client) iter.Seq2[runtimeapi.Pipeline, error] {
	return func(yield func(runtimeapi.Pipeline, error) bool) {
		all, err := client.WithPatience(syncPipelinePatience).ListPipelines(ctx)
		if err != nil {
			yield(runtimeapi.Pipeline{}, err)
			return
		}
		for _, live := range all {
			if !yield(live, nil) {
				return
			}
		}
	}
}
