package provider

import (
	"context"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type adviceModel struct {
	SlowQueryLog types.Bool   `tfsdk:"slow_query_log"`
	Endpoint     types.String `tfsdk:"endpoint"`
}

var adviceTypes = map[string]attr.Type{"slow_query_log": types.BoolType, "endpoint": types.StringType}

func adviceAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "What the runtime looks at, beside PostgreSQL's own statistics, when it is asked for advice on indexes.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"slow_query_log": schema.BoolAttribute{
				MarkdownDescription: "Whether it reads the instance's log of slow statements, which `log_min_duration_statement` has the instance write, in Cloud Logging; `false` when it is left out. " +
					"The service account needs `roles/logging.viewer`. Such a log holds what was asked for, patients' data included, before the runtime reads it: of what it reads, no value is kept.",
				Optional: true,
			},
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Base URL at which the runtime finds Cloud Logging, for `slow_query_log`. Default: the provider's `endpoints.logging`; without that, Google's own.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{baseURL()},
			},
		},
	}
}

// planAdvice finds out where the runtime is to find the log, which the provider knows when the block does not say.
func (r *syncRuntimeResource) planAdvice(ctx context.Context, plan *syncRuntimeModel, config syncRuntimeModel, diags *diag.Diagnostics) {
	a := objectAs[adviceModel](ctx, plan.Advice, diags)
	own := objectAs[adviceModel](ctx, config.Advice, diags)
	if a == nil || own == nil {
		return
	}
	a.Endpoint = r.loggingEndpoint(*own)
	plan.Advice = objectOf(ctx, adviceTypes, a, diags)
}

// settleAdvice does the same when everything must be known.
func (r *syncRuntimeResource) settleAdvice(ctx context.Context, plan *syncRuntimeModel, diags *diag.Diagnostics) {
	a := objectAs[adviceModel](ctx, plan.Advice, diags)
	if a == nil || !a.Endpoint.IsUnknown() {
		return
	}
	a.Endpoint = types.StringNull()
	a.Endpoint = r.loggingEndpoint(*a)
	plan.Advice = objectOf(ctx, adviceTypes, a, diags)
}

// loggingEndpoint is where a block's log is. Whoever reads none need not know.
func (r *syncRuntimeResource) loggingEndpoint(a adviceModel) types.String {
	switch s := r.clients.logging; {
	case !a.Endpoint.IsNull():
		return a.Endpoint
	case a.SlowQueryLog.IsUnknown():
		return types.StringUnknown()
	case !a.SlowQueryLog.ValueBool():
		return a.Endpoint
	case s.unknown:
		return types.StringUnknown()
	default:
		return stringOrNull(s.value)
	}
}

// adviceVariables is what the runtime is told.
func (m syncRuntimeModel) adviceVariables(ctx context.Context, env *environment, diags *diag.Diagnostics) {
	a := objectAs[adviceModel](ctx, m.Advice, diags)
	if a == nil {
		return
	}
	if !a.SlowQueryLog.IsNull() {
		env.value(envAdviceLogs, strconv.FormatBool(a.SlowQueryLog.ValueBool()))
	}
	if !a.Endpoint.IsNull() {
		env.value(envLoggingEndpoint, a.Endpoint.ValueString())
	}
}

// flattenAdvice takes it from the environment. An empty block declares nothing, and stays.
func (m *syncRuntimeModel) flattenAdvice(ctx context.Context, v variables, diags *diag.Diagnostics) {
	is := adviceModel{SlowQueryLog: v.flagOrNull(envAdviceLogs), Endpoint: v.string(envLoggingEndpoint)}
	if was := objectAs[adviceModel](ctx, m.Advice, diags); was != nil || v.has(envAdviceLogs) || v.has(envLoggingEndpoint) {
		m.Advice = objectOf(ctx, adviceTypes, is, diags)
	} else {
		m.Advice = types.ObjectNull(adviceTypes)
	}
}
