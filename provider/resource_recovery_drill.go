package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/drill"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// A failover takes Cloud SQL a minute or two, and its standby some more until it is back. A clone takes as long as the disk
// is large, and before it the logs have to reach the point in time; what a destroy deletes is a clone that was left over.
const (
	failoverTimeout    = 20 * time.Minute
	restoreTimeout     = 2 * time.Hour
	drillDeleteTimeout = 15 * time.Minute

	// The end of an operation is looked for more often than elsewhere: it is part of what is measured.
	drillLook = 2 * time.Second
)

var (
	_ resource.ResourceWithConfigure      = (*recoveryDrillResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*recoveryDrillResource)(nil)
	_ resource.ResourceWithImportState    = (*recoveryDrillResource)(nil)
	_ resource.ResourceWithIdentity       = (*recoveryDrillResource)(nil)
	_ resource.ResourceWithValidateConfig = (*recoveryDrillResource)(nil)
)

// NewRecoveryDrillResource makes the august_recovery_drill resource: a rehearsal of an instance's recovery, and what it
// measured.
func NewRecoveryDrillResource() resource.Resource { return &recoveryDrillResource{} }

type recoveryDrillResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *recoveryDrillResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_recovery_drill"
}

// Create implements resource.Resource. A drill that was begun leaves its figures in the state, also when it failed. Terraform
// then takes the resource for tainted, and replaces it with the next apply: the drill is run again, and the history goes on,
// also when that one is not even begun.
func (r *recoveryDrillResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan recoveryDrillModel
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	var err error
	if plan.Project, err = r.clients.project.atApply(plan.Project); err != nil {
		failAt(&resp.Diagnostics, path.Root("project"), drillNotRun, "The instance's project is not known.", err)
		return
	}
	owner := drill.NewOwner()
	history := r.clients.drills.reclaim(plan.address())
	if !r.run(ctx, &plan, history, owner, plan.Timeouts.Create, &resp.Diagnostics) && !plan.recall(ctx, history, &resp.Diagnostics) {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, recoveryDrillIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, drillOwnerKey, drillOwner(owner))...)
}

// Read implements resource.Resource. What was measured does not change; only the instance may go, and its drills with it.
func (r *recoveryDrillResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state recoveryDrillModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, recoveryDrillIdentity, state.identity())...)
	imported := state.ID.IsNull()
	client, err := r.clients.CloudSQL(ctx)
	if err == nil {
		_, err = client.Get(ctx, state.Project.ValueString(), state.Instance.ValueString())
	}
	switch {
	case cloudsql.IsNotFound(err):
		tflog.Debug(ctx, "the instance is gone, and its drills with it", map[string]any{"instance": state.label()})
		resp.State.RemoveResource(ctx)
		return
	case err != nil && imported:
		fail(&resp.Diagnostics, "Recovery drill not imported", "The instance "+state.label()+" could not be read.", err)
		return
	case err != nil && !isUnknown(err):
		warn(&resp.Diagnostics, "Recovery drill not checked", "Whether the instance "+state.label()+" is still there could not be read. Its drills stay in the state.", err)
	}
	state.ID = types.StringValue(state.address())
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource. The drill is run again when its triggers changed, when the last one failed, and when
// there was none; anything else is for the next one.
func (r *recoveryDrillResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state recoveryDrillModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	owner, diags := readDrillOwner(ctx, req.Private)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	if plan.runsAfter(&state) {
		if !r.run(ctx, &plan, state.History, owner, plan.Timeouts.Update, &resp.Diagnostics) {
			return // nothing has happened: the state is as it was, and the next plan the same
		}
	} else { // the plan did not know the triggers yet, and they came out as they were
		plan.recoveryFacts, plan.History = state.recoveryFacts, state.History
	}
	plan.settle(plan)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, recoveryDrillIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, drillOwnerKey, drillOwner(owner))...)
}

// Delete implements resource.Resource. It forgets the history, and touches the instance in no way; a clone that a drill
// which was killed left behind is deleted.
func (r *recoveryDrillResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const title = "Recovery drill not removed"
	var state recoveryDrillModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	owner, diags := readDrillOwner(ctx, req.Private)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, drillDeleteTimeout, &resp.Diagnostics)
	defer cancel()
	if drill.Kind(state.Kind.ValueString()) == drill.Restore {
		client, err := r.clients.CloudSQL(ctx)
		var inUse []string
		if err == nil {
			d := drill.Drill{SQL: client, Project: state.Project.ValueString(), Instance: state.Instance.ValueString(), Owner: owner, Progress: drillProgress(ctx)}
			inUse, err = d.Sweep(ctx)
		}
		for _, left := range inUse {
			warn(&resp.Diagnostics, "Clone left alone", left, nil)
		}
		if err != nil {
			fail(&resp.Diagnostics, title, "Whether a drill left a clone of the instance "+state.label()+" behind could not be made out, or it could not be deleted.", err)
			return
		}
	}
	r.clients.drills.keep(state.address(), state.History)
}

