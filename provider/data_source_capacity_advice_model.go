package provider

import (
	"context"
	"math"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/advise/capacity"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type capacityAdviceModel struct {
	ID                   types.String  `tfsdk:"id"`
	Instance             types.String  `tfsdk:"instance"`
	Project              types.String  `tfsdk:"project"`
	Endpoint             types.String  `tfsdk:"endpoint"`
	Audience             types.String  `tfsdk:"audience"`
	Window               types.String  `tfsdk:"window"`
	BurstPercent         types.Float64 `tfsdk:"burst_percent"`
	MaxConnections       types.Int64   `tfsdk:"max_connections"`
	ReservedConnections  types.Int64   `tfsdk:"reserved_connections"`
	OtherConnections     types.Int64   `tfsdk:"other_connections"`
	Services             types.Map     `tfsdk:"services"`
	Fits                 types.Bool    `tfsdk:"fits"`
	Advice               types.Map     `tfsdk:"advice"`
	Connections          types.Int64   `tfsdk:"connections"`
	AvailableConnections types.Int64   `tfsdk:"available_connections"`
	BusyConnections      types.Float64 `tfsdk:"busy_connections"`
	Explanation          types.String  `tfsdk:"explanation"`
	Healthy              types.Bool    `tfsdk:"healthy"`
	Findings             types.List    `tfsdk:"findings"`
}

// capacityServiceModel is one of the services, as it is declared.
type capacityServiceModel struct {
	Service           types.String  `tfsdk:"service"`
	Location          types.String  `tfsdk:"location"`
	Project           types.String  `tfsdk:"project"`
	DatabaseUser      types.String  `tfsdk:"database_user"`
	PoolVariable      types.String  `tfsdk:"pool_variable"`
	PoolMax           types.Int64   `tfsdk:"pool_max"`
	LeastPool         types.Int64   `tfsdk:"least_pool"`
	Processes         types.Int64   `tfsdk:"processes"`
	BesideConnections types.Int64   `tfsdk:"beside_connections"`
	Pooled            types.Bool    `tfsdk:"pooled"`
	CPU               types.Float64 `tfsdk:"cpu"`
	BurstPercent      types.Float64 `tfsdk:"burst_percent"`
	Sudden            types.Bool    `tfsdk:"sudden"`
	DrainSeconds      types.Float64 `tfsdk:"drain_seconds"`
	RequestsPerSecond types.Float64 `tfsdk:"requests_per_second"`
	PeakRequests      types.Float64 `tfsdk:"peak_requests_per_second"`
	LatencyMS         types.Float64 `tfsdk:"latency_ms"`
	CPUMS             types.Float64 `tfsdk:"cpu_ms"`
	DatabaseMS        types.Float64 `tfsdk:"database_ms"`
	StartMS           types.Float64 `tfsdk:"start_ms"`
	MessagesPerSecond types.Float64 `tfsdk:"messages_per_second"`
	PeakMessages      types.Float64 `tfsdk:"peak_messages_per_second"`
	BatchFixedMS      types.Float64 `tfsdk:"batch_fixed_ms"`
	MessageMS         types.Float64 `tfsdk:"message_ms"`
}

// capacityAdvisedModel is what one of them is to be set to.
type capacityAdvisedModel struct {
	PoolMax           types.Int64   `tfsdk:"pool_max"`
	Concurrency       types.Int64   `tfsdk:"concurrency"`
	MinInstances      types.Int64   `tfsdk:"min_instances"`
	MaxInstances      types.Int64   `tfsdk:"max_instances"`
	Kept              types.Bool    `tfsdk:"kept"`
	Fits              types.Bool    `tfsdk:"fits"`
	RequestsPerSecond types.Float64 `tfsdk:"requests_per_second"`
	MaxMessages       types.Int64   `tfsdk:"max_messages"`
	MaxOutstanding    types.Int64   `tfsdk:"max_outstanding_messages"`
	AckDeadline       types.Int64   `tfsdk:"ack_deadline_seconds"`
	Consumers         types.Int64   `tfsdk:"consumers"`
	Unknown           types.List    `tfsdk:"unknown"`
	Explanation       types.String  `tfsdk:"explanation"`
}

