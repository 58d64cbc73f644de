package provider

import (
	"context"
	"iter"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A list resource finds, for `terraform query`, what could be imported. It is the resource that it lists, with a List.

// stream gives what there is, and no more than was asked for. What cannot be listed on is the last result, with an error: an error
// that is only returned would be lost.
func stream[T any](ctx context.Context, req list.ListRequest, title, detail string, all iter.Seq2[T, error], show func(item T, result *list.ListResult)) iter.Seq[list.ListResult] {
	return func(push func(list.ListResult) bool) {
		var pushed int64
		for item, err := range all {
			if err != nil {
				var diags diag.Diagnostics
				fail(&diags, title, detail, err)
				push(list.ListResult{Diagnostics: diags})
				return
			}
			result := req.NewListResult(ctx)
			show(item, &result)
			pushed++
			if !push(result) || pushed == req.Limit {
				return
			}
		}
	}
}

// failStream is a stream of one error.
func failStream(title, detail string, err error) iter.Seq[list.ListResult] {
	var diags diag.Diagnostics
	fail(&diags, title, detail, err)
	return list.ListResultsStreamDiagnostics(diags)
}

// identify gives a result the parts of its identity, in the identity and in the resource.
func identify(ctx context.Context, result *list.ListResult, parts, values []string) {
	result.Diagnostics.Append(setIdentity(ctx, result.Identity, parts, values)...)
	for n, part := range parts {
		result.Diagnostics.Append(result.Resource.SetAttribute(ctx, path.Root(part), values[n])...)
	}
}

// listWhere is an attribute that says where to look, which the provider knows too.
func listWhere(description string, v validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description + " Default: the provider's.", Optional: true, Validators: []validator.String{v}}
}

// where is what such an attribute comes to.
func (s setting) where(own types.String) (string, error) {
	if own.ValueString() != "" {
		return own.ValueString(), nil
	}
	return s.get()
}
