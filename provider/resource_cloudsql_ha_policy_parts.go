package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// The parts of a policy that an instance may go without: a deny period, Query Insights, managed connection pooling. Left
// out of the configuration they stay as they are, and the state shows how that is.

type denyPeriodModel struct {
	StartDate types.String `tfsdk:"start_date"`
	EndDate   types.String `tfsdk:"end_date"`
	Time      types.String `tfsdk:"time"`
}

type insightsModel struct {
	Enabled               types.Bool  `tfsdk:"enabled"`
	QueryPlansPerMinute   types.Int64 `tfsdk:"query_plans_per_minute"`
	QueryStringLength     types.Int64 `tfsdk:"query_string_length"`
	RecordApplicationTags types.Bool  `tfsdk:"record_application_tags"`
	RecordClientAddress   types.Bool  `tfsdk:"record_client_address"`
}

type poolingModel struct {
	Enabled types.Bool `tfsdk:"enabled"`
	Flags   types.Map  `tfsdk:"flags"`
}

type hoursModel struct {
	From     types.String `tfsdk:"from"`
	To       types.String `tfsdk:"to"`
	TimeZone types.String `tfsdk:"time_zone"`
}

type maintenanceModel struct {
	StartTime     types.String `tfsdk:"start_time"`
	CanDefer      types.Bool   `tfsdk:"can_defer"`
	CanReschedule types.Bool   `tfsdk:"can_reschedule"`
}

var (
	denyPeriodTypes = map[string]attr.Type{"start_date": types.StringType, "end_date": types.StringType, "time": types.StringType}
	insightsTypes   = map[string]attr.Type{
		"enabled": types.BoolType, "query_plans_per_minute": types.Int64Type, "query_string_length": types.Int64Type,
		"record_application_tags": types.BoolType, "record_client_address": types.BoolType,
	}
	poolingTypes     = map[string]attr.Type{"enabled": types.BoolType, "flags": types.MapType{ElemType: types.StringType}}
	maintenanceTypes = map[string]attr.Type{"start_time": types.StringType, "can_defer": types.BoolType, "can_reschedule": types.BoolType}
)

const (
	defaultDenyTime       = "00:00:00"
	defaultPlansPerMinute = 5
	defaultQueryLength    = 1024
)

// flattenParts takes the parts from the instance. What only counts while a part is on stays as it was while it is off.
func (m *haPolicyModel) flattenParts(ctx context.Context, s *sqladmin.Settings, diags *diag.Diagnostics) {
	m.DenyMaintenancePeriod = types.ObjectNull(denyPeriodTypes)
	if p := cloudsql.Denied(s); p != nil {
		m.DenyMaintenancePeriod = objectOf(ctx, denyPeriodTypes, denyPeriodModel{
			types.StringValue(p.Start), types.StringValue(p.End), types.StringValue(p.Time),
		}, diags)
	}

	insights := insightsModel{Enabled: types.BoolValue(false)}
	if on := s.InsightsConfig; on != nil && on.QueryInsightsEnabled {
		insights = insightsModel{
			Enabled:             types.BoolValue(true),
			QueryPlansPerMinute: types.Int64Value(on.QueryPlansPerMinute), QueryStringLength: types.Int64Value(on.QueryStringLength),
			RecordApplicationTags: types.BoolValue(on.RecordApplicationTags), RecordClientAddress: types.BoolValue(on.RecordClientAddress),
		}
	} else if was := objectAs[insightsModel](ctx, m.Insights, diags); was != nil {
		insights = insightsModel{
			insights.Enabled, orNull(was.QueryPlansPerMinute, types.Int64Null()), orNull(was.QueryStringLength, types.Int64Null()),
			orNull(was.RecordApplicationTags, types.BoolNull()), orNull(was.RecordClientAddress, types.BoolNull()),
		}
	}
	m.Insights = objectOf(ctx, insightsTypes, insights, diags)

	was := objectAs[poolingModel](ctx, m.ConnectionPooling, diags)
	if was == nil {
		was = &poolingModel{Flags: types.MapNull(types.StringType)}
	}
	pooling := poolingModel{Enabled: types.BoolValue(cloudsql.PoolingOn(s)), Flags: orNull(was.Flags, types.MapNull(types.StringType))}
	m.PoolerCount = types.Int64Null()
	if cloudsql.PoolingOn(s) {
		if flags := cloudsql.PoolFlags(s); len(flags) > 0 || len(was.Flags.Elements()) > 0 {
			pooling.Flags = stringMap(flags)
		}
		if n := s.ConnectionPoolConfig.PoolerCount; n > 0 {
			m.PoolerCount = types.Int64Value(n)
		}
	}
	m.ConnectionPooling = objectOf(ctx, poolingTypes, pooling, diags)
}

