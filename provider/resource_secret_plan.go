package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. A version that is to be added is unknown until then, and with it what
// refers to it.
func (r *secretResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state secretModel
		if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
			state.refuseDeletion(&resp.Diagnostics)
		}
		return
	}
	config, plan, state := planning[secretModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || r.clients == nil {
		return
	}
	var is secretModel
	if state != nil {
		is = *state
	}
	plan.Project = r.clients.planProject(config.Project, is.Project, "Secret not planned", resp)
	plan.Value = types.StringNull()
	if state != nil && plan.cannotReplace(is) {
		failAt(&resp.Diagnostics, path.Root("locations"), "Secret not planned", "The secret would have to be replaced, since where it is held can't be changed, and on_destroy = \"keep\" leaves it where it is, "+
			"so that its name is taken. Choose another name, or set on_destroy to \"delete\" and apply that first.", nil)
		return
	}
	if state != nil && (!plan.Project.Equal(is.Project) || !plan.Name.Equal(is.Name) || !plan.Locations.Equal(is.Locations)) {
		state.refuseDeletion(&resp.Diagnostics)
		state = nil // the new secret has nothing of the old one
	}
	plan.ID = types.StringUnknown()
	if !plan.Project.IsUnknown() && !plan.Name.IsUnknown() {
		plan.ID = types.StringValue(plan.ref().Secret())
	}
	plan.Problem = types.StringNull()
	plan.Version, plan.Reference = is.Version, is.Reference
	if state == nil || is.Reference.IsNull() || plan.rotates(ctx, config, is, req.Private, &resp.Diagnostics) {
		plan.Version, plan.Reference = types.Int64Unknown(), types.StringUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// cannotReplace says that the secret that is there stays in the way of the one that is to replace it. An apply would come to it
// when the old one is forgotten.
func (m secretModel) cannotReplace(state secretModel) bool {
	return state.OnDestroy.ValueString() == secretKeep && m.Project.Equal(state.Project) && m.Name.Equal(state.Name) &&
		!m.Locations.IsUnknown() && !m.Locations.Equal(state.Locations)
}

// rotates says whether there is another value to put. With value_wo_version, that number says when to look: a value from an
// ephemeral resource may be another one each time.
func (m secretModel) rotates(ctx context.Context, config, state secretModel, private privateState, diags *diag.Diagnostics) bool {
	if !m.ValueVersion.IsNull() && m.ValueVersion.Equal(state.ValueVersion) {
		return false
	}
	return config.Value.IsUnknown() || !digestFrom(ctx, private, diags).Matches([]byte(config.Value.ValueString()))
}

// MoveState implements resource.ResourceWithMoveState.
func (r *secretResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{moveFromGoogle("august_secret", "google_secret_manager_secret", secretIdentity, func(id string) ([]string, bool) {
		project, name, ok := secrets.ParseID(id)
		return []string{project, name}, ok && project != ""
	})}
}
