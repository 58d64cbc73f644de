package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What a data source shows: texts, numbers, truths, and its findings.

func shownText(description string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Computed: true}
}

func shownNumber(description string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
}

func shownTruth(description string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: description, Computed: true}
}

type findingModel struct {
	Code     types.String `tfsdk:"code"`
	Severity types.String `tfsdk:"severity"`
	Message  types.String `tfsdk:"message"`
}

var findingType = types.ObjectType{AttrTypes: map[string]attr.Type{"code": types.StringType, "severity": types.StringType, "message": types.StringType}}

func findingsAttribute(description, example, severities string) schema.Attribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: description,
		Computed:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"code":     shownText("What it is, in a word that never changes, such as `" + example + "`."),
			"severity": shownText(severities),
			"message":  shownText("What it is, in a sentence."),
		}},
	}
}

// judge takes over findings, and says whether none is worse than info.
func judge[F cloudsql.Finding | runtimeapi.Finding](ctx context.Context, found []F, diags *diag.Diagnostics) (healthy types.Bool, findings types.List) {
	well := true
	all := make([]findingModel, 0, len(found))
	for _, f := range found {
		f := runtimeapi.Finding(f)
		well = well && f.Severity == runtimeapi.SeverityInfo
		all = append(all, findingModel{types.StringValue(f.Code), types.StringValue(f.Severity), types.StringValue(f.Message)})
	}
	findings, d := types.ListValueFrom(ctx, findingType, all)
	diags.Append(d...)
	return types.BoolValue(well), findings
}
