package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	// PostgreSQL reads a table twice for an index, and waits for what is older; a large one takes the better part of an hour.
	indexTimeout = time.Hour
	// Between two questions how far it is.
	indexEvery = 2 * time.Second
)

var (
	_ resource.ResourceWithConfigure      = (*indexResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*indexResource)(nil)
	_ resource.ResourceWithImportState    = (*indexResource)(nil)
	_ resource.ResourceWithIdentity       = (*indexResource)(nil)
	_ resource.ResourceWithValidateConfig = (*indexResource)(nil)
)

// NewIndexResource makes the august_index resource: an index of a runtime's database.
func NewIndexResource() resource.Resource { return &indexResource{} }

type indexResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *indexResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_index"
	// The endpoint is part of the identity, and may change while the index stays in its database.
	resp.ResourceBehavior.MutableIdentity = true
}

// ValidateConfig implements resource.ResourceWithValidateConfig. The runtime's own rules decide, and leave alone what is not known yet.
func (r *indexResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config indexModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	var found []runtimeapi.Error
	if schema := config.Schema.ValueString(); schema != "" {
		if e := runtimeapi.ValidateIndexSchema(schema); e != nil {
			found = append(found, *e)
		}
	}
	if !config.Name.IsNull() && !config.Name.IsUnknown() {
		if e := runtimeapi.ValidateIndexName("name", config.Name.ValueString()); e != nil {
			found = append(found, *e)
		}
	}
	whole := whollyKnown(config.Table) && whollyKnown(config.Columns) && whollyKnown(config.Include)
	found = append(found, config.expand(ctx, &resp.Diagnostics).Validate(whole)...)
	for _, problem := range found {
		failAt(&resp.Diagnostics, config.pathOf(problem.Field), "Index not valid", sentence(problem), nil)
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan.
func (r *indexResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	config, plan, state := planning[indexModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settle(ctx, config, &resp.Diagnostics)
	plan.Valid, plan.Definition = types.BoolValue(true), types.StringUnknown()
	var replace, words path.Paths
	if state != nil {
		plan.Definition = state.Definition
		replace, words = plan.replaces(ctx, *state, &resp.Diagnostics)
	}
	if state == nil || len(replace) > 0 || len(words) > 0 {
		check := r.check(ctx, plan, &resp.Diagnostics)
		// Other words of the same index change nothing. When PostgreSQL cannot be asked, they are another one.
		if len(words) > 0 && (check == nil || check.Definition != state.Definition.ValueString()) {
			replace = append(replace, words...)
		}
	}
	if len(replace) > 0 {
		plan.Definition = types.StringUnknown()
		resp.RequiresReplace = append(resp.RequiresReplace, replace...)
	}
	if state != nil && len(replace) == 0 && !state.Valid.ValueBool() {
		warn(&resp.Diagnostics, "Index not valid", "The index "+state.address()+" is there and kept up by every write, but no query uses it: its making was broken off. The apply makes it anew.", nil)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// replaces are the attributes in which the plan is another index than the state, and those in which it could be.
func (m indexModel) replaces(ctx context.Context, state indexModel, diags *diag.Diagnostics) (replace, words path.Paths) {
	if !m.Schema.Equal(state.Schema) {
		replace = append(replace, path.Root("schema"))
	}
	if !m.Name.Equal(state.Name) {
		replace = append(replace, path.Root("name"))
	}
	for name, value := range map[string]attr.Value{
		"table": m.Table, "columns": m.Columns, "method": m.Method, "unique": m.Unique, "include": m.Include, "where": m.Where, "fillfactor": m.Fillfactor,
	} {
		if !whollyKnown(value) {
			replace = append(replace, path.Root(name))
		}
	}
	if len(replace) > 0 {
		return replace, nil
	}
	return differences(m.expand(ctx, diags), state.expand(ctx, diags))
}

// check has the runtime's database read a declaration that is new or changed. A plan goes on when it cannot, and when it lacks a
// table or a column, which the same apply may make; the apply finds out before it makes anything. Nil: nothing was found out.
func (r *indexResource) check(ctx context.Context, plan indexModel, diags *diag.Diagnostics) *runtimeapi.IndexCheck {
	const unchecked, hint = "Index not checked", "Whether the database takes the index could not be found out now. The apply finds out before it makes anything."
	if !plan.known() { // as is the endpoint of a runtime that is yet to be made
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncPipelineCheckTime)
	defer cancel()
	client, err := r.client(ctx, plan)
	if err == nil {
		var check runtimeapi.IndexCheck
		check, err = client.WithPatience(0).CheckIndex(ctx, plan.Schema.ValueString(), plan.Name.ValueString(), plan.expand(ctx, diags))
		if err == nil {
			for _, f := range check.Findings {
				if f.Code != runtimeapi.CodeInvalid { // it may be there by then, or free
					warnAt(diags, plan.pathOf(f.Field), unchecked, sentence(f)+" "+hint, nil)
					continue
				}
				failAt(diags, plan.pathOf(f.Field), "Index not valid", sentence(f), nil)
			}
			return &check
		}
	}
	if !isUnknown(err) {
		warn(diags, unchecked, hint, err)
	}
	return nil
}

// Create implements resource.Resource. An index of that name that this runtime was not asked to make belongs to somebody else. One
// that is being made already, as after an apply that was cut short, is waited for: so nothing is written to the state before it is
// valid, or Terraform would drop it and begin anew.
func (r *indexResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan indexModel
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, indexTimeout, &resp.Diagnostics)
	defer cancel()
	r.declare(ctx, &plan, (*runtimeapi.Client).CreateIndex, "Index not created", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, indexIdentity, plan.identity())...)
}

// Read implements resource.Resource. A runtime that cannot be asked leaves the index in the state.
func (r *indexResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state indexModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, indexIdentity, state.identity())...)
	imported := state.Definition.IsNull()
	client, err := r.client(ctx, state)
	var live runtimeapi.Index
	if err == nil {
		live, err = client.WithPatience(syncPipelinePatience).GetIndex(ctx, state.Schema.ValueString(), state.Name.ValueString())
	}
	switch {
	case runtimeapi.IsNotFound(err) || err == nil && live.State == runtimeapi.IndexFailed:
		tflog.Debug(ctx, "the index is gone", map[string]any{"index": state.address()})
		resp.State.RemoveResource(ctx)
		return
	case err != nil && imported:
		fail(&resp.Diagnostics, "Index not imported", "The index "+state.address()+" could not be read.", err)
		return
	case err != nil:
		if !isUnknown(err) {
			warn(&resp.Diagnostics, "Index not read", "The runtime could not say how the index "+state.address()+" is defined. It stays in the state as it was.", err)
		}
		return
	}
	if !imported && state.Definition.ValueString() != live.Definition {
		warn(&resp.Diagnostics, "Index defined otherwise", "The index "+state.address()+" was replaced outside of Terraform. It is now: "+live.Definition, nil)
	}
	state.flatten(ctx, live, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource: another way to the runtime, other words for the same index, or one that is made anew because
// it is not valid.
func (r *indexResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan indexModel
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, indexTimeout, &resp.Diagnostics)
	defer cancel()
	r.declare(ctx, &plan, (*runtimeapi.Client).PutIndex, "Index not updated", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, indexIdentity, plan.identity())...)
}

// Delete implements resource.Resource. Only the index that the state knows is dropped, not another one that has its name by now.
func (r *indexResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const title = "Index not dropped"
	var state indexModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, indexTimeout, &resp.Diagnostics)
	defer cancel()
	client, err := r.client(ctx, state)
	if err == nil {
		client = client.WithPatience(untilTimeout)
		_, err = client.DeleteIndex(ctx, state.Schema.ValueString(), state.Name.ValueString(), state.Definition.ValueString())
	}
	if err == nil {
		err = r.await(ctx, client, state, func(live runtimeapi.Index) bool { return live.State == runtimeapi.IndexDropping })
	}
	var stopped *stoppedError
	switch {
	case runtimeapi.IsNotFound(err):
	case errors.As(err, &stopped):
		fail(&resp.Diagnostics, title, stopped.Error(), stopped.cause)
	case runtimeapi.IsUnavailable(err):
		fail(&resp.Diagnostics, title, "The runtime does not answer, so whether the index "+state.address()+" is still there is not known. Repair the runtime and try again. "+
			"When runtime and database are gone for good, take the index out of the state with `terraform state rm`.", err)
	case err == nil: // it is there, and nobody drops it any more
		fail(&resp.Diagnostics, title, "The index "+state.address()+" could not be dropped; the next plan shows how it is.", nil)
	default:
		state.blame(err, title, &resp.Diagnostics)
	}
}