// orNull is a value that is known, or else null.
func orNull[T attr.Value](v, null T) T {
	if v.IsUnknown() {
		return null
	}
	return v
}

func stringMap(from map[string]string) types.Map {
	values := make(map[string]attr.Value, len(from))
	for name, value := range from {
		values[name] = types.StringValue(value)
	}
	return types.MapValueMust(types.StringType, values)
}

func flattenMaintenance(ctx context.Context, m *sqladmin.SqlScheduledMaintenance, diags *diag.Diagnostics) types.Object {
	if m == nil || m.StartTime == "" {
		return types.ObjectNull(maintenanceTypes)
	}
	return objectOf(ctx, maintenanceTypes, maintenanceModel{
		types.StringValue(m.StartTime), types.BoolValue(m.CanDefer), types.BoolValue(m.CanReschedule),
	}, diags)
}

// resolveParts fills in the parts as resolve does. A deny period that the policy has set, and that has left the
// configuration, is to end.
func (m *haPolicyModel) resolveParts(ctx context.Context, config haPolicyModel, was haPolicyModel, ownsDenyPeriod bool, diags *diag.Diagnostics) {
	switch m.DenyMaintenancePeriod = config.DenyMaintenancePeriod; {
	case config.DenyMaintenancePeriod.IsNull() && !ownsDenyPeriod:
		m.DenyMaintenancePeriod = was.DenyMaintenancePeriod
	default:
		if period := objectAs[denyPeriodModel](ctx, config.DenyMaintenancePeriod, diags); period != nil {
			if period.Time.IsNull() {
				period.Time = types.StringValue(defaultDenyTime)
			}
			m.DenyMaintenancePeriod = objectOf(ctx, denyPeriodTypes, period, diags)
		}
	}

	insightsWas := objectAs[insightsModel](ctx, was.Insights, diags)
	switch m.Insights = config.Insights; {
	case config.Insights.IsNull():
		m.Insights = was.Insights
	case !config.Insights.IsUnknown():
		m.Insights = objectOf(ctx, insightsTypes, objectAs[insightsModel](ctx, config.Insights, diags).resolve(insightsWas), diags)
	}

	poolingWas := objectAs[poolingModel](ctx, was.ConnectionPooling, diags)
	switch m.ConnectionPooling = config.ConnectionPooling; {
	case config.ConnectionPooling.IsNull():
		m.ConnectionPooling = was.ConnectionPooling
	case !config.ConnectionPooling.IsUnknown():
		m.ConnectionPooling = objectOf(ctx, poolingTypes, objectAs[poolingModel](ctx, config.ConnectionPooling, diags).resolve(poolingWas), diags)
	}
	m.PoolerCount = was.PoolerCount
	if planned := objectAs[poolingModel](ctx, m.ConnectionPooling, diags); planned == nil || poolingWas == nil || !planned.Enabled.Equal(poolingWas.Enabled) {
		m.PoolerCount = types.Int64Unknown()
	}
}

