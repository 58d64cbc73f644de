package provider

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

type secretModel struct {
	ID                 types.String   `tfsdk:"id"`
	Name               types.String   `tfsdk:"name"`
	Project            types.String   `tfsdk:"project"`
	Value              types.String   `tfsdk:"value_wo"`
	ValueVersion       types.Int64    `tfsdk:"value_wo_version"`
	Labels             types.Map      `tfsdk:"labels"`
	Locations          types.Set      `tfsdk:"locations"`
	KeepVersions       types.Int64    `tfsdk:"keep_versions"`
	Retire             types.String   `tfsdk:"retire"`
	OnDestroy          types.String   `tfsdk:"on_destroy"`
	DeletionProtection types.Bool     `tfsdk:"deletion_protection"`
	Version            types.Int64    `tfsdk:"version"`
	Reference          types.String   `tfsdk:"reference"`
	Problem            types.String   `tfsdk:"problem"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

func (m secretModel) identity() []string {
	return []string{m.Project.ValueString(), m.Name.ValueString()}
}

func (m secretModel) ref() secrets.Ref {
	return secrets.Ref{Project: m.Project.ValueString(), Name: m.Name.ValueString()}
}

func (m secretModel) expand(ctx context.Context, diags *diag.Diagnostics) secrets.Spec {
	spec := secrets.Spec{Ref: m.ref(), Labels: map[string]string{}}
	diags.Append(m.Labels.ElementsAs(ctx, &spec.Labels, false)...)
	diags.Append(m.Locations.ElementsAs(ctx, &spec.Locations, false)...)
	slices.Sort(spec.Locations)
	return spec
}

// flatten takes everything from the secret as it is. The version stays the one that Terraform has put there.
func (m *secretModel) flatten(ctx context.Context, live secrets.Secret, imported bool, diags *diag.Diagnostics) {
	m.ID = types.StringValue(live.Secret())
	m.Labels = ownLabels(m.Labels, live.Labels, imported)
	m.Locations = types.SetNull(types.StringType)
	if len(live.Locations) > 0 {
		set, d := types.SetValueFrom(ctx, types.StringType, live.Locations)
		diags.Append(d...)
		m.Locations = set
	}
	if imported {
		// As many as there are: whatever refers to one of them goes on, unless the configuration says otherwise.
		older := len(live.Versions.ToRetire(live.Versions.Latest(), 0))
		m.KeepVersions = types.Int64Value(int64(min(max(older, defaultKeepVersions), mostKeepVersions)))
		m.Retire = types.StringValue(retireDisable)
		m.OnDestroy, m.DeletionProtection = types.StringValue(secretDelete), types.BoolValue(true)
		m.settle(live.Versions.Latest())
	}
	m.Problem = types.StringNull()
	current := m.Version.ValueInt64()
	if current == 0 {
		m.Problem = types.StringValue("The secret has no version.")
	} else if drift := live.Versions.Drift(current, int(m.KeepVersions.ValueInt64())); len(drift) > 0 {
		m.Problem = types.StringValue("The versions are not as declared: " + strings.Join(drift, "; ") + ".")
	}
	// What another version alone can set right leaves nothing to refer to.
	if state := live.Versions.State(current); live.Versions.Latest() != current || (state != secrets.Enabled && state != secrets.Disabled) {
		m.Reference = types.StringNull()
	}
}

// settle sets the version, and what follows from it. There is no number 0.
func (m *secretModel) settle(number int64) {
	m.Version, m.Reference = types.Int64Null(), types.StringNull()
	if number > 0 {
		m.Version = types.Int64Value(number)
		m.Reference = types.StringValue(m.Name.ValueString() + ":" + strconv.FormatInt(number, 10))
	}
}

// refuseDeletion reports that the secret is protected, if it is.
func (m secretModel) refuseDeletion(diags *diag.Diagnostics) bool {
	if !m.DeletionProtection.ValueBool() || m.OnDestroy.ValueString() == secretKeep {
		return false
	}
	failAt(diags, path.Root("deletion_protection"), "Secret not deleted",
		"The secret "+m.ref().Secret()+" is protected: its versions could not be had back. Set deletion_protection to false and apply that first, or on_destroy to \"keep\".", nil)
	return true
}

// secretDigestKey is where the digest of the value is kept: in Terraform's private state, which is in the state file but in no
// plan, output or log.
const secretDigestKey = "value"

// digestFrom is the digest of the value that was put last. After an import that could not read it, it matches nothing.
func digestFrom(ctx context.Context, private privateState, diags *diag.Diagnostics) secrets.Digest {
	raw, d := private.GetKey(ctx, secretDigestKey)
	diags.Append(d...)
	return secrets.ParseDigest(raw)
}

func digestOf(value []byte, diags *diag.Diagnostics) []byte {
	digest, err := secrets.DigestOf(value)
	if err != nil {
		fail(diags, "Value not remembered", "A later change of the value could not be noticed.", err)
	}
	return marshalDigest(digest, diags)
}

func marshalDigest(digest secrets.Digest, diags *diag.Diagnostics) []byte {
	raw, err := digest.Marshal()
	if err != nil {
		fail(diags, "Value not remembered", "A later change of the value could not be noticed.", err)
	}
	return raw
}
