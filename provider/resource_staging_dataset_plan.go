package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

const datasetNotPlanned = "Staging dataset not planned"

// ValidateConfig implements resource.ResourceWithValidateConfig.
func (r *stagingDatasetResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config stagingDatasetModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); !resp.Diagnostics.HasError() {
		config.validate(ctx, &resp.Diagnostics)
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan. It finds out which export is meant, and what it says of itself, so that the
// plan tells what staging will have.
func (r *stagingDatasetResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.clients == nil {
		return
	}
	config, plan, state := planning[stagingDatasetModel](ctx, req, &resp.Diagnostics)
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
	ctx, cancel := context.WithTimeout(ctx, stagingPatience)
	defer cancel()
	if plan.Export = config.Export; config.Export.IsNull() {
		plan.Export = r.newest(ctx, plan, state, &resp.Diagnostics)
	}
	if plan.runs(ctx, state, req.Private, &resp.Diagnostics) {
		plan.importFacts = r.foretell(ctx, plan, &resp.Diagnostics)
	} else {
		plan.importFacts = state.importFacts
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// newest is the newest export that is published; it never goes back to one that is older than what is there.
func (r *stagingDatasetResource) newest(ctx context.Context, plan stagingDatasetModel, state *stagingDatasetModel, diags *diag.Diagnostics) types.String {
	is := types.StringNull()
	if state != nil && state.Bucket.Equal(plan.Bucket) {
		is = state.Export
	}
	otherwise := is
	if is.IsNull() {
		otherwise = types.StringUnknown()
	}
	if plan.Bucket.IsUnknown() {
		return types.StringUnknown()
	}
	b, err := r.clients.Bucket(ctx, plan.Bucket.ValueString())
	newest := ""
	if err == nil {
		newest, err = newestExport(ctx, b)
	}
	at := path.Root("bucket")
	switch {
	case isUnknown(err):
		return otherwise
	case err != nil:
		warnAt(diags, at, "Exports not looked up", "Which export is the newest in "+plan.Bucket.ValueString()+" could not be found out while planning. Reading takes roles/storage.objectViewer.", err)
		return otherwise
	case newest == "" && is.IsNull():
		failAt(diags, at, datasetNotPlanned, "No export is published in "+plan.Bucket.ValueString()+". Apply the august_staging_anonymization first; when the same plan is to make it, refer to its export attribute.", nil)
		return otherwise
	case newest < is.ValueString():
		return is
	}
	return types.StringValue(newest)
}

// foretell is what an export says of itself, as far as it can be read while planning.
func (r *stagingDatasetResource) foretell(ctx context.Context, plan stagingDatasetModel, diags *diag.Diagnostics) importFacts {
	if plan.Export.IsUnknown() || plan.Bucket.IsUnknown() || plan.PublicKey.IsUnknown() {
		return importUnknown(plan.Export)
	}
	p, err := r.prove(ctx, plan)
	if isUnknown(err) {
		return importUnknown(plan.Export)
	}
	if err != nil {
		blameEvidence(err, plan, datasetNotPlanned, diags)
		return importUnknown(plan.Export)
	}
	plan.refuseSource(ctx, p, datasetNotPlanned, diags)
	return flattenImport(p)
}

// prove reads and verifies the manifest that the plan means, by the key that it trusts.
func (r *stagingDatasetResource) prove(ctx context.Context, plan stagingDatasetModel) (proof, error) {
	key, err := evidence.ParsePublicKey([]byte(plan.PublicKey.ValueString()))
	if err != nil {
		return proof{}, err
	}
	b, err := r.clients.Bucket(ctx, plan.Bucket.ValueString())
	if err != nil {
		return proof{}, err
	}
	return prove(ctx, b, plan.Export.ValueString(), key)
}

// blameEvidence says why there is nothing to import.
func blameEvidence(err error, plan stagingDatasetModel, title string, diags *diag.Diagnostics) {
	export, in := plan.Export.ValueString(), plan.Bucket.ValueString()
	var wrong errEvidence
	switch {
	case isAbsent(err):
		failAt(diags, path.Root("export"), title, "No export "+export+" is published in "+in+". Name one that is, or leave export out for the newest.", nil)
	case errors.Is(err, evidence.ErrSigner):
		failAt(diags, path.Root("public_key"), title, "The export "+export+" in "+in+" is signed by another key than public_key. Take the public_key of the august_staging_anonymization, and make sure that it is that one's.", err)
	case errors.As(err, &wrong):
		failAt(diags, path.Root("export"), title, "The manifest of the export "+export+" in "+in+" does not verify. Do not import it, and find out who wrote it.", err)
	default:
		failAt(diags, path.Root("bucket"), title, "The manifest of the export "+export+" in "+in+" could not be read. Reading takes roles/storage.objectViewer.", err)
	}
}

// refuseSource refuses to load an export over what it was made from.
func (m stagingDatasetModel) refuseSource(ctx context.Context, p proof, title string, diags *diag.Diagnostics) {
	d := m.place(ctx, diags)
	if p.Source.Instance == "" || d.ConnectionName.IsUnknown() || d.ConnectionName.ValueString() != p.Source.Instance {
		return
	}
	failAt(diags, path.Root("database").AtName("instance"), title, "The export "+p.Export+" was made from the instance "+p.Source.Instance+
		", which is the one that it would be loaded into. Staging is an instance of its own, best in a project of its own: name that.", nil)
}
