package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/drill"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// drillPatience is how long a plan waits for a runtime.
const drillPatience = 8 * time.Second

// ValidateConfig implements resource.ResourceWithValidateConfig. What is not known yet is left alone.
func (r *recoveryDrillResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config recoveryDrillModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	if drill.Kind(config.Kind.ValueString()) == drill.Failover && !config.VerifyTables.IsNull() {
		failAt(&resp.Diagnostics, path.Root("verify_tables"), "Recovery drill not valid",
			"A failover compares no tables; only a point_in_time_restore does. Take verify_tables out.", nil)
	}
	for _, element := range config.VerifyTables.Elements() {
		table, _ := element.(types.String)
		if table.IsUnknown() {
			continue
		}
		for _, problem := range (runtimeapi.VerifyRequest{Digest: []string{table.ValueString()}}).Validate() {
			failAt(&resp.Diagnostics, path.Root("verify_tables").AtSetValue(element), "Recovery drill not valid",
				fmt.Sprintf("%q %s.", table.ValueString(), problem.Message), nil)
		}
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan. It says whether the apply will run a drill, and refuses one that
// is known not to be possible.
func (r *recoveryDrillResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.clients == nil {
		return
	}
	config, plan, state := planning[recoveryDrillModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var is types.String
	if state != nil {
		is = state.Project
	}
	if plan.Project = r.clients.planProject(config.Project, is, "Recovery drill not planned", resp); resp.Diagnostics.HasError() {
		return
	}
	plan.settle(config)
	before := state
	if state != nil && (!plan.Project.Equal(state.Project) || !plan.Instance.Equal(state.Instance) || !plan.Kind.Equal(state.Kind)) {
		before = nil // another drill in its place
	}
	if plan.runsAfter(before) {
		plan.recoveryFacts, plan.History = factsUnknown(), types.ListUnknown(recoveryFactsType)
		plan.announce(before, &resp.Diagnostics)
		r.lookAhead(ctx, plan, &resp.Diagnostics)
	} else {
		plan.recoveryFacts, plan.History = state.recoveryFacts, state.History
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// announce says what the apply will do to the instance.
func (m recoveryDrillModel) announce(before *recoveryDrillModel, diags *diag.Diagnostics) {
	if before != nil && before.Passed.Equal(types.BoolValue(false)) {
		warnAt(diags, path.Root("triggers"), "Recovery drill repeated", fmt.Sprintf("The last %s drill on %s, at %s, did not pass. %s "+
			"This plan runs it again; to put that off, leave the resource out of the apply with -target or -exclude.",
			m.Kind.ValueString(), m.label(), before.RanAt.ValueString(), before.Failure.ValueString()), nil)
	}
	if drill.Kind(m.Kind.ValueString()) == drill.Failover {
		warnAt(diags, path.Root("kind"), "Apply fails the database over", "The apply has the standby of "+m.Instance.ValueString()+
			" take over: every connection breaks, and the database is away for seconds to a minute or two.", nil)
	}
}

// lookAhead checks what can be checked while planning. What the same apply may still put right is a warning: the policy that
// makes the instance highly available may be part of it.
func (r *recoveryDrillResource) lookAhead(ctx context.Context, plan recoveryDrillModel, diags *diag.Diagnostics) {
	const title, unchecked = "Recovery drill not planned", "Recovery drill not checked"
	if plan.Project.IsUnknown() || plan.Instance.IsUnknown() || plan.Kind.IsUnknown() {
		return
	}
	kind := drill.Kind(plan.Kind.ValueString())
	client, err := r.clients.CloudSQL(ctx)
	var live *sqladmin.DatabaseInstance
	if err == nil {
		live, err = client.Get(ctx, plan.Project.ValueString(), plan.Instance.ValueString())
	}
	switch {
	case isUnknown(err):
		return
	case cloudsql.IsNotFound(err):
		failAt(diags, path.Root("instance"), title, "There is no Cloud SQL instance "+plan.label()+". Check its name and project. When the same plan is to make it, "+
			"refer to something that is known only once it exists, as in instance = basename(google_sql_database_instance.NAME.self_link).", err)
		return
	case err != nil:
		warnAt(diags, path.Root("instance"), unchecked, "The instance "+plan.label()+" could not be read while planning.", err)
		return
	}
	if err := drill.Fits(kind, plan.Project.ValueString(), live); err != nil {
		plan.blame(err, title, diags)
		return
	}
	if err := drill.Ready(kind, live); err != nil {
		warnAt(diags, path.Root("instance"), unchecked, err.Error()+" Unless this apply changes that, the drill will be refused.", nil)
	}
	if plan.Endpoint.IsUnknown() || plan.Audience.IsUnknown() {
		return
	}
	runtime, err := r.runtime(ctx, plan)
	var info runtimeapi.Info
	if err == nil {
		info, err = runtime.WithPatience(drillPatience).Info(ctx)
	}
	if err != nil {
		if !isUnknown(err) {
			warnAt(diags, path.Root("endpoint"), unchecked, "The runtime could not be asked while planning which instance its database is on.", err)
		}
		return
	}
	var refusal *drill.Refusal
	switch err := drill.Same(info, live); {
	case errors.As(err, &refusal) && info.Instance == "":
		warnAt(diags, path.Root(refusal.Attribute), unchecked, refusal.Message, nil)
	case err != nil:
		plan.blame(err, title, diags)
	}
}
