package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

var (
	_ resource.ResourceWithConfigure      = (*stagingAnonymizationResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*stagingAnonymizationResource)(nil)
	_ resource.ResourceWithImportState    = (*stagingAnonymizationResource)(nil)
	_ resource.ResourceWithIdentity       = (*stagingAnonymizationResource)(nil)
	_ resource.ResourceWithValidateConfig = (*stagingAnonymizationResource)(nil)
)

// NewStagingAnonymizationResource makes the august_staging_anonymization resource: production's data in a bucket, anonymised, with
// evidence.
func NewStagingAnonymizationResource() resource.Resource {
	return &stagingAnonymizationResource{stagingJob{kind: cloudrun.Anonymization, what: "Staging anonymization"}}
}

type stagingAnonymizationResource struct{ stagingJob }

// Metadata implements resource.Resource.
func (r *stagingAnonymizationResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_staging_anonymization"
}

const anonymizationFailed = "Anonymised export not published"

// Create implements resource.Resource. After a run that failed there is a job without evidence; Terraform takes it for tainted, and
// the next apply begins anew.
func (r *stagingAnonymizationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan stagingAnonymizationModel
	if resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...); resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, plan.patience(), &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan.stagingJobModel, anonymizationFailed, &resp.Diagnostics)
	if plan.settle(plan.known()); resp.Diagnostics.HasError() {
		return
	}
	plan.exportFacts = exportNone()
	if !r.export(ctx, client, &plan, "Nothing was published.", &resp.Diagnostics) {
		return
	}
	if !plan.Export.IsNull() {
		keepBasis(ctx, resp.Private, plan.basis(ctx, &resp.Diagnostics), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, stagingJobIdentity, plan.identity())...)
}

// Update implements resource.Resource. When there is no export of these arguments, one is made; else only the job is brought into
// line. After a run that failed the evidence of before stays in the state, and the next plan runs again.
func (r *stagingAnonymizationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state stagingAnonymizationModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, plan.patience(), &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan.stagingJobModel, anonymizationFailed, &resp.Diagnostics)
	if plan.settle(plan.known()); resp.Diagnostics.HasError() {
		return
	}
	runs := plan.runs(ctx, &state, req.Private, &resp.Diagnostics)
	before := state.basisOf(ctx, req.Private, &resp.Diagnostics)
	plan.exportFacts = state.exportFacts
	if !runs {
		job := r.job(ctx, plan, state.Export.ValueString(), &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		if err := client.SettleJob(ctx, job, jobProgress(ctx, job)); err != nil {
			r.report(ctx, job, "Staging anonymization not updated", "Nothing was to be run.", err, &resp.Diagnostics)
			return
		}
	} else if !r.export(ctx, client, &plan, "Nothing was published, and the evidence of before stays as it was.", &resp.Diagnostics) {
		return
	}
	if plan.Problem.IsNull() {
		before = plan.basis(ctx, &resp.Diagnostics)
		plan.comparesSigner(state, &resp.Diagnostics)
	}
	keepBasis(ctx, resp.Private, before, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, stagingJobIdentity, plan.identity())...)
}

