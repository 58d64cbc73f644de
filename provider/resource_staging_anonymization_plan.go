package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// ValidateConfig implements resource.ResourceWithValidateConfig. What is not known yet is left alone.
func (r *stagingAnonymizationResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config stagingAnonymizationModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	config.validate(ctx, &resp.Diagnostics)
	p := expandPolicy(ctx, config.Policy, &resp.Diagnostics)
	if p == nil {
		return
	}
	if _, err := p.Encode(); err != nil {
		failAt(&resp.Diagnostics, path.Root("policy"), policyNotUsable, upperFirst(err.Error())+".", nil)
	}
	if config.KeySecret.IsUnknown() {
		return
	}
	switch at := path.Root("key_secret"); {
	case p.Keys == policy.Persistent && config.KeySecret.IsNull():
		failAt(&resp.Diagnostics, at, "Key missing", "With persistent keys pseudonyms are derived from a key that outlives the run. Refer to the secret that holds it, or leave policy.keys out.", nil)
	case p.Keys != policy.Persistent && !config.KeySecret.IsNull():
		failAt(&resp.Diagnostics, at, "Key not used", "With ephemeral keys each run makes its own and forgets it. Leave it out, or set policy.keys to \"persistent\".", nil)
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan. Whatever else is planned, the policy is held against the database as it is
// now: a column that somebody has added fails the plan until it is mapped.
func (r *stagingAnonymizationResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.clients == nil {
		return
	}
	config, plan, state := planning[stagingAnonymizationModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var was *stagingJobModel
	if state != nil {
		was = &state.stagingJobModel
	}
	if r.plan(ctx, &plan.stagingJobModel, config.stagingJobModel, was, resp) {
		state = nil
	}
	plan.settle(config.Audience)
	r.checkAtPlan(ctx, plan, state == nil, &resp.Diagnostics)
	if plan.runs(ctx, state, req.Private, &resp.Diagnostics) {
		plan.exportFacts = exportUnknown()
	} else {
		plan.exportFacts = state.exportFacts
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

const anonymizationNotPlanned = "Staging anonymization not planned"

// checkAtPlan asks the runtime, when it is known where it is, and holds the policy against what it says. A runtime that does not
// answer, or does not know of policies yet, may be what this very apply mends; it asks again before anything is run, and the job
// checks the policy itself before it reads a row.
func (r *stagingAnonymizationResource) checkAtPlan(ctx context.Context, plan stagingAnonymizationModel, creating bool, diags *diag.Diagnostics) {
	if plan.Endpoint.IsUnknown() || plan.Audience.IsUnknown() {
		return
	}
	p := expandPolicy(ctx, plan.Policy, diags)
	if p == nil {
		return
	}
	c, err := r.clients.catalogOf(ctx, plan.Endpoint.ValueString(), plan.Audience.ValueString())
	switch {
	case isUnknown(err):
	case runtimeapi.IsNotFound(err) && creating:
		warnAt(diags, path.Root("endpoint"), "Policy not checked", "The runtime is older than anonymisation is. Unless this apply deploys a newer image, it will fail before anything is exported.", err)
	case runtimeapi.IsUnavailable(err):
		warnAt(diags, path.Root("endpoint"), "Policy not checked", "The runtime does not answer, so that nobody can say whether the policy still covers its database. "+
			"It is asked again before anything is exported.", err)
	case err != nil:
		blameCatalog(err, anonymizationNotPlanned, "", diags)
	default:
		checkPolicy(p, c, time.Now(), diags)
	}
}

// checkAtApply does the same before a run; then nothing is left unknown, and nothing is let pass.
func (r *stagingAnonymizationResource) checkAtApply(ctx context.Context, plan stagingAnonymizationModel, title string, diags *diag.Diagnostics) {
	p := expandPolicy(ctx, plan.Policy, diags)
	if p == nil {
		return
	}
	c, err := r.clients.catalogOf(ctx, plan.Endpoint.ValueString(), plan.Audience.ValueString())
	if err != nil {
		blameCatalog(err, title, " Nothing was exported.", diags)
		return
	}
	checkPolicy(p, c, time.Now(), diags)
}
