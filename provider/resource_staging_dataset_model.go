package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// The variables of the command import.
const (
	envDatasetBucket = "AUGUST_DATASET_BUCKET"
	envDatasetKey    = "AUGUST_DATASET_PUBLIC_KEY"

	importCommand = "import"
)

type stagingDatasetModel struct {
	stagingJobModel
	PublicKey types.String `tfsdk:"public_key"`
	importFacts
}

// importFacts is which export was imported, and what it says of itself.
type importFacts struct {
	Export         types.String `tfsdk:"export"`
	Rows           types.Int64  `tfsdk:"rows"`
	Tables         types.Map    `tfsdk:"tables"`
	PolicyHash     types.String `tfsdk:"policy_hash"`
	Method         types.String `tfsdk:"method"`
	Snapshot       types.String `tfsdk:"snapshot"`
	ManifestSHA256 types.String `tfsdk:"manifest_sha256"`
}

// importUnknown is what an export says that cannot be read yet.
func importUnknown(export types.String) importFacts {
	text := types.StringUnknown()
	return importFacts{export, types.Int64Unknown(), types.MapUnknown(types.Int64Type), text, text, text, text}
}

// importNone is what there is before the first import.
func importNone() importFacts { return importFacts{Tables: types.MapNull(types.Int64Type)} }

func flattenImport(p proof) importFacts {
	var rows int64
	tables := map[string]int64{}
	for _, t := range p.Tables {
		tables[t.Name], rows = t.Rows, rows+t.Rows
	}
	return importFacts{
		types.StringValue(p.Export), types.Int64Value(rows), countsOf(tables), types.StringValue(p.PolicyHash), types.StringValue(string(p.Method)),
		types.StringValue(p.Source.Snapshot.UTC().Format(time.RFC3339)), types.StringValue(p.digest),
	}
}

// basis is what an import is made of: when it changes, another one is. It is unknown as long as any of it is.
func (m stagingDatasetModel) basis(ctx context.Context, diags *diag.Diagnostics) types.String {
	database := m.data(ctx, diags)
	triggers, err := m.Triggers.ToTerraformValue(ctx)
	if err != nil || !triggers.IsFullyKnown() || database.IsUnknown() || m.Bucket.IsUnknown() || m.Export.IsUnknown() {
		return types.StringUnknown()
	}
	var values map[string]string
	diags.Append(m.Triggers.ElementsAs(ctx, &values, false)...)
	out, _ := json.Marshal(struct { // of strings; never fails
		Export   string            `json:"export"`
		Database string            `json:"database"`
		Bucket   string            `json:"bucket"`
		Triggers map[string]string `json:"triggers"`
	}{m.Export.ValueString(), database.ValueString(), m.Bucket.ValueString(), values})
	return types.StringValue(string(out))
}

// basisNow is what the data is made of after an apply. A job that was cut off, or failed at its very end, may have swapped the new set in
// before: then nobody knows, and the next apply runs it whatever export is asked for; one that is in already is left as it is.
func (m stagingDatasetModel) basisNow(ctx context.Context, diags *diag.Diagnostics) types.String {
	if !m.Problem.IsNull() {
		return types.StringValue("not known")
	}
	return m.basis(ctx, diags)
}

// basisOf is what the data that is there now was made of.
func (m stagingDatasetModel) basisOf(ctx context.Context, private privateState, diags *diag.Diagnostics) types.String {
	if kept := keptBasis(ctx, private, diags); kept != "" {
		return types.StringValue(kept)
	}
	return m.basis(ctx, diags)
}

// runs says whether the job has to be run: what the arguments ask for is not what is there.
func (m stagingDatasetModel) runs(ctx context.Context, state *stagingDatasetModel, private privateState, diags *diag.Diagnostics) bool {
	return state == nil || state.Export.IsNull() || !m.basis(ctx, diags).Equal(state.basisOf(ctx, private, diags))
}

// job is the job that imports an export.
func (r *stagingDatasetResource) job(ctx context.Context, m stagingDatasetModel, export string, diags *diag.Diagnostics) cloudrun.Job {
	return r.stagingJob.job(ctx, m.stagingJobModel, []string{importCommand, exportFlag, export}, func(env *environment) {
		env.value(envDatasetBucket, m.Bucket.ValueString())
		env.value(envDatasetKey, m.PublicKey.ValueString())
	}, diags)
}
