package provider

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// The shape of a revision is what the resource sets when it is asked to, and what else belongs to somebody else: the
// targets of scaling, and the network. What it has set before and is not asked for any more it takes away again.

type networkModel struct {
	Network    types.String `tfsdk:"network"`
	Subnetwork types.String `tfsdk:"subnetwork"`
	Tags       types.Set    `tfsdk:"tags"`
	Egress     types.String `tfsdk:"egress"`
}

var networkTypes = map[string]attr.Type{
	"network": types.StringType, "subnetwork": types.StringType, "tags": types.SetType{ElemType: types.StringType}, "egress": types.StringType,
}

// egresses is the API's word for each of ours.
var egresses = map[string]string{"private_ranges_only": cloudrun.EgressPrivate, "all_traffic": cloudrun.EgressAll}

var (
	networkForm    = regexp.MustCompile(`^(projects/[^/\s]+/global/networks/)?[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	subnetworkForm = regexp.MustCompile(`^(?:projects/[^/\s]+/regions/([a-z0-9-]+)/subnetworks/)?[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	networkTag     = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func utilizationAttribute(what string, most int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: what + " Left out, Cloud Run has its own default, about 60, and a value that somebody else set stays.",
		Optional:            true,
		Validators:          []validator.Int64{int64validator.Between(10, most)},
	}
}

func networkAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The VPC network that instances have an interface in (Direct VPC egress), to reach what has private addresses only. " +
			"Left out, what somebody else set stays, and what was set here is taken away. A change makes a new revision.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"network": schema.StringAttribute{
				MarkdownDescription: "Name of the network, or `projects/{project}/global/networks/{name}`. Default: that of the subnetwork.",
				Optional:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(networkForm,
					"is no network: write its name, or its id \"projects/project/global/networks/name\" (not its self_link)")},
			},
			"subnetwork": schema.StringAttribute{
				MarkdownDescription: "Name of the subnetwork, or `projects/{project}/regions/{region}/subnetworks/{name}`. It has to be in the same region. Default: the one with the network's name.",
				Optional:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(subnetworkForm,
					"is no subnetwork: write its name, or its id \"projects/project/regions/region/subnetworks/name\" (not its self_link)")},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Network tags of the instances, for firewall rules.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.RegexMatches(networkTag,
					"is no network tag: up to 63 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen"))},
			},
			"egress": schema.StringAttribute{
				MarkdownDescription: "What goes through the network: `private_ranges_only`, or `all_traffic`, which reaches DrChrono and Coda only where the network has a way out. Default: `private_ranges_only`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("private_ranges_only"),
				Validators:          []validator.String{stringvalidator.OneOf("all_traffic", "private_ranges_only")},
			},
		},
	}
}

// checkNetwork wants a network by one of its names, and holds the subnetwork to the region of what uses it.
func checkNetwork(ctx context.Context, network types.Object, location types.String, diags *diag.Diagnostics) {
	n := objectAs[networkModel](ctx, network, diags)
	if n == nil {
		return
	}
	if n.Network.IsNull() && n.Subnetwork.IsNull() {
		failAt(diags, path.Root("network"), "Network missing", "Neither network nor subnetwork says which one it is. Set one of them, or leave the whole out.", nil)
	}
	if location.IsNull() || location.IsUnknown() {
		return
	}
	parts := subnetworkForm.FindStringSubmatch(n.Subnetwork.ValueString())
	if parts != nil && parts[1] != "" && parts[1] != location.ValueString() {
		failAt(diags, path.Root("network").AtName("subnetwork"), "Network not possible", "The subnetwork is in "+parts[1]+" and what uses it in "+
			location.ValueString()+". An instance can only have an interface in its own region. Name a subnetwork of that region.", nil)
	}
}

