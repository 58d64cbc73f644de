package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// moveFromGoogle takes over what hashicorp/google has in the state as another type, by a moved block. It takes where the thing is
// from its id, and leaves everything else to the refresh that follows, as an import does.
func moveFromGoogle(to, from string, parts []string, parse func(id string) (values []string, ok bool)) resource.StateMover {
	return resource.StateMover{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		title := "Not moved to " + to
		_, provider, _ := strings.Cut(req.SourceProviderAddress, "/") // the host is that of Terraform's registry or OpenTofu's
		if req.SourceTypeName != from || (provider != "hashicorp/google" && provider != "hashicorp/google-beta") {
			fail(&resp.Diagnostics, title, fmt.Sprintf("A %s of %s cannot become one: only a %s of hashicorp/google can. Take it out of the state with a removed block, and import it with an import block.",
				req.SourceTypeName, req.SourceProviderAddress, from), nil)
			return
		}
		var state struct {
			ID string `json:"id"`
		}
		if req.SourceRawState == nil || json.Unmarshal(req.SourceRawState.JSON, &state) != nil {
			fail(&resp.Diagnostics, title, "The state of the "+from+" cannot be read. Apply with a newer hashicorp/google first, which writes it anew.", nil)
			return
		}
		values, ok := parse(state.ID)
		if !ok {
			fail(&resp.Diagnostics, title, fmt.Sprintf("The id %q is not one of a %s. Import it with an import block instead.", state.ID, from), nil)
			return
		}
		for n, part := range parts {
			resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(part), values[n])...)
		}
		resp.Diagnostics.Append(setIdentity(ctx, resp.TargetIdentity, parts, values)...)
	}}
}
