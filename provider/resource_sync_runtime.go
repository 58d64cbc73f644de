package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// The start-up probe gives a revision two minutes; pulling the image and moving traffic take one or two more, and
// another deployment of the same service may have to end first.
const syncRuntimeTimeout = 15 * time.Minute

var (
	_ resource.ResourceWithConfigure      = (*syncRuntimeResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*syncRuntimeResource)(nil)
	_ resource.ResourceWithImportState    = (*syncRuntimeResource)(nil)
	_ resource.ResourceWithIdentity       = (*syncRuntimeResource)(nil)
	_ resource.ResourceWithValidateConfig = (*syncRuntimeResource)(nil)
)

// NewSyncRuntimeResource makes the august_sync_runtime resource: the sync runtime as a Cloud Run service.
func NewSyncRuntimeResource() resource.Resource { return &syncRuntimeResource{} }

type syncRuntimeResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *syncRuntimeResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_sync_runtime"
}

var syncRuntimeIdentity = []string{"project", "location", "name"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *syncRuntimeResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"project":  identityschema.StringAttribute{Description: "Project of the service; the provider's when left out.", OptionalForImport: true},
			"location": identityschema.StringAttribute{Description: "Region of the service; the provider's when left out.", OptionalForImport: true},
			"name":     identityschema.StringAttribute{Description: "Name of the service.", RequiredForImport: true},
		},
	}
}

// Create implements resource.Resource. It ends with a service that is ready, or with none: Terraform would mark a
// half-made one as tainted, and the next apply would delete it first.
func (r *syncRuntimeResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const title = "Sync runtime not deployed"
	var plan syncRuntimeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, syncRuntimeTimeout, &resp.Diagnostics)
	defer cancel()
	client, spec := r.prepare(ctx, &plan, nil, title, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	how := r.rollout(ctx, plan, spec, &resp.Diagnostics)
	if r.migrate(ctx, client, spec, how, &plan, nil, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	live, adopted, err := client.Create(ctx, spec, how)
	var (
		leftover  *cloudrun.LeftoverError
		undone    *cloudrun.UndoneError
		taken     *cloudrun.TakenError
		overtaken *cloudrun.OvertakenError
	)
	forget := func() { // a job for a service that is not there
		if plan.migratesByJob() {
			deleteMigrations(ctx, client, plan, &resp.Diagnostics)
		}
	}
	switch {
	case errors.As(err, &taken):
		failAt(&resp.Diagnostics, path.Root("name"), title, "There is a service "+spec.Path()+" already, and this provider did not make it. "+
			"Import it with `terraform import`, choose another name, or delete it.", nil)
		return
	case errors.As(err, &leftover):
		fail(&resp.Diagnostics, title, "The first revision of "+spec.Path()+" did not get through, and what was made could not be deleted again. "+
			"The next apply takes it over and goes on from there.", err)
		return
	case err != nil && adopted:
		fail(&resp.Diagnostics, title, "The service "+spec.Path()+" was there already, made by this provider, and was to be taken over; but it could not be brought into line. "+
			stays(err)+"Remove the cause and apply again.", err)
		return
	case errors.As(err, &undone):
		// What errors of this kind call for elsewhere is about something that goes on, and nothing does here.
		fail(&resp.Diagnostics, title, undoneDetail(spec.Path(), err)+"\n\nError: "+err.Error(), nil)
		forget()
		return
	case errors.As(err, &overtaken):
		fail(&resp.Diagnostics, title, "Somebody else changed the service "+spec.Path()+" while its first revision was started, so it stays as they have it. "+
			"If it is to be managed here, apply again: the next apply takes it over.", err)
		return
	case err != nil:
		fail(&resp.Diagnostics, title, "The service "+spec.Path()+" could not be created. "+
			"Should Cloud Run have made it all the same, the next apply takes it over.", err)
		forget()
		return
	}
	if adopted {
		warn(&resp.Diagnostics, "Service taken over", "The service "+spec.Path()+" was there already, made by this provider, as after an apply that was cut short. "+
			"It has been brought into line and is managed here from now on.", nil)
	}
	r.save(ctx, &plan, live, &resp.State, resp.Identity, &resp.Diagnostics)
}

func undoneDetail(service string, err error) string {
	when, then := "", "Remove the cause and apply again."
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		when, then = " in the time that timeouts.create allows", "Remove the cause or allow more time, and apply again."
	case errors.Is(err, context.Canceled):
		when, then = " before the run was interrupted", "Apply again."
	}
	what := " did not become ready"
	var failed *cloudrun.CheckError
	if errors.As(err, &failed) {
		what = fmt.Sprintf(" failed the check %q", failed.Check)
	}
	return "The first revision of " + service + what + when + ", so the service was deleted again and nothing is left behind. " + then
}