// expandShape adds to a spec what the plan asks for, and what it has ceased to ask for.
func (m syncRuntimeModel) expandShape(ctx context.Context, state *syncRuntimeModel, spec *cloudrun.Spec, diags *diag.Diagnostics) {
	var was scalingModel
	if state != nil {
		if s := objectAs[scalingModel](ctx, state.Scaling, diags); s != nil {
			was = *s
		}
	}
	target := func(is, was types.Int64) int64 {
		if is.IsNull() && !was.IsNull() {
			return cloudrun.Unset
		}
		return is.ValueInt64()
	}
	if s := objectAs[scalingModel](ctx, m.Scaling, diags); s != nil {
		spec.CPUUtilization = target(s.CPUUtilization, was.CPUUtilization)
		spec.ConcurrencyUtilization = target(s.ConcurrencyUtilization, was.ConcurrencyUtilization)
	}
	spec.Network = expandNetwork(ctx, m.Network, diags)
	if spec.Network == nil && state != nil && !state.Network.IsNull() {
		spec.Network = &cloudrun.Network{}
	}
}

// expandNetwork is the network that is declared, nil for none.
func expandNetwork(ctx context.Context, declared types.Object, diags *diag.Diagnostics) *cloudrun.Network {
	n := objectAs[networkModel](ctx, declared, diags)
	if n == nil {
		return nil
	}
	network := &cloudrun.Network{Network: n.Network.ValueString(), Subnetwork: n.Subnetwork.ValueString(), Egress: egresses[n.Egress.ValueString()]}
	if !n.Tags.IsNull() {
		diags.Append(n.Tags.ElementsAs(ctx, &network.Tags, false)...)
	}
	return network
}

// flattenTarget shows a target that is ours; after an import, any.
func flattenTarget(was types.Int64, seen int64, imported bool) types.Int64 {
	if seen == 0 || was.IsNull() && !imported {
		return types.Int64Null()
	}
	return types.Int64Value(seen)
}

// flattenNetwork shows a network that is ours, in our words where they mean the same; after an import, any.
func flattenNetwork(ctx context.Context, own types.Object, seen *cloudrun.Network, imported bool, diags *diag.Diagnostics) types.Object {
	was := objectAs[networkModel](ctx, own, diags)
	if seen == nil || was == nil && !imported {
		return types.ObjectNull(networkTypes)
	}
	now := networkModel{
		Network: stringOrNull(seen.Network), Subnetwork: stringOrNull(seen.Subnetwork),
		Tags: types.SetNull(types.StringType), Egress: types.StringValue(seen.Egress),
	}
	for ours, theirs := range egresses {
		if theirs == seen.Egress {
			now.Egress = types.StringValue(ours)
		}
	}
	if len(seen.Tags) > 0 {
		tags, more := types.SetValueFrom(ctx, types.StringType, seen.Tags)
		diags.Append(more...)
		now.Tags = tags
	}
	if was != nil {
		if cloudrun.SameResource(seen.Network, was.Network.ValueString()) {
			now.Network = was.Network
		}
		if cloudrun.SameResource(seen.Subnetwork, was.Subnetwork.ValueString()) {
			now.Subnetwork = was.Subnetwork
		}
	}
	return objectOf(ctx, networkTypes, now, diags)
}

// keepShape remembers what was ours and may be there still, after an update that failed.
func (m *syncRuntimeModel) keepShape(ctx context.Context, state syncRuntimeModel, diags *diag.Diagnostics) {
	if m.Network.IsNull() {
		m.Network = state.Network
	}
	is, was := objectAs[scalingModel](ctx, m.Scaling, diags), objectAs[scalingModel](ctx, state.Scaling, diags)
	if is == nil || was == nil {
		return
	}
	if is.CPUUtilization.IsNull() {
		is.CPUUtilization = was.CPUUtilization
	}
	if is.ConcurrencyUtilization.IsNull() {
		is.ConcurrencyUtilization = was.ConcurrencyUtilization
	}
	m.Scaling = objectOf(ctx, scalingTypes, is, diags)
}

// shapeOf is what of the shape a revision is made with, to compare.
func (m syncRuntimeModel) shapeOf() string {
	scaling := m.Scaling.Attributes()
	var parts []string
	for _, name := range []string{"cpu_utilization", "concurrency_utilization"} {
		if v, ok := scaling[name]; ok {
			parts = append(parts, v.String())
		}
	}
	return strings.Join(slices.Concat(parts, []string{m.Network.String()}), " ")
}
