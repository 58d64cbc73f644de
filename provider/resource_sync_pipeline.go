package provider

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	// A declaration is one small call; the time is for a runtime that is just starting.
	syncPipelineTimeout = 2 * time.Minute
	// A plan must not hang on a runtime that is not there.
	syncPipelinePatience = 8 * time.Second
	// The runtime gives Coda eight seconds, and may have to be started for the question.
	syncPipelineCheckTime = 20 * time.Second
	// A service that is just being deployed may take a while to answer; what ends the trying is the resource's timeout,
	// which every context has.
	untilTimeout = 24 * time.Hour
	// The same apply may have made the service; its address answers to everybody only a while after that.
	syncRuntimeYouth = time.Minute
)

var (
	_ resource.ResourceWithConfigure      = (*syncPipelineResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*syncPipelineResource)(nil)
	_ resource.ResourceWithImportState    = (*syncPipelineResource)(nil)
	_ resource.ResourceWithIdentity       = (*syncPipelineResource)(nil)
	_ resource.ResourceWithValidateConfig = (*syncPipelineResource)(nil)
)

// NewSyncPipelineResource makes the august_sync_pipeline resource: one pipeline of a runtime.
func NewSyncPipelineResource() resource.Resource { return &syncPipelineResource{} }

type syncPipelineResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *syncPipelineResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_sync_pipeline"
	// The endpoint is part of the identity, and may change while the pipeline stays in its database.
	resp.ResourceBehavior.MutableIdentity = true
}

