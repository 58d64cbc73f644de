package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// importer imports a resource that several parts name together, by one id string or by identity. The parts are
// string attributes of the same name in the state and in the identity.
type importer struct {
	what  string   // for messages: "HA policy"
	parts []string // attributes, in the order that parse returns them
	forms []string // accepted forms of the id, for messages

	// parse takes an id apart. An empty part is left to fallback.
	parse func(id string) (parts []string, ok bool)
	// fallback gives a part that was not said, such as the provider's project. May be nil.
	fallback func(part string) (string, error)
}

// run is the resource's ImportState. It leaves everything but the parts to Read, which Terraform calls next.
func (i importer) run(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	values := make([]string, len(i.parts))
	if req.ID != "" {
		parts, ok := i.parse(req.ID)
		if !ok || len(parts) != len(i.parts) {
			fail(&resp.Diagnostics, i.title(),
				fmt.Sprintf("%q is not an id of this resource. Use %s.", req.ID, strings.Join(i.forms, ", or ")), nil)
			return
		}
		copy(values, parts)
	} else {
		for n, part := range i.parts {
			var v types.String
			resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root(part), &v)...)
			values[n] = v.ValueString()
		}
	}
	for n, part := range i.parts {
		if values[n] == "" && i.fallback != nil {
			v, err := i.fallback(part)
			if err != nil {
				fail(&resp.Diagnostics, i.title(), "The import does not say which "+part+" is meant. Add it: use "+i.forms[0]+".", err)
				return
			}
			values[n] = v
		}
		if values[n] == "" {
			fail(&resp.Diagnostics, i.title(), "The import does not say which "+part+" is meant. Use "+i.forms[0]+".", nil)
			return
		}
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(part), values[n])...)
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, i.parts, values)...)
}

func (i importer) title() string { return i.what + " not imported" }

// setIdentity writes an identity made of strings. Terraform before 1.12 remembers none, so Create, Read and Update each
// call it every time; Read also when it then finds the resource gone.
func setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, parts, values []string) diag.Diagnostics {
	var diags diag.Diagnostics
	if identity == nil {
		return diags
	}
	for n, part := range parts {
		diags.Append(identity.SetAttribute(ctx, path.Root(part), values[n])...)
	}
	return diags
}

// audienceOfIdentity is the fallback of what lives on a runtime: an audience that an identity leaves out is its endpoint.
func audienceOfIdentity(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) func(string) (string, error) {
	return func(part string) (string, error) {
		var endpoint types.String
		if part == "audience" {
			resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("endpoint"), &endpoint)...)
		}
		return endpoint.ValueString(), nil
	}
}