var capacityAdvisedType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"pool_max": types.Int64Type, "concurrency": types.Int64Type, "min_instances": types.Int64Type, "max_instances": types.Int64Type,
	"kept": types.BoolType, "fits": types.BoolType, "requests_per_second": types.Float64Type,
	"max_messages": types.Int64Type, "max_outstanding_messages": types.Int64Type, "ack_deadline_seconds": types.Int64Type, "consumers": types.Int64Type,
	"unknown": types.ListType{ElemType: types.StringType}, "explanation": types.StringType,
}}

// settle puts the defaults in.
func (m *capacityAdviceModel) settle(project types.String) {
	m.Project = project
	m.ID = types.StringValue("projects/" + project.ValueString() + "/instances/" + m.Instance.ValueString())
	if m.Window.IsNull() {
		m.Window = types.StringValue("24h")
	}
	if m.BurstPercent.IsNull() {
		m.BurstPercent = types.Float64Value(defaultBurstPercent)
	}
	if m.ReservedConnections.IsNull() {
		m.ReservedConnections = types.Int64Value(advise.DefaultReserved)
	}
}

// services is those that are declared and known.
func (m *capacityAdviceModel) services(ctx context.Context, diags *diag.Diagnostics) map[string]capacityServiceModel {
	all := map[string]capacityServiceModel{}
	for name, value := range m.Services.Elements() {
		o, ok := value.(types.Object)
		if !ok {
			continue
		}
		if s := objectAs[capacityServiceModel](ctx, o, diags); s != nil {
			all[name] = *s
		}
	}
	return all
}

func (m *capacityAdviceModel) flatten(ctx context.Context, p capacity.Plan, diags *diag.Diagnostics) {
	advised := map[string]attr.Value{}
	for _, a := range p.Services {
		one := capacityAdvisedModel{Kept: types.BoolValue(a.Kept), Fits: types.BoolValue(a.Fits), RequestsPerSecond: types.Float64Value(places(a.Rate)), Explanation: types.StringValue(a.Explanation())}
		if s := a.Settings; s != nil {
			one.PoolMax, one.Concurrency = types.Int64Value(s.PoolMax), types.Int64Value(s.Concurrency)
			one.MinInstances, one.MaxInstances = types.Int64Value(s.MinInstances), types.Int64Value(s.MaxInstances)
		}
		if b := a.Batch; b != nil && b.Known {
			one.MaxMessages, one.MaxOutstanding = types.Int64Value(b.MaxMessages), types.Int64Value(b.MaxOutstanding)
			one.AckDeadline, one.Consumers = types.Int64Value(b.AckDeadline), types.Int64Value(b.Consumers)
		}
		unknown, d := types.ListValueFrom(ctx, types.StringType, append([]string{}, a.Unknown...))
		diags.Append(d...)
		one.Unknown = unknown
		advised[a.Name] = objectOf(ctx, capacityAdvisedType.AttrTypes, one, diags)
	}
	m.Advice = types.MapValueMust(capacityAdvisedType, advised)
	m.Fits = types.BoolValue(p.Fits())
	m.Connections, m.AvailableConnections = types.Int64Value(p.Budget.Need), types.Int64Value(p.Budget.Have)
	m.BusyConnections, m.Explanation = types.Float64Value(places(p.Busy)), types.StringValue(p.Budget.Explanation())
	found := make([]runtimeapi.Finding, 0, len(p.Findings))
	for _, f := range p.Findings {
		found = append(found, runtimeapi.Finding{Code: f.Code, Severity: f.Severity, Message: f.Message})
	}
	m.Healthy, m.Findings = judge(ctx, found, diags)
}

// places is a figure with two of them, for people.
func places(x float64) float64 { return math.Round(x*100) / 100 }
