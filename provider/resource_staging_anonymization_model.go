package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// The variables of the command anonymize.
const (
	envAnonymizePolicy = "AUGUST_ANONYMIZE_POLICY"
	envAnonymizeBucket = "AUGUST_ANONYMIZE_BUCKET"
	envAnonymizeKey    = "AUGUST_ANONYMIZE_KEY"
	envAnonymizeSigner = "AUGUST_ANONYMIZE_SIGNING_KEY"

	anonymizeCommand = "anonymize"
)

type stagingAnonymizationModel struct {
	stagingJobModel
	Endpoint         types.String `tfsdk:"endpoint"`
	Audience         types.String `tfsdk:"audience"`
	SigningKeySecret types.String `tfsdk:"signing_key_secret"`
	KeySecret        types.String `tfsdk:"key_secret"`
	Policy           types.Object `tfsdk:"policy"`
	exportFacts
}

// exportFacts is what an export says of itself.
type exportFacts struct {
	Export         types.String `tfsdk:"export"`
	Verdict        types.String `tfsdk:"verdict"`
	Verified       types.Bool   `tfsdk:"verified"`
	PolicyHash     types.String `tfsdk:"policy_hash"`
	KeyID          types.String `tfsdk:"key_id"`
	Method         types.String `tfsdk:"method"`
	PublicKey      types.String `tfsdk:"public_key"`
	ManifestSHA256 types.String `tfsdk:"manifest_sha256"`
	Snapshot       types.String `tfsdk:"snapshot"`
	Tables         types.Map    `tfsdk:"tables"`
	Remarks        types.List   `tfsdk:"remarks"`
	Scan           types.Object `tfsdk:"scan"`
	KAnonymity     types.List   `tfsdk:"k_anonymity"`
}

type scanModel struct {
	Identifiers types.Map   `tfsdk:"identifiers"`
	Values      types.Int64 `tfsdk:"values"`
	Candidates  types.Int64 `tfsdk:"candidates"`
}

type kAnonymityModel struct {
	Table    types.String `tfsdk:"table"`
	Columns  types.List   `tfsdk:"columns"`
	Classes  types.Int64  `tfsdk:"classes"`
	Smallest types.Int64  `tfsdk:"smallest"`
	Unique   types.Int64  `tfsdk:"unique"`
	Below    types.Int64  `tfsdk:"below"`
	Required types.Int64  `tfsdk:"required"`
	Diverse  types.Int64  `tfsdk:"diverse"`
}

// exportUnknown is what an export that is still to be made says.
func exportUnknown() exportFacts {
	text := types.StringUnknown()
	return exportFacts{
		text, text, types.BoolUnknown(), text, text, text, text, text, text, types.MapUnknown(types.Int64Type), types.ListUnknown(types.StringType),
		types.ObjectUnknown(scanTypes), types.ListUnknown(types.ObjectType{AttrTypes: kAnonymityTypes}),
	}
}

// exportNone is what there is before the first export.
func exportNone() exportFacts {
	return exportFacts{
		Verified: types.BoolValue(false), Tables: types.MapNull(types.Int64Type), Remarks: types.ListNull(types.StringType),
		Scan: types.ObjectNull(scanTypes), KAnonymity: types.ListNull(types.ObjectType{AttrTypes: kAnonymityTypes}),
	}
}

// flattenExport is what a verified manifest says.
func flattenExport(ctx context.Context, p proof, diags *diag.Diagnostics) exportFacts {
	texts := func(all []string) types.List {
		list, d := types.ListValueFrom(ctx, types.StringType, append([]string{}, all...))
		diags.Append(d...)
		return list
	}
	tables := map[string]int64{}
	for _, t := range p.Tables {
		tables[t.Name] = t.Rows
	}
	classes := make([]kAnonymityModel, 0, len(p.K))
	for _, k := range p.K {
		diverse := types.Int64Null()
		if k.Diverse > 0 {
			diverse = types.Int64Value(k.Diverse)
		}
		classes = append(classes, kAnonymityModel{
			types.StringValue(k.Table), texts(k.Columns), types.Int64Value(k.Classes), types.Int64Value(k.Smallest), types.Int64Value(k.Unique),
			types.Int64Value(k.Below), types.Int64Value(int64(k.Required)), diverse,
		})
	}
	all, d := types.ListValueFrom(ctx, types.ObjectType{AttrTypes: kAnonymityTypes}, classes)
	diags.Append(d...)
	return exportFacts{
		Export: types.StringValue(p.Export), Verdict: types.StringValue("passed"), Verified: types.BoolValue(true),
		PolicyHash: types.StringValue(p.PolicyHash), KeyID: stringOrNull(p.KeyID), Method: types.StringValue(string(p.Method)),
		PublicKey: types.StringValue(evidence.PublicPEM(p.key)), ManifestSHA256: types.StringValue(p.digest),
		Snapshot: types.StringValue(p.Source.Snapshot.UTC().Format(time.RFC3339)), Tables: countsOf(tables), Remarks: texts(p.Remarks),
		Scan:       objectOf(ctx, scanTypes, scanModel{countsOf(p.Scan.Identifiers), types.Int64Value(p.Scan.Values), types.Int64Value(p.Scan.Candidates)}, diags),
		KAnonymity: all,
	}
}

