package provider

import (
	"context"
	"path"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ list.ListResourceWithConfigure = (*syncRuntimeList)(nil)

// NewSyncRuntimeListResource makes the list of sync runtimes: the services of a region that this provider has made.
func NewSyncRuntimeListResource() list.ListResource { return &syncRuntimeList{} }

type syncRuntimeList struct{ syncRuntimeResource }

type syncRuntimeListModel struct {
	Project  types.String `tfsdk:"project"`
	Location types.String `tfsdk:"location"`
}

// ListResourceConfigSchema implements list.ListResource.
func (l *syncRuntimeList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the sync runtimes of a region: the Cloud Run services that this provider has made.",
		Attributes: map[string]schema.Attribute{
			"project":  listWhere("Project to look in.", projectID()),
			"location": listWhere("Region to look in.", regionName()),
		},
	}
}

// List implements list.ListResource.
func (l *syncRuntimeList) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	const title = "Sync runtimes not listed"
	var config syncRuntimeListModel
	if diags := req.Config.Get(ctx, &config); diags.HasError() {
		resp.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	project, err := l.clients.project.where(config.Project)
	if err != nil {
		resp.Results = failStream(title, "The project to look in is not known.", err)
		return
	}
	location, err := l.clients.region.where(config.Location)
	if err != nil {
		resp.Results = failStream(title, "The region to look in is not known.", err)
		return
	}
	client, err := l.client(ctx)
	if err != nil {
		resp.Results = failStream(title, "The Cloud Run Admin API cannot be called.", err)
		return
	}
	resp.Results = stream(ctx, req, title, "The services of "+project+" in "+location+" could not be listed.", client.List(ctx, project, location),
		func(live liveService, result *list.ListResult) {
			service := path.Base(live.Name)
			result.DisplayName = service
			identify(ctx, result, syncRuntimeIdentity, []string{project, location, service})
			if !req.IncludeResource {
				return
			}
			var m syncRuntimeModel
			result.Diagnostics.Append(result.Resource.Get(ctx, &m)...)
			m.flatten(ctx, live, &result.Diagnostics)
			m.judge(live, nil, func() string { return client.Cause(ctx, live) })
			result.Diagnostics.Append(result.Resource.Set(ctx, m)...)
		})
}
