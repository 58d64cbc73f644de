package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

var _ function.Function = cloudRunConcurrencyFunction{}

// NewCloudRunConcurrencyFunction makes the cloud_run_concurrency function: how a service is to be scaled for a load.
func NewCloudRunConcurrencyFunction() function.Function { return cloudRunConcurrencyFunction{} }

type cloudRunConcurrencyFunction struct{}

// Bounds of figures in the arguments, which keep the sums within their type.
const (
	leastFigure   = 0.001
	mostRate      = 100000
	mostMillis    = 3600000 // a request of Cloud Run ends after an hour
	mostBurst     = 10000
	leastCPU      = 0.08
	mostCPU       = 8
	mostPerTarget = 95 // what Cloud Run takes for either target
	leastTarget   = 10
)

var cloudRunConcurrencyTypes = map[string]attr.Type{
	"fits": types.BoolType, "concurrency": types.Int64Type, "min_instances": types.Int64Type, "max_instances": types.Int64Type,
	"connections": types.Int64Type, "requests_per_second": types.Float64Type,
	"lines": types.ListType{ElemType: types.StringType}, "explanation": types.StringType,
}

type cloudRunConcurrencyModel struct {
	Fits              bool     `tfsdk:"fits"`
	Concurrency       int64    `tfsdk:"concurrency"`
	MinInstances      int64    `tfsdk:"min_instances"`
	MaxInstances      int64    `tfsdk:"max_instances"`
	Connections       int64    `tfsdk:"connections"`
	RequestsPerSecond float64  `tfsdk:"requests_per_second"`
	Lines             []string `tfsdk:"lines"`
	Explanation       string   `tfsdk:"explanation"`
}

// Metadata implements function.Function.
func (cloudRunConcurrencyFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "cloud_run_concurrency"
}

// Definition implements function.Function.
func (cloudRunConcurrencyFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Says how many requests an instance of Cloud Run may have at once, and how many instances a load needs.",
		MarkdownDescription: "Says how many requests an instance of Cloud Run may have at once, and how many instances carry a load, by Little's law: what is in flight is the rate times how long each request takes. " +
			"The processors, the pool and the connections that the database has for the service each set a limit. The arithmetic comes with the result.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name:                "load",
				MarkdownDescription: "The requests: an object with `requests_per_second`, `latency_ms`, `cpu_ms`, and more as described below.",
			},
			function.DynamicParameter{
				Name:                "instance",
				MarkdownDescription: "One instance of the service: an object with `cpu`, `pool_max`, and more as described below.",
			},
		},
		Return: function.ObjectReturn{AttributeTypes: cloudRunConcurrencyTypes},
	}
}

// Run implements function.Function.
func (cloudRunConcurrencyFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var load, instance types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &load, &instance); resp.Error != nil {
		return
	}
	if !whollyKnown(load) || !whollyKnown(instance) {
		resp.Error = resp.Result.Set(ctx, types.ObjectUnknown(cloudRunConcurrencyTypes))
		return
	}
	of, on := &argument{index: 0}, &argument{index: 1}
	l, m := of.load(load), on.machine(instance)
	if of.err == nil && on.err == nil && l.CPU > l.Latency*max(1, m.CPU) {
		of.fail("load.cpu_ms", "a request that takes %s ms has at most %s ms of CPU on this instance, not %s", plainNumber(l.Latency), plainNumber(l.Latency*max(1, m.CPU)), plainNumber(l.CPU))
	}
	if resp.Error = function.ConcatFuncErrors(of.err, on.err); resp.Error != nil {
		return
	}
	c := advise.CloudRun(l, m)
	resp.Error = resp.Result.Set(ctx, cloudRunConcurrencyModel{
		Fits: c.Fits(), Concurrency: c.Concurrency, MinInstances: c.MinInstances, MaxInstances: c.MaxInstances,
		Connections: c.Connections, RequestsPerSecond: c.Rate, Lines: c.Lines, Explanation: c.Explanation(),
	})
}

// load reads the first argument.
func (a *argument) load(v attr.Value) advise.Load {
	r := a.record("load", v, "requests_per_second", "latency_ms", "cpu_ms", "database_ms", "burst_percent")
	l := advise.Load{
		Rate:    r.needDecimal("requests_per_second", leastFigure, mostRate),
		Latency: r.needDecimal("latency_ms", leastFigure, mostMillis),
		CPU:     r.needDecimal("cpu_ms", leastFigure, mostMillis),
		Burst:   r.decimal("burst_percent", advise.DefaultBurst, 0, mostBurst),
	}
	l.Database = r.decimal("database_ms", l.Latency, 0, mostMillis)
	if l.Database > l.Latency {
		a.fail(r.path("database_ms"), "a request that takes %s ms cannot have a connection for %s ms", plainNumber(l.Latency), plainNumber(l.Database))
	}
	return l
}

// machine reads the second argument.
func (a *argument) machine(v attr.Value) advise.Machine {
	r := a.record("instance", v, "cpu", "pool_max", "connections", "overlap_instances", "cpu_target_percent", "concurrency_target_percent")
	m := advise.Machine{
		CPU:               r.needDecimal("cpu", leastCPU, mostCPU),
		PoolMax:           r.need("pool_max", 1, mostConnections),
		Connections:       r.count("connections", 0, 1, mostConnections),
		CPUTarget:         r.decimal("cpu_target_percent", advise.DefaultCPUTarget, leastTarget, mostPerTarget),
		ConcurrencyTarget: r.decimal("concurrency_target_percent", advise.DefaultConcurrencyTarget, leastTarget, mostPerTarget),
	}
	if r.has("overlap_instances") {
		overlap := r.count("overlap_instances", 0, 0, mostInstances)
		m.Overlap = &overlap
	}
	return m
}