// Read implements resource.Resource. The job and the manifest are looked at; what cannot be reached is warned of, and stays.
func (r *stagingAnonymizationResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const title = "Staging anonymization not checked"
	var state stagingAnonymizationModel
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
		fail(&resp.Diagnostics, "Staging anonymization not imported", "The job "+state.path()+" could not be read.", err)
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
		warn(&resp.Diagnostics, title, "The job "+state.path()+" could not be read. What is known of it stays in the state.", err)
	default:
		r.see(ctx, &state, live, &resp.Diagnostics)
	}
	if !imported && !state.Export.IsNull() {
		r.verify(ctx, &state, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Delete implements resource.Resource. It deletes the job, and no export.
func (r *stagingAnonymizationResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state stagingAnonymizationModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
		r.delete(ctx, state.stagingJobModel, &resp.Diagnostics)
	}
}

// ImportState implements resource.ResourceWithImportState. A job does not know which runtime its policy was checked with, nor what
// triggered it.
func (r *stagingAnonymizationResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importState(ctx, req, resp)
}

// known is the audience that a plan names, when it does.
func (m stagingAnonymizationModel) known() types.String {
	if m.Audience.IsUnknown() {
		return types.StringNull()
	}
	return m.Audience
}

// export makes an export and takes its evidence. It says whether the job was begun: when not, nothing has changed, and an error
// says why. When it failed, Problem says so.
func (r *stagingAnonymizationResource) export(ctx context.Context, client *cloudrun.Client, plan *stagingAnonymizationModel, untouched string, diags *diag.Diagnostics) bool {
	if r.checkAtApply(ctx, *plan, anonymizationFailed, diags); diags.HasError() {
		return false
	}
	b, err := r.clients.Bucket(ctx, plan.Bucket.ValueString())
	if err == nil {
		_, err = newestExport(ctx, b) // evidence that cannot be read afterwards would be lost
	}
	if err != nil {
		failAt(diags, path.Root("bucket"), anonymizationFailed, "The bucket "+plan.Bucket.ValueString()+" cannot be read, so that the evidence could not be either. Nothing was run. Reading takes roles/storage.objectViewer.", err)
		return false
	}
	export := evidence.NewName(time.Now())
	job := r.job(ctx, *plan, export, diags)
	if diags.HasError() {
		return false
	}
	if err := client.Execute(ctx, job, jobProgress(ctx, job)); err != nil {
		problem := r.report(ctx, job, anonymizationFailed, untouched, err, diags)
		plan.Problem = stringOrNull(problem)
		return problem != ""
	}
	proof, err := prove(ctx, b, export, nil)
	if err != nil {
		failAt(diags, path.Root("bucket"), "Evidence not verified", "The job has ended well, and the manifest of the export "+export+" in "+plan.Bucket.ValueString()+" could not be verified. "+
			"Do not use the export. Apply again to make another one.", err)
		plan.Problem = types.StringValue("The last export, " + export + ", has evidence that could not be verified.")
		return true
	}
	if p := expandPolicy(ctx, plan.Policy, diags); p != nil && p.Hash() != proof.PolicyHash {
		failAt(diags, path.Root("policy"), "Evidence not verified", "The export "+export+" was made by another policy than was asked for: the job's image is of another version of this product than the provider. Deploy the image that august_runtime_image packs.", nil)
		plan.Problem = types.StringValue("The last export, " + export + ", was made by another policy.")
		return true
	}
	plan.exportFacts = flattenExport(ctx, proof, diags)
	return true
}

// comparesSigner warns of evidence that another key has signed than the evidence before it, from the same secret. Who may write to the
// bucket can put a manifest of his own in place of the job's; and staging is to trust the key that is in the state.
func (m stagingAnonymizationModel) comparesSigner(before stagingAnonymizationModel, diags *diag.Diagnostics) {
	if before.PublicKey.IsNull() || m.PublicKey.Equal(before.PublicKey) || !m.SigningKeySecret.Equal(before.SigningKeySecret) {
		return
	}
	warnAt(diags, path.Root("signing_key_secret"), "Signed by another key", "The export "+m.Export.ValueString()+" is signed by another key than "+before.Export.ValueString()+" was, and the state has that key now. "+
		"Unless the secret "+m.SigningKeySecret.ValueString()+" has a new version, somebody else has written the manifest: let staging import nothing, and find out who can write to "+m.Bucket.ValueString()+".", nil)
}

// imported fills a state in from a job.
func (r *stagingAnonymizationResource) imported(ctx context.Context, state *stagingAnonymizationModel, live liveJob, diags *diag.Diagnostics) bool {
	const title = "Staging anonymization not imported"
	if !r.kind.Owns(live) {
		fail(diags, title, "The job "+state.path()+" exports nothing anonymised: it was not made by this resource.", nil)
		return false
	}
	state.exportFacts = exportNone()
	state.observe(ctx, live, diags)
	export := r.ranLast(live)
	b, err := r.clients.Bucket(ctx, state.Bucket.ValueString())
	var found proof
	if err == nil {
		found, err = prove(ctx, b, export, nil)
	}
	switch {
	case isAbsent(err): // the last run has failed
	case err != nil:
		fail(diags, title, "The evidence of its export "+export+" in "+state.Bucket.ValueString()+" could not be read.", err)
		return false
	default:
		state.exportFacts = flattenExport(ctx, found, diags)
	}
	return true
}

// see compares the job with what it should be. What an apply has said of a run that failed stays until the next one.
func (r *stagingAnonymizationResource) see(ctx context.Context, state *stagingAnonymizationModel, live liveJob, diags *diag.Diagnostics) {
	export := r.ranLast(live)
	if export == "" {
		export = state.Export.ValueString()
	}
	r.judge(&state.stagingJobModel, live, r.job(ctx, *state, export, diags), diags)
}

// verify looks whether the manifest is as it was.
func (r *stagingAnonymizationResource) verify(ctx context.Context, state *stagingAnonymizationModel, diags *diag.Diagnostics) {
	export := state.Export.ValueString()
	key, err := evidence.ParsePublicKey([]byte(state.PublicKey.ValueString()))
	var b bucket.Bucket
	if err == nil {
		b, err = r.clients.Bucket(ctx, state.Bucket.ValueString())
	}
	var found proof
	if err == nil {
		found, err = prove(ctx, b, export, key)
	}
	const stays = " What the state tells was verified when it was made, and stays; verified is false now. To make other evidence, change triggers."
	var wrong errEvidence
	switch {
	case isUnknown(err):
	case isAbsent(err):
		state.Verified = types.BoolValue(false)
		warn(diags, "Evidence gone", "The manifest of the export "+export+" is not in "+state.Bucket.ValueString()+" any more."+stays, nil)
	case errors.As(err, &wrong), err == nil && found.digest != state.ManifestSHA256.ValueString():
		state.Verified = types.BoolValue(false)
		warn(diags, "Evidence altered", "The manifest of the export "+export+" in "+state.Bucket.ValueString()+" is not the one that was verified. Do not import it, and find out who wrote it."+stays, err)
	case err != nil:
		warn(diags, "Evidence not checked", "The manifest of the export "+export+" in "+state.Bucket.ValueString()+" could not be read. What is known of it stays in the state.", err)
	default:
		state.Verified = types.BoolValue(true)
	}
}