// Read implements resource.Resource.
func (r *syncRuntimeResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state syncRuntimeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// First of all, and also for a service that is gone: Terraform before 1.12 keeps no identity to fall back on.
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, syncRuntimeIdentity, state.identity())...)
	kept := recall(ctx, resp.Private, &resp.Diagnostics)
	applies, err := r.refresh(ctx, &state, kept, &resp.Diagnostics)
	if cloudrun.IsNotFound(err) {
		tflog.Debug(ctx, "the service is gone", map[string]any{"service": state.servicePath()})
		resp.State.RemoveResource(ctx)
		return
	}
	if isUnknown(err) && !state.ID.IsNull() {
		return // the provider cannot be used before this very apply has made what it depends on
	}
	if err != nil {
		fail(&resp.Diagnostics, "Sync runtime not read", "The service "+state.servicePath()+" could not be read. It stays in the state as it was.", err)
		return
	}
	if kept != nil && !applies {
		remember(ctx, resp.Private, nil, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *syncRuntimeResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const title = "Sync runtime not updated"
	var plan, state syncRuntimeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	whole := ctx
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, syncRuntimeTimeout, &resp.Diagnostics)
	defer cancel()
	client, spec := r.prepare(ctx, &plan, &state, title, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	how := r.rollout(ctx, plan, spec, &resp.Diagnostics)
	if r.migrate(ctx, client, spec, how, &plan, &state, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	live, err := client.Update(ctx, spec, droppedLabels(plan.Labels, state.Labels), how)
	if err == nil {
		remember(ctx, resp.Private, nil, &resp.Diagnostics)
		r.save(ctx, &plan, live, &resp.State, resp.Identity, &resp.Diagnostics)
		return
	}
	failUpdate(&resp.Diagnostics, title, spec, err)
	kept := failureOf(err)
	if kept == nil {
		kept = recall(ctx, resp.Private, &resp.Diagnostics)
	}
	remember(ctx, resp.Private, kept, &resp.Diagnostics)
	// What is there now is neither what was nor what was planned, so the state is read anew. The time for the update
	// may be what ran out.
	after, cancel := context.WithTimeout(context.WithoutCancel(whole), time.Minute)
	defer cancel()
	keep := plan
	keep.Labels = mapsTogether(state.Labels, plan.Labels) // those to be dropped may still be there, and are then still ours to drop
	keep.keepShape(after, state, &resp.Diagnostics)
	if _, err := r.refresh(after, &keep, kept, &resp.Diagnostics); err == nil {
		resp.Diagnostics.Append(resp.State.Set(ctx, keep)...)
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, syncRuntimeIdentity, state.identity())...)
}

// Delete implements resource.Resource.
func (r *syncRuntimeResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const title = "Sync runtime not deleted"
	var state syncRuntimeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || state.refuseDeletion(&resp.Diagnostics) {
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, syncRuntimeTimeout, &resp.Diagnostics)
	defer cancel()
	client, err := r.client(ctx)
	if err == nil && state.migratesByJob() { // first, since a service that is gone leaves the state
		err = client.DeleteJob(ctx, state.migrationsPath(), cloudrun.Migrations)
	}
	if err == nil {
		err = client.Delete(ctx, state.servicePath(), nil)
	}
	if err != nil {
		fail(&resp.Diagnostics, title, "The service "+state.servicePath()+" could not be deleted.", err)
	}
}

// ImportState implements resource.ResourceWithImportState.
func (r *syncRuntimeResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  "Sync runtime",
		parts: syncRuntimeIdentity,
		forms: []string{`"project/location/name"`, `"name"`, `"projects/project/locations/location/services/name"`},
		parse: parseServiceID,
		fallback: func(part string) (string, error) {
			switch part {
			case "project":
				return r.clients.Project()
			case "location":
				return r.clients.Region()
			}
			return "", nil
		},
	}.run(ctx, req, resp)
}

