package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"
)

var _ list.ListResourceWithConfigure = (*haPolicyList)(nil)

// NewCloudSQLHAPolicyListResource makes the list of HA policies: the instances that one can be put on.
func NewCloudSQLHAPolicyListResource() list.ListResource { return &haPolicyList{} }

type haPolicyList struct{ haPolicyResource }

type haPolicyListModel struct {
	Project types.String `tfsdk:"project"`
}

// ListResourceConfigSchema implements list.ListResource.
func (l *haPolicyList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the Cloud SQL for PostgreSQL instances of a project that a policy can be put on: all but read replicas, whether they are hardened already or not.",
		Attributes:          map[string]schema.Attribute{"project": listWhere("Project to look in.", projectID())},
	}
}

// List implements list.ListResource.
func (l *haPolicyList) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	const title = "HA policies not listed"
	var config haPolicyListModel
	if diags := req.Config.Get(ctx, &config); diags.HasError() {
		resp.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	project, err := l.clients.project.where(config.Project)
	if err != nil {
		resp.Results = failStream(title, "The project to look in is not known.", err)
		return
	}
	client, err := l.clients.CloudSQL(ctx)
	if err != nil {
		resp.Results = failStream(title, "The Cloud SQL Admin API cannot be called.", err)
		return
	}
	fitting := func(yield func(*sqladmin.DatabaseInstance, error) bool) {
		for live, err := range client.List(ctx, project) {
			if (err != nil || checkInstance(live) == nil) && !yield(live, err) {
				return
			}
		}
	}
	resp.Results = stream(ctx, req, title, "The instances of "+project+" could not be listed.", fitting,
		func(live *sqladmin.DatabaseInstance, result *list.ListResult) {
			result.DisplayName = live.Name
			identify(ctx, result, haPolicyIdentity, []string{project, live.Name})
			if !req.IncludeResource {
				return
			}
			var m haPolicyModel
			result.Diagnostics.Append(result.Resource.Get(ctx, &m)...)
			now, err := l.observe(ctx, m)
			if err != nil {
				fail(&result.Diagnostics, title, "What the instance "+m.label()+" is set to could not be read.", err)
				return
			}
			result.Diagnostics.Append(m.flatten(ctx, now)...)
			result.Diagnostics.Append(result.Resource.Set(ctx, m)...)
		})
}