func (m *insightsModel) resolve(was *insightsModel) insightsModel {
	to := *m
	if to.Enabled.IsNull() {
		to.Enabled = types.BoolValue(true)
	}
	if to.RecordApplicationTags.IsNull() {
		to.RecordApplicationTags = types.BoolValue(true)
	}
	if to.RecordClientAddress.IsNull() {
		to.RecordClientAddress = types.BoolValue(false)
	}
	plans, length := types.Int64Value(defaultPlansPerMinute), types.Int64Value(defaultQueryLength)
	switch {
	case !to.Enabled.IsUnknown() && !to.Enabled.ValueBool():
		plans, length = types.Int64Null(), types.Int64Null()
		if was != nil {
			plans, length = was.QueryPlansPerMinute, was.QueryStringLength
		}
	case to.Enabled.IsUnknown() || was == nil:
		plans, length = types.Int64Unknown(), types.Int64Unknown()
	case was.Enabled.ValueBool():
		plans, length = was.QueryPlansPerMinute, was.QueryStringLength
	}
	if to.QueryPlansPerMinute.IsNull() {
		to.QueryPlansPerMinute = plans
	}
	if to.QueryStringLength.IsNull() {
		to.QueryStringLength = length
	}
	return to
}

func (m *poolingModel) resolve(was *poolingModel) poolingModel {
	to := *m
	if to.Enabled.IsNull() {
		to.Enabled = types.BoolValue(true)
	}
	if to.Flags.IsNull() {
		switch {
		case was != nil && (was.Enabled.ValueBool() || !to.Enabled.ValueBool() && !to.Enabled.IsUnknown()):
			to.Flags = was.Flags
		case to.Enabled.IsUnknown() || to.Enabled.ValueBool():
			to.Flags = types.MapUnknown(types.StringType) // Cloud SQL may bring some along
		}
	}
	return to
}

// expandParts adds to the policy the parts that config names. Their values come from the plan, which has the defaults.
func (m haPolicyModel) expandParts(ctx context.Context, plan haPolicyModel, policy *cloudsql.Policy, diags *diag.Diagnostics) {
	if period := objectAs[denyPeriodModel](ctx, m.DenyMaintenancePeriod, diags); period != nil {
		policy.DenyPeriod = &cloudsql.DenyPeriod{
			Start: period.StartDate.ValueString(), End: period.EndDate.ValueString(), Time: orDefault(period.Time, defaultDenyTime),
		}
	}
	// A part that was unknown to the plan as a whole is known by now, and resolved as if nothing were known before it.
	if named := objectAs[insightsModel](ctx, m.Insights, diags); named != nil {
		insights := objectAs[insightsModel](ctx, plan.Insights, diags)
		if insights == nil {
			insights = new(named.resolve(nil))
		}
		policy.Insights = &cloudsql.Insights{
			Enabled:        known(named.Enabled, insights.Enabled).ValueBool(),
			PlansPerMinute: pointerTo(known(named.QueryPlansPerMinute, insights.QueryPlansPerMinute)), QueryLength: pointerTo(known(named.QueryStringLength, insights.QueryStringLength)),
			ApplicationTags: known(named.RecordApplicationTags, insights.RecordApplicationTags).ValueBool(),
			ClientAddress:   known(named.RecordClientAddress, insights.RecordClientAddress).ValueBool(),
		}
	}
	if named := objectAs[poolingModel](ctx, m.ConnectionPooling, diags); named != nil {
		policy.Pooling = &cloudsql.Pooling{Enabled: named.Enabled.IsNull() || named.Enabled.ValueBool()}
		if !named.Flags.IsNull() {
			policy.Pooling.Flags = stringsOf(named.Flags)
		}
	}
}

// known is what the configuration says, or else what the plan has made of its saying nothing.
func known[T attr.Value](config, plan T) T {
	if config.IsNull() {
		return plan
	}
	return config
}

func pointerTo(v types.Int64) *int64 {
	if v.IsUnknown() {
		return nil
	}
	return v.ValueInt64Pointer()
}