func (r *syncRuntimeResource) client(ctx context.Context) (*cloudrun.Client, error) {
	api, err := r.clients.CloudRun(ctx)
	if err != nil {
		return nil, err
	}
	return cloudrun.New(api), nil
}

// prepare finds out what the plan could not, holds the pool against the instance, and turns the plan into a spec.
func (r *syncRuntimeResource) prepare(ctx context.Context, plan, state *syncRuntimeModel, title string, diags *diag.Diagnostics) (*cloudrun.Client, cloudrun.Spec) {
	client, err := r.client(ctx)
	if err != nil {
		fail(diags, title, "The Cloud Run Admin API cannot be called.", err)
		return nil, cloudrun.Spec{}
	}
	r.place(plan, title, diags)
	live := r.locateDatabase(ctx, plan, nil, true, diags)
	if !diags.HasError() {
		r.checkBudgetAtApply(ctx, plan, state, live, diags)
	}
	if diags.HasError() {
		return nil, cloudrun.Spec{}
	}
	r.settlePubSub(ctx, plan, diags)
	r.settleAudit(ctx, plan, diags)
	r.settleAdvice(ctx, plan, diags)
	if r.checkPubSub(ctx, *plan, true, diags); diags.HasError() {
		return nil, cloudrun.Spec{}
	}
	plan.settleNames()
	spec := plan.expand(ctx, diags)
	plan.expandShape(ctx, state, &spec, diags)
	return client, spec
}

// save writes what was planned to the state, with what only the service knows. What the plan knows stays as planned,
// which Terraform insists on.
func (r *syncRuntimeResource) save(ctx context.Context, plan *syncRuntimeModel, live *run.GoogleCloudRunV2Service,
	state *tfsdk.State, identity *tfsdk.ResourceIdentity, diags *diag.Diagnostics,
) {
	if plan.URI.IsUnknown() {
		plan.settleURI(types.StringValue(live.Uri))
	}
	if plan.Revision.IsUnknown() {
		plan.Revision = types.StringValue(cloudrun.Revision(live))
	}
	plan.Ready, plan.Problem = types.BoolValue(true), types.StringNull()
	diags.Append(state.Set(ctx, *plan)...)
	diags.Append(setIdentity(ctx, identity, syncRuntimeIdentity, plan.identity())...)
}

// refresh brings the model up to date with the service. A failure that is kept of a revision is told when it applies.
func (r *syncRuntimeResource) refresh(ctx context.Context, m *syncRuntimeModel, kept *failure, diags *diag.Diagnostics) (applies bool, err error) {
	client, err := r.client(ctx)
	if err != nil {
		return false, err
	}
	live, err := client.Get(ctx, m.servicePath())
	if err != nil {
		return false, err
	}
	m.flatten(ctx, live, diags)
	return m.judge(live, kept, func() string { return client.Cause(ctx, live) }), nil
}

func progressOf(ctx context.Context, spec cloudrun.Spec) cloudrun.Progress {
	return func(what string, waited time.Duration) {
		tflog.Info(ctx, "rolling out", map[string]any{
			"service": spec.Path(), "what": what, "waited": waited.Round(time.Second).String(),
		})
	}
}