// Schema implements resource.Resource.
func (r *syncPipelineResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	required := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Required: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Declares one pipeline of a sync runtime: what it syncs, when, and what of it goes to Coda. " +
			"Creating it starts a first full sync, which goes on after the apply has ended. " +
			"Deleting it ends the syncing and keeps the data.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				MarkdownDescription: "Address of the pipeline, `{endpoint}/v1/pipelines/{name}`.",
				Computed:            true,
			},
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`. " +
					"A new address of the same runtime is an update in place. A pipeline that moves to another runtime is declared there, and goes on at the first one too until it is deleted there.",
				Required:   true,
				Validators: []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true,
				Computed:            true,
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the pipeline on its runtime: up to 63 lower-case letters, digits and hyphens, starting with a letter.",
				Required:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"dataset": required("What is synced from DrChrono. `billing`: visits, line items, transactions, payments, payers' checks and eligibility, and the claims that follow from them. " +
				"`labs`: orders, tests, documents and results, and the review queue of abnormal results that follows from them. `appointments` and `patients`: only those. " +
				"A runtime has one enabled pipeline of each dataset."),
			"schedule": schema.StringAttribute{
				MarkdownDescription: "When it is synced, as a cron expression of five fields in UTC, such as `*/15 * * * *`. Left out, only on request.",
				Optional:            true,
			},
			"reconcile": schema.SingleNestedAttribute{
				MarkdownDescription: "When the tables are compared with DrChrono, row by row. Each comparison reads everything, which takes as many calls as a full sync: " +
					"it takes what syncs leave of each hour, and goes on in the next until it is done. It waits for a sync that is under way, and a sync that is due meanwhile follows on it. " +
					"The data source `august_sync_status` shows what it found. Left out, only on request.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"schedule": required("A cron expression of five fields in UTC, such as `0 4 * * 0`."),
					"repair": schema.BoolAttribute{
						MarkdownDescription: "Whether the rows that differ are written, and those that are gone are marked as deleted. Otherwise they are only counted. Default: `false`.",
						Optional:            true,
						Computed:            true,
						Default:             booldefault.StaticBool(false),
					},
				},
			},
			"paused": schema.BoolAttribute{
				MarkdownDescription: "Whether the pipeline rests. It keeps what it has, and goes on from there. Default: `false`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			"webhook_events": schema.SetAttribute{
				MarkdownDescription: "Events of DrChrono that the pipeline applies as they come, such as `APPOINTMENT_MODIFY`. " +
					"Deliveries of other events are kept for a while and change nothing; what they are about comes with the next sync.",
				Optional:    true,
				ElementType: types.StringType,
				Validators:  []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()},
			},
			"status_overrides": schema.MapAttribute{
				MarkdownDescription: "Claim state for billing statuses that this practice has made up itself: billing status to state, one of " + codeList(runtimeapi.ClaimStates()) + ". " +
					"Case, spaces and apostrophes of a status make no difference.",
				Optional:    true,
				ElementType: types.StringType,
				Validators:  []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()},
			},
			"coda_views": schema.MapNestedAttribute{
				MarkdownDescription: "Views of the dataset that are kept up to date in Coda, by name of the view. " +
					"`billing` has `billing_summary`, claims counted and summed per month, status and payer; `billing_day`, the same per status, payer and provider at the end of the newest day; " +
					"and `billing_mismatches`, open mismatches counted by month first seen, reason and severity: nothing in them identifies a patient, and groups that are too small are withheld. " +
					"`labs` has `abnormal_results`, results that wait for a clinician, a row each, without the patient or the value. " +
					"Whether doc, table and columns are there and fit is looked up in Coda, through the runtime: with the plan when the runtime is there already, and with the apply before anything is declared. " +
					"A table takes the rows of one view only, and rows in it whose key starts with `august/` belong to the runtime.",
				Optional:   true,
				Validators: []validator.Map{mapvalidator.SizeAtLeast(1)},
				NestedObject: schema.NestedAttributeObject{
					Attributes: map[string]schema.Attribute{
						"doc_id":     required("Id of the Coda doc: what follows `_d` in its address."),
						"table_id":   required("Id of the base table that takes the rows, such as `grid-AbCdEf`."),
						"key_column": required("Id of the text column that holds the row's key, such as `c-AbCdEf`."),
						"columns": schema.MapAttribute{
							MarkdownDescription: "Which field of the view goes to which column: field to column id, such as `c-AbCdEf`. " +
								fieldsOfViews(),
							Required:    true,
							ElementType: types.StringType,
							Validators:  []validator.Map{mapvalidator.NoNullValues()},
						},
						"phi_columns": schema.SetAttribute{
							MarkdownDescription: "Fields among `columns` that may go to Coda although they tell something of a patient. Such a field is refused unless it is named here. " +
								"Naming one states that Coda has signed a business associate agreement (BAA) for the workspace, which it does for Enterprise customers only, and that its conditions are met; " +
								"the agreement leaves out Packs. " + fieldsToName(),
							Optional:    true,
							ElementType: types.StringType,
							Validators:  []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()},
						},
					},
				},
			},
			"generation": schema.Int64Attribute{
				MarkdownDescription: "How often the declaration has changed, counting the first.",
				Computed:            true,
			},
			"timeouts": timeoutsAttribute(ctx, syncPipelineTimeout, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

var syncPipelineIdentity = []string{"endpoint", "audience", "name"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *syncPipelineResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"endpoint": identityschema.StringAttribute{Description: "Address of the runtime.", RequiredForImport: true},
			"audience": identityschema.StringAttribute{Description: "Audience of the runtime's control API; the endpoint when left out.", OptionalForImport: true},
			"name":     identityschema.StringAttribute{Description: "Name of the pipeline.", RequiredForImport: true},
		},
	}
}

// ValidateConfig implements resource.ResourceWithValidateConfig. The runtime's own rules decide, and leave alone what is
// not known yet.
func (r *syncPipelineResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config syncPipelineModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !config.Name.IsUnknown() {
		if problem := runtimeapi.ValidateName(config.Name.ValueString()); problem != nil {
			config.report(ctx, *problem, &resp.Diagnostics)
		}
	}
	for _, problem := range config.expand(ctx, &resp.Diagnostics).Validate() {
		config.report(ctx, problem, &resp.Diagnostics)
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan.
func (r *syncPipelineResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	config, plan, state := planning[syncPipelineModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settle(config)
	plan.Generation = types.Int64Unknown()
	if state != nil && plan.sameDeclaration(*state) {
		plan.Generation = state.Generation
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || !plan.CodaViews.Equal(state.CodaViews) || !plan.Name.Equal(state.Name) || !plan.Endpoint.Equal(state.Endpoint) {
		r.checkViews(ctx, plan, &resp.Diagnostics)
	}
}

// checkViews has the runtime look at the Coda tables of views that are new or changed: it has the token. A plan goes on
// when it cannot; the runtime looks again before it takes the declaration.
func (r *syncPipelineResource) checkViews(ctx context.Context, plan syncPipelineModel, diags *diag.Diagnostics) {
	for _, v := range []attr.Value{plan.Endpoint, plan.Audience, plan.Name, plan.Dataset, plan.Schedule, plan.Reconcile, plan.Paused, plan.WebhookEvents, plan.StatusOverrides, plan.CodaViews} {
		if !whollyKnown(v) { // as is the endpoint of a runtime that is yet to be made
			return
		}
	}
	if len(plan.CodaViews.Elements()) == 0 {
		return
	}
	const unchecked, hint = "Coda views not checked", "Whether the Coda tables of the pipeline fit could not be found out now. The apply finds out before it declares anything."
	ctx, cancel := context.WithTimeout(ctx, syncPipelineCheckTime)
	defer cancel()
	client, err := r.client(ctx, plan)
	if err != nil {
		if !isUnknown(err) {
			warn(diags, unchecked, hint, err)
		}
		return
	}
	check, err := client.WithPatience(0).Check(ctx, plan.Name.ValueString(), plan.expand(ctx, diags).PipelineSpec)
	if err != nil {
		warn(diags, unchecked, hint, err)
		return
	}
	for _, f := range check.Findings {
		at, _ := plan.pathOf(ctx, f.Field)
		if f.Code == runtimeapi.CodeUnavailable {
			warnAt(diags, at, unchecked, sentence(f)+" "+hint, nil)
			continue
		}
		failAt(diags, at, "Pipeline not valid", sentence(f), nil)
	}
}

// Create implements resource.Resource. A pipeline of that name that is declared otherwise belongs to somebody else, and is
// not overwritten; one that is declared just so is taken over, as after an apply that was cut short.
func (r *syncPipelineResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan syncPipelineModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, syncPipelineTimeout, &resp.Diagnostics)
	defer cancel()
	if r.refuseTaken(ctx, plan, "Pipeline not created", &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	r.declare(ctx, &plan, (*runtimeapi.Client).CreatePipeline, "Pipeline not created", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, syncPipelineIdentity, plan.identity())...)
}

// Read implements resource.Resource. A runtime that cannot be asked leaves the pipeline in the state: it may be the very
// thing that the apply is about to repair.
func (r *syncPipelineResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state syncPipelineModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// The identity is set whatever comes of the read: Terraform wants it even for what is gone.
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, syncPipelineIdentity, state.identity())...)
	imported := state.Generation.IsNull()
	client, err := r.client(ctx, state)
	var live runtimeapi.Pipeline
	if err == nil {
		live, err = r.clients.pipelines.get(ctx, client.WithPatience(syncPipelinePatience), state.runtime(), state.Name.ValueString())
	}
	switch {
	case runtimeapi.IsNotFound(err):
		tflog.Debug(ctx, "the pipeline is gone", map[string]any{"pipeline": state.address()})
		resp.State.RemoveResource(ctx)
		return
	case err != nil && imported:
		fail(&resp.Diagnostics, "Pipeline not imported", "The pipeline "+state.address()+" could not be read.", err)
		return
	case err != nil:
		if !isUnknown(err) {
			warn(&resp.Diagnostics, "Pipeline not read",
				"The runtime could not say how the pipeline "+state.address()+" is declared. It stays in the state as it was.", err)
		}
		return
	}
	state.flatten(ctx, live, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *syncPipelineResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan syncPipelineModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, syncPipelineTimeout, &resp.Diagnostics)
	defer cancel()
	r.declare(ctx, &plan, (*runtimeapi.Client).PutPipeline, "Pipeline not updated", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, syncPipelineIdentity, plan.identity())...)
}

// Delete implements resource.Resource.
func (r *syncPipelineResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const title = "Pipeline not deleted"
	var state syncPipelineModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, syncPipelineTimeout, &resp.Diagnostics)
	defer cancel()
	client, err := r.client(ctx, state)
	if err == nil {
		defer r.clients.pipelines.forget(state.runtime())
		err = client.WithPatience(untilTimeout).DeletePipeline(ctx, state.Name.ValueString())
	}
	switch {
	case err == nil || runtimeapi.IsNotFound(err):
	case runtimeapi.IsUnavailable(err):
		fail(&resp.Diagnostics, title, "The runtime does not answer, so whether the pipeline "+state.address()+" still runs is not known. "+
			"Repair the runtime and try again. When runtime and database are gone for good, nothing is left to delete: "+
			"take the pipeline out of the state with `terraform state rm`.", err)
	default:
		fail(&resp.Diagnostics, title, "The pipeline "+state.address()+" could not be deleted.", err)
	}
}

// ImportState implements resource.ResourceWithImportState.
func (r *syncPipelineResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:     "Pipeline",
		parts:    syncPipelineIdentity,
		forms:    []string{`"endpoint/v1/pipelines/name?audience=…"`, `"endpoint/v1/pipelines/name" when the audience is the endpoint`},
		parse:    parsePipelineID,
		fallback: audienceOfIdentity(ctx, req, resp),
	}.run(ctx, req, resp)
}

// client calls the runtime that the pipeline is on.
func (r *syncPipelineResource) client(ctx context.Context, m syncPipelineModel) (*runtimeapi.Client, error) {
	return r.clients.Runtime(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
}

// declare tells the runtime what the plan says, and reads it back.
func (r *syncPipelineResource) declare(ctx context.Context, plan *syncPipelineModel,
	put func(*runtimeapi.Client, context.Context, string, runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error), title string, diags *diag.Diagnostics,
) {
	plan.settle(*plan)
	spec := plan.expand(ctx, diags)
	if diags.HasError() {
		return
	}
	client, err := r.client(ctx, *plan)
	if err != nil {
		fail(diags, title, "The runtime's control API cannot be called.", err)
		return
	}
	defer r.clients.pipelines.forget(plan.runtime())
	name := plan.Name.ValueString()
	patient := client.WithPatience(untilTimeout)
	if _, err := put(patient, ctx, name, spec.PipelineSpec); err != nil {
		plan.blame(ctx, err, title, diags)
		return
	}
	live, err := patient.GetPipeline(ctx, name)
	if err != nil {
		fail(diags, title, "The runtime took the declaration of "+plan.address()+", and could not say it back.", err)
		return
	}
	if differ := spec.differences(live.Spec); differ != "" {
		fail(diags, title, "The runtime holds another declaration of "+plan.address()+" than it was given: "+differ+
			". Something else declares the same pipeline; give one of them another name.", nil)
		return
	}
	if plan.Generation.IsUnknown() {
		plan.Generation = types.Int64Value(live.Generation)
	}
}

// codeList is names as a description lists them.
func codeList(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// fieldsOfViews lists what can be shown in Coda.
func fieldsOfViews() string {
	var all []string
	for _, dataset := range slices.Sorted(maps.Keys(runtimeapi.ViewFields)) {
		for _, view := range slices.Sorted(maps.Keys(runtimeapi.ViewFields[dataset])) {
			all = append(all, "Fields of `"+view+"` (dataset `"+dataset+"`): "+codeList(runtimeapi.ViewFields[dataset][view])+".")
		}
	}
	return strings.Join(all, " ")
}

// fieldsToName lists what phi_columns is for.
func fieldsToName() string {
	var all []string
	for _, views := range runtimeapi.ViewFields {
		for view, fields := range views {
			phi := slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return runtimeapi.FieldOf(view, field).PHI == "" })
			if len(phi) > 0 {
				all = append(all, "Of `"+view+"`, such fields are "+codeList(phi)+".")
			}
		}
	}
	slices.Sort(all)
	return strings.Join(append(all, "Of other views, none is."), " ")
}

// refuseTaken looks for a pipeline that has the name already.
func (r *syncPipelineResource) refuseTaken(ctx context.Context, plan syncPipelineModel, title string, diags *diag.Diagnostics) {
	plan.settle(plan)
	client, err := r.client(ctx, plan)
	if err != nil {
		fail(diags, title, "The runtime's control API cannot be called.", err)
		return
	}
	client = client.WithPatience(untilTimeout).WithYoung(time.Now().Add(syncRuntimeYouth))
	live, err := client.GetPipeline(ctx, plan.Name.ValueString())
	switch {
	case runtimeapi.IsNotFound(err):
	case err != nil:
		plan.blame(ctx, err, title, diags)
	default:
		if differ := plan.expand(ctx, diags).differences(live.Spec); differ != "" {
			failAt(diags, path.Root("name"), title, "The runtime has a pipeline "+plan.Name.ValueString()+" already, with another declaration ("+differ+
				"). Choose another name; or, when it is to be managed here, import it with the id "+strconv.Quote(plan.importID())+".", nil)
		}
	}
}