// settle fills in what follows from the arguments.
func (m *stagingAnonymizationModel) settle(config types.String) {
	if m.Audience = config; config.IsNull() {
		m.Audience = m.Endpoint
	}
}

// basis is what an export is made of: when it changes, another one is made. It is unknown as long as any of it is.
func (m stagingAnonymizationModel) basis(ctx context.Context, diags *diag.Diagnostics) types.String {
	database := m.data(ctx, diags)
	p := expandPolicy(ctx, m.Policy, diags)
	triggers, err := m.Triggers.ToTerraformValue(ctx)
	for _, v := range []types.String{database, m.Bucket, m.SigningKeySecret, m.KeySecret} {
		if v.IsUnknown() {
			return types.StringUnknown()
		}
	}
	if p == nil || err != nil || !triggers.IsFullyKnown() {
		return types.StringUnknown()
	}
	var values map[string]string
	diags.Append(m.Triggers.ElementsAs(ctx, &values, false)...)
	out, _ := json.Marshal(struct { // of strings; never fails
		Policy   string            `json:"policy"`
		Database string            `json:"database"`
		Bucket   string            `json:"bucket"`
		Signer   string            `json:"signing_key"`
		Key      string            `json:"key"`
		Triggers map[string]string `json:"triggers"`
	}{p.Hash(), database.ValueString(), m.Bucket.ValueString(), m.SigningKeySecret.ValueString(), m.KeySecret.ValueString(), values})
	return types.StringValue(string(out))
}

// basisKey holds, in the private state, what the evidence in the state was made of.
const basisKey = "basis"

func keepBasis(ctx context.Context, private privateKeeper, basis types.String, diags *diag.Diagnostics) {
	text, _ := json.Marshal(basis.ValueString()) // strings always marshal
	diags.Append(private.SetKey(ctx, basisKey, text)...)
}

// keptBasis is what was kept there, "" for nothing.
func keptBasis(ctx context.Context, private privateState, diags *diag.Diagnostics) (kept string) {
	raw, d := private.GetKey(ctx, basisKey)
	diags.Append(d...)
	if len(raw) == 0 || json.Unmarshal(raw, &kept) != nil {
		return ""
	}
	return kept
}

// basisOf is what the evidence in the state was made of; of one that was imported, what its job is made of.
func (m stagingAnonymizationModel) basisOf(ctx context.Context, private privateState, diags *diag.Diagnostics) types.String {
	if kept := keptBasis(ctx, private, diags); kept != "" {
		return types.StringValue(kept)
	}
	if p := expandPolicy(ctx, m.Policy, diags); p == nil || p.Hash() != m.PolicyHash.ValueString() {
		return types.StringValue("") // the job's policy has exported nothing yet
	}
	return m.basis(ctx, diags)
}

// runs says whether an export has to be made: there is none of these arguments.
func (m stagingAnonymizationModel) runs(ctx context.Context, state *stagingAnonymizationModel, private privateState, diags *diag.Diagnostics) bool {
	return state == nil || state.Export.IsNull() || !m.basis(ctx, diags).Equal(state.basisOf(ctx, private, diags))
}

// job is the job that makes an export.
func (r *stagingAnonymizationResource) job(ctx context.Context, m stagingAnonymizationModel, export string, diags *diag.Diagnostics) cloudrun.Job {
	return r.stagingJob.job(ctx, m.stagingJobModel, []string{anonymizeCommand, exportFlag, export}, func(env *environment) {
		if p := expandPolicy(ctx, m.Policy, diags); p != nil {
			encoded, err := p.Encode()
			if err != nil {
				failAt(diags, path.Root("policy"), policyNotUsable, upperFirst(err.Error())+".", nil)
			}
			env.value(envAnonymizePolicy, encoded)
		}
		env.value(envAnonymizeBucket, m.Bucket.ValueString())
		env.secret(envAnonymizeSigner, m.SigningKeySecret)
		env.secret(envAnonymizeKey, m.KeySecret)
	}, diags)
}

// observe takes everything from a job that was imported.
func (m *stagingAnonymizationModel) observe(ctx context.Context, live liveJob, diags *diag.Diagnostics) {
	v := m.stagingJobModel.observe(ctx, live, diags)
	m.Bucket = v.string(envAnonymizeBucket)
	m.SigningKeySecret, m.KeySecret = v.secret(envAnonymizeSigner, types.StringNull()), v.secret(envAnonymizeKey, types.StringNull())
	m.Policy = types.ObjectNull(policyTypes)
	if p, err := policy.Decode(v.text(envAnonymizePolicy)); err == nil {
		m.Policy = flattenPolicy(p, diags)
	}
}