// ImportState implements resource.ResourceWithImportState. What a drill measured is in the state and nowhere else, so an
// imported one has never run: the next apply runs it.
func (r *recoveryDrillResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  "Recovery drill",
		parts: recoveryDrillIdentity,
		forms: []string{`"project/instance/kind"`, `"instance/kind"`, `"projects/project/instances/instance/drills/kind"`},
		parse: parseRecoveryDrillID,
		fallback: func(part string) (string, error) {
			if part != "project" {
				return "", nil
			}
			return r.clients.Project()
		},
	}.run(ctx, req, resp)
}

const (
	drillNotRun = "Recovery drill not run"
	drillFailed = "Recovery drill failed"
)

// run runs the drill that the plan asks for, and fills in what it measured. It says whether the drill was begun: when not,
// nothing has happened to the instance, and an error says why.
func (r *recoveryDrillResource) run(
	ctx context.Context, plan *recoveryDrillModel, history types.List, owner string,
	timeout func(context.Context, time.Duration) (time.Duration, diag.Diagnostics), diags *diag.Diagnostics,
) bool {
	plan.settle(*plan)
	// Drills of one instance would take each other for the event: within an apply, one waits for the other.
	leave, err := r.clients.drills.enter(ctx, plan.label())
	if err != nil {
		fail(diags, drillNotRun, "Another drill on the instance "+plan.label()+" was still running.", err)
		return false
	}
	defer leave()
	standard := failoverTimeout
	if drill.Kind(plan.Kind.ValueString()) == drill.Restore {
		standard = restoreTimeout
	}
	ctx, cancel := withTimeout(ctx, timeout, standard, diags)
	defer cancel()
	d, ok := r.drill(ctx, *plan, owner, diags)
	if !ok {
		return false
	}
	record, err := d.Run(ctx)
	if record == nil {
		plan.blame(err, drillNotRun, diags)
		return false
	}
	for _, left := range record.Left {
		warn(diags, "Something left behind", left, nil)
	}
	plan.flatten(ctx, *record, history, diags)
	if err != nil {
		plan.reportFailure(err, *record, diags)
	}
	return true
}

// drill is the drill that a plan, in which everything that it depends on is known, asks for.
func (r *recoveryDrillResource) drill(ctx context.Context, plan recoveryDrillModel, owner string, diags *diag.Diagnostics) (drill.Drill, bool) {
	sql, err := r.clients.CloudSQL(ctx)
	if err != nil {
		fail(diags, drillNotRun, "The Cloud SQL Admin API cannot be called.", err)
		return drill.Drill{}, false
	}
	runtime, err := r.runtime(ctx, plan)
	if err != nil {
		fail(diags, drillNotRun, "The runtime's control API cannot be called.", err)
		return drill.Drill{}, false
	}
	sql.Every = drillLook
	d := plan.expand(ctx, diags)
	d.SQL, d.Runtime, d.Owner, d.Progress = sql, runtime, owner, drillProgress(ctx)
	return d, !diags.HasError()
}

// runtime calls the runtime whose database is drilled.
func (r *recoveryDrillResource) runtime(ctx context.Context, m recoveryDrillModel) (*runtimeapi.Client, error) {
	return r.clients.Runtime(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
}

func drillProgress(ctx context.Context) func(string, map[string]any) {
	return func(step string, fields map[string]any) { tflog.Info(ctx, "drill: "+step, fields) }
}

// timeoutsOfDrill differ by kind.
func timeoutsOfDrill() timeouts.Opts {
	const how = "How long to wait for the drill, such as `30m` or `1h30m`, without the removing of what it has made. Default: `20m` for a `failover`, `2h` for a `point_in_time_restore`."
	return timeouts.Opts{
		Create: true, CreateDescription: how,
		Update: true, UpdateDescription: how,
		Delete: true, DeleteDescription: "How long to wait for the deletion of clones that were left behind. Default: `15m`.",
	}
}
