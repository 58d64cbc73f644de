package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

var _ list.ListResourceWithConfigure = (*secretList)(nil)

// NewSecretListResource makes the list of secrets: those of a project that this provider has made.
func NewSecretListResource() list.ListResource { return &secretList{} }

type secretList struct{ secretResource }

type secretListModel struct {
	Project types.String `tfsdk:"project"`
}

// ListResourceConfigSchema implements list.ListResource.
func (l *secretList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the secrets of a project that this provider has made, without their values.",
		Attributes:          map[string]schema.Attribute{"project": listWhere("Project to look in.", projectID())},
	}
}

// List implements list.ListResource.
func (l *secretList) List(ctx context.Context, req list.ListRequest, resp *list.ListResultsStream) {
	const title = "Secrets not listed"
	var config secretListModel
	if diags := req.Config.Get(ctx, &config); diags.HasError() {
		resp.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	project, err := l.clients.project.where(config.Project)
	if err != nil {
		resp.Results = failStream(title, "The project to look in is not known.", err)
		return
	}
	client, err := l.client(ctx)
	if err != nil {
		resp.Results = failStream(title, "The Secret Manager API cannot be called.", err)
		return
	}
	resp.Results = stream(ctx, req, title, "The secrets of "+project+" could not be listed.", client.List(ctx, project),
		func(ref secrets.Ref, result *list.ListResult) {
			result.DisplayName = ref.Name
			identify(ctx, result, secretIdentity, []string{ref.Project, ref.Name})
			if !req.IncludeResource {
				return
			}
			ctx, cancel := context.WithTimeout(ctx, secretPatience)
			defer cancel()
			live, err := client.Get(ctx, ref)
			if err != nil {
				fail(&result.Diagnostics, title, "The secret "+ref.Secret()+" could not be read.", err)
				return
			}
			var m secretModel
			result.Diagnostics.Append(result.Resource.Get(ctx, &m)...)
			m.flatten(ctx, live, true, &result.Diagnostics)
			result.Diagnostics.Append(result.Resource.Set(ctx, m)...)
		})
}
