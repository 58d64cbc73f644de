package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

var (
	_ resource.ResourceWithConfigure      = (*stagingDatasetResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*stagingDatasetResource)(nil)
	_ resource.ResourceWithImportState    = (*stagingDatasetResource)(nil)
	_ resource.ResourceWithIdentity       = (*stagingDatasetResource)(nil)
	_ resource.ResourceWithValidateConfig = (*stagingDatasetResource)(nil)
)

// NewStagingDatasetResource makes the august_staging_dataset resource: a published export in a staging database.
func NewStagingDatasetResource() resource.Resource {
	return &stagingDatasetResource{stagingJob{kind: cloudrun.Dataset, what: "Staging dataset"}}
}

type stagingDatasetResource struct{ stagingJob }

// Metadata implements resource.Resource.
func (r *stagingDatasetResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_staging_dataset"
}

const datasetFailed = "Staging dataset not imported"

// Create implements resource.Resource. After a run that failed there is a job and nothing new in the database; Terraform takes it for
// tainted, and the next apply begins anew.
func (r *stagingDatasetResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan stagingDatasetModel
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, plan.patience(), &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan.stagingJobModel, datasetFailed, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.load(ctx, client, &plan, importNone(), "Nothing in the database has changed.", &resp.Diagnostics) {
		return
	}
	keepBasis(ctx, resp.Private, plan.basisNow(ctx, &resp.Diagnostics), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, stagingJobIdentity, plan.identity())...)
}

// Update implements resource.Resource. After a run that failed staging has the set of before, and so has the state.
func (r *stagingDatasetResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state stagingDatasetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, plan.patience(), &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan.stagingJobModel, datasetFailed, &resp.Diagnostics)
	if r.settleExport(ctx, &plan, &state, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	if !plan.runs(ctx, &state, req.Private, &resp.Diagnostics) {
		plan.importFacts = state.importFacts
		job := r.job(ctx, plan, plan.Export.ValueString(), &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		if err := client.SettleJob(ctx, job, jobProgress(ctx, job)); err != nil {
			r.report(ctx, job, "Staging dataset not updated", "Nothing was to be run.", err, &resp.Diagnostics)
			return
		}
	} else if !r.load(ctx, client, &plan, state.importFacts, "Staging has what it had before.", &resp.Diagnostics) {
		return
	}
	keepBasis(ctx, resp.Private, plan.basisNow(ctx, &resp.Diagnostics), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, stagingJobIdentity, plan.identity())...)
}

// Read implements resource.Resource. What is in the database only the database knows, and nothing of the provider's reaches it: the
// job is looked at.
func (r *stagingDatasetResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state stagingDatasetModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, stagingJobIdentity, state.identity())...)
	ctx, cancel := context.WithTimeout(ctx, stagingPatience)
	defer cancel()
	imported := state.ID.IsNull()
	client, err := r.cloudRun(ctx)
	var live liveJob
	if err == nil {
		live, err = client.GetJob(ctx, state.path())
	}
	switch {
	case imported && err != nil:
		fail(&resp.Diagnostics, "Staging dataset not imported", "The job "+state.path()+" could not be read.", err)
		return
	case imported:
		if !r.imported(ctx, &state, live, &resp.Diagnostics) {
			return
		}
	case isUnknown(err):
		return // the provider cannot be used before this very apply has made what it depends on
	case cloudrun.IsNotFound(err):
		state.Problem = types.StringValue(jobGone)
	case err != nil:
		warn(&resp.Diagnostics, "Staging dataset not checked", "The job "+state.path()+" could not be read. What is known of it stays in the state.", err)
	default:
		export := r.ranLast(live)
		if export == "" {
			export = state.Export.ValueString()
		}
		r.judge(&state.stagingJobModel, live, r.job(ctx, state, export, &resp.Diagnostics), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Delete implements resource.Resource. It deletes the job; the data stays.
func (r *stagingDatasetResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state stagingDatasetModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
		r.delete(ctx, state.stagingJobModel, &resp.Diagnostics)
	}
}

// ImportState implements resource.ResourceWithImportState.
func (r *stagingDatasetResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importState(ctx, req, resp)
}

// settleExport finds out which export is meant, when the plan could not.
func (r *stagingDatasetResource) settleExport(ctx context.Context, plan, state *stagingDatasetModel, diags *diag.Diagnostics) {
	if !plan.Export.IsUnknown() || diags.HasError() {
		return
	}
	if plan.Export = r.newest(ctx, *plan, state, diags); plan.Export.IsUnknown() && !diags.HasError() {
		failAt(diags, path.Root("bucket"), datasetFailed, "Which export is the newest in "+plan.Bucket.ValueString()+" could not be found out. Nothing was run.", nil)
	}
}

// load imports an export. It says whether the job was begun: when not, nothing has changed, and an error says why. When it failed,
// Problem says so, and the state keeps what was there before.
func (r *stagingDatasetResource) load(ctx context.Context, client *cloudrun.Client, plan *stagingDatasetModel, before importFacts, untouched string, diags *diag.Diagnostics) bool {
	if r.settleExport(ctx, plan, nil, diags); diags.HasError() {
		return false
	}
	p, err := r.prove(ctx, *plan)
	if err != nil {
		blameEvidence(err, *plan, datasetFailed, diags)
		return false
	}
	if planned := plan.ManifestSHA256; !planned.IsUnknown() && planned.ValueString() != p.digest {
		failAt(diags, path.Root("export"), datasetFailed, "The manifest of the export "+p.Export+" is not the one that was planned. Nothing was run. Find out who wrote it, and plan again.", nil)
		return false
	}
	if plan.refuseSource(ctx, p, datasetFailed, diags); diags.HasError() {
		return false
	}
	job := r.job(ctx, *plan, p.Export, diags)
	if diags.HasError() {
		return false
	}
	plan.importFacts = flattenImport(p)
	if err := client.Execute(ctx, job, jobProgress(ctx, job)); err != nil {
		problem := r.report(ctx, job, datasetFailed, untouched, err, diags)
		plan.importFacts, plan.Problem = before, stringOrNull(problem)
		return problem != ""
	}
	return true
}

// succeeded is how Cloud Run says that an execution has.
const succeeded = "EXECUTION_SUCCEEDED"

// imported fills a state in from a job. When its last run has not succeeded, nobody knows what is in the database.
func (r *stagingDatasetResource) imported(ctx context.Context, state *stagingDatasetModel, live liveJob, diags *diag.Diagnostics) bool {
	const title = "Staging dataset not imported"
	if !r.kind.Owns(live) {
		fail(diags, title, "The job "+state.path()+" imports no export: it was not made by this resource.", nil)
		return false
	}
	v := state.observe(ctx, live, diags)
	state.Bucket, state.PublicKey, state.importFacts = v.string(envDatasetBucket), v.string(envDatasetKey), importNone()
	if live.LatestCreatedExecution == nil || live.LatestCreatedExecution.CompletionStatus != succeeded {
		return true
	}
	state.Export = stringOrNull(r.ranLast(live))
	p, err := r.prove(ctx, *state)
	switch {
	case err == nil:
		state.importFacts = flattenImport(p)
	case isAbsent(err):
		state.importFacts = importNone() // nobody can say any more what that was
	default:
		fail(diags, title, "The evidence of its export "+state.Export.ValueString()+" in "+state.Bucket.ValueString()+" could not be read.", err)
		return false
	}
	return true
}