// ImportState implements resource.ResourceWithImportState.
func (r *indexResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:     "Index",
		parts:    indexIdentity,
		forms:    []string{`"endpoint/v1/indexes/schema/name?audience=…"`, `"endpoint/v1/indexes/schema/name" when the audience is the endpoint`},
		parse:    parseIndexID,
		fallback: audienceOfIdentity(ctx, req, resp),
	}.run(ctx, req, resp)
}

// client calls the runtime that has the index's database.
func (r *indexResource) client(ctx context.Context, m indexModel) (*runtimeapi.Client, error) {
	return r.clients.Runtime(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
}

// declare tells the runtime what the plan says, and waits until it is so.
func (r *indexResource) declare(ctx context.Context, plan *indexModel,
	put func(*runtimeapi.Client, context.Context, string, string, runtimeapi.IndexSpec) (runtimeapi.Index, error), title string, diags *diag.Diagnostics,
) {
	plan.settle(ctx, *plan, diags)
	spec := plan.expand(ctx, diags)
	if diags.HasError() {
		return
	}
	client, err := r.client(ctx, *plan)
	if err != nil {
		fail(diags, title, "The runtime's control API cannot be called.", err)
		return
	}
	client = client.WithPatience(untilTimeout)
	young := client.WithYoung(time.Now().Add(syncRuntimeYouth)) // the same apply may have made the runtime
	if _, err = put(young, ctx, plan.Schema.ValueString(), plan.Name.ValueString(), spec); err != nil {
		plan.blame(err, title, diags)
		return
	}
	var last runtimeapi.Index
	err = r.await(ctx, client, *plan, func(live runtimeapi.Index) bool {
		last = live
		return live.State == runtimeapi.IndexQueued || live.State == runtimeapi.IndexBuilding
	})
	var stopped *stoppedError
	switch {
	case errors.As(err, &stopped):
		fail(diags, title, stopped.Error()+" It goes on in the runtime: apply again to wait for the rest.", stopped.cause)
	case err != nil:
		plan.blame(err, title, diags)
	case last.State != runtimeapi.IndexValid:
		fail(diags, title, fmt.Sprintf("The index %s was given up, and nothing of it is left: %s.", plan.address(), last.Problem), nil)
	default:
		plan.Definition, plan.Valid = types.StringValue(last.Definition), types.BoolValue(true)
	}
}

// stoppedError says that waiting ended before the index was so.
type stoppedError struct {
	index string
	live  runtimeapi.Index
	cause error
}

func (e *stoppedError) Error() string {
	return fmt.Sprintf("The index %s is %s still. %s", e.index, map[bool]string{true: "being dropped", false: "being made"}[e.live.State == runtimeapi.IndexDropping], told(e.live))
}

// await asks for an index for as long as it is under way, and tells of it in the log.
func (r *indexResource) await(ctx context.Context, client *runtimeapi.Client, m indexModel, underWay func(runtimeapi.Index) bool) error {
	var live runtimeapi.Index
	said := ""
	err := gcp.Poll(ctx, indexEvery, func(ctx context.Context) (bool, error) {
		now, err := client.GetIndex(ctx, m.Schema.ValueString(), m.Name.ValueString())
		if err != nil {
			return false, err
		}
		live = now
		if text := told(live); text != said {
			said = text
			tflog.Info(ctx, text, map[string]any{"index": m.address(), "state": live.State})
		}
		return !underWay(live), nil
	})
	if err != nil && ctx.Err() != nil {
		return &stoppedError{m.address(), live, context.Cause(ctx)}
	}
	return err
}

// told is how far an index is, in words.
func told(live runtimeapi.Index) string {
	p := live.Progress
	if p == nil {
		if live.Problem != "" {
			return upperFirst(live.Problem) + "."
		}
		return map[string]string{runtimeapi.IndexQueued: "It waits for its turn: one index is made at a time.", runtimeapi.IndexValid: "It is valid."}[live.State]
	}
	text := upperFirst(p.Phase)
	if p.Phase == "" {
		text = "It is worked on"
	}
	if p.Total > 0 {
		text += fmt.Sprintf(", %d %% of %d %s", 100*p.Done/p.Total, p.Total, p.Unit)
	}
	if w := p.WaitFor; w != nil {
		text += fmt.Sprintf(", for the session with process id %d", w.PID)
		if w.State != "" {
			text += fmt.Sprintf(" (user %q, application %q, %s, its transaction is %s old)", w.User, w.Application, w.State, time.Duration(w.Seconds*float64(time.Second)).Round(time.Second))
		}
		text += ". End that transaction, or wait for it"
	}
	return text + "."
}
