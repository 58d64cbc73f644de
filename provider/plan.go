package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// planning reads what a plan is made of. Without a state, the resource is to be created.
func planning[M any](ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) (config, plan M, state *M) {
	diags.Append(req.Config.Get(ctx, &config)...)
	diags.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		state = new(M)
		diags.Append(req.State.Get(ctx, state)...)
	}
	return config, plan, state
}

// atPlan is where something is planned to be: where its configuration says, or else the provider. Where it is already (null:
// nowhere) is the best guess while that cannot be told, and the one that replaces nothing.
func (s setting) atPlan(own, is types.String) (types.String, error) {
	planned, err := s.or(own)
	if !is.IsNull() && (err != nil || planned.IsUnknown()) {
		return is, nil //nolint:nilerr // not knowing better is no failure
	}
	return planned, err
}

// atApply is what the plan says, or else the provider, whose settings are known by then.
func (s setting) atApply(planned types.String) (types.String, error) {
	if !planned.IsUnknown() {
		return planned, nil
	}
	value, err := s.get()
	return types.StringValue(value), err
}

// planProject is the project that a resource is planned for. In another one, it is another resource.
func (c *clients) planProject(own, is types.String, title string, resp *resource.ModifyPlanResponse) types.String {
	at := path.Root("project")
	project, err := c.project.atPlan(own, is)
	if err != nil {
		failAt(&resp.Diagnostics, at, title, "Its project is not known.", err)
	}
	if !is.IsNull() && !project.Equal(is) {
		resp.RequiresReplace = append(resp.RequiresReplace, at)
	}
	return project
}
