package provider

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

var _ function.Function = apiCallBudgetFunction{}

// NewAPICallBudgetFunction makes the api_call_budget function: what pipelines need of DrChrono's hourly calls.
func NewAPICallBudgetFunction() function.Function { return apiCallBudgetFunction{} }

type apiCallBudgetFunction struct{}

// Bounds of figures in the arguments.
const (
	mostCalls = 1_000_000
	mostRows  = 1_000_000_000
)

var apiCallCostTypes = map[string]attr.Type{
	"run": types.Int64Type, "starts": types.Int64Type, "per_hour": types.Int64Type, "full": types.Int64Type, "reconcile_per_hour": types.Int64Type,
}

var apiCallBudgetTypes = map[string]attr.Type{
	"fits": types.BoolType, "need": types.Int64Type, "have": types.Int64Type, "left": types.Int64Type, "steady": types.Int64Type,
	"full": types.Int64Type, "full_hours": types.Int64Type,
	"pipelines": types.MapType{ElemType: types.ObjectType{AttrTypes: apiCallCostTypes}},
	"lines":     types.ListType{ElemType: types.StringType}, "explanation": types.StringType,
}

type apiCallCostModel struct {
	Run     int64 `tfsdk:"run"`
	Starts  int64 `tfsdk:"starts"`
	PerHour int64 `tfsdk:"per_hour"`
	Full    int64 `tfsdk:"full"`

	ReconcilePerHour int64 `tfsdk:"reconcile_per_hour"`
}

type apiCallBudgetModel struct {
	Fits        bool                        `tfsdk:"fits"`
	Need        int64                       `tfsdk:"need"`
	Have        int64                       `tfsdk:"have"`
	Left        int64                       `tfsdk:"left"`
	Steady      int64                       `tfsdk:"steady"`
	Full        int64                       `tfsdk:"full"`
	FullHours   *int64                      `tfsdk:"full_hours"`
	Pipelines   map[string]apiCallCostModel `tfsdk:"pipelines"`
	Lines       []string                    `tfsdk:"lines"`
	Explanation string                      `tfsdk:"explanation"`
}

// Metadata implements function.Function.
func (apiCallBudgetFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "api_call_budget"
}

// Definition implements function.Function.
func (apiCallBudgetFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Holds the calls that pipelines make against those that DrChrono allows an application in an hour.",
		MarkdownDescription: "Holds the calls that pipelines make, by their schedules and the practice's size, against those that DrChrono allows an application in a clock hour, and says how long a full " +
			"sync takes beside them. The arithmetic comes with the result, for the message of a `precondition`, a `check` or a `validation` that fails.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name:                "application",
				MarkdownDescription: "The DrChrono application and its practice: an object, with what is described below; `{}` for the defaults.",
			},
			function.DynamicParameter{
				Name:                "pipelines",
				MarkdownDescription: "What syncs with it: a map of objects by the pipelines' names, or a list of them, each with `dataset` and `schedule`, and more as described below.",
			},
		},
		Return: function.ObjectReturn{AttributeTypes: apiCallBudgetTypes},
	}
}

// Run implements function.Function.
func (apiCallBudgetFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var application, pipelines types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &application, &pipelines); resp.Error != nil {
		return
	}
	if !whollyKnown(application) || !whollyKnown(pipelines) {
		resp.Error = resp.Result.Set(ctx, types.ObjectUnknown(apiCallBudgetTypes))
		return
	}
	of, needs := &argument{index: 0}, &argument{index: 1}
	r := of.record("application", application, "calls_per_hour", "other_calls_per_hour", "reserve_percent", "visits", "visits_per_day")
	limits := advise.CallLimits{
		PerHour:        r.count("calls_per_hour", advise.DefaultCallsPerHour, 1, mostCalls),
		Other:          r.count("other_calls_per_hour", 0, 0, mostCalls),
		ReservePercent: r.count("reserve_percent", advise.DefaultReservePercent, 0, 90),
	}
	visits, daily := r.count("visits", 0, 0, mostRows), r.count("visits_per_day", 0, 0, mostRows)
	all := needs.callPipelines(pipelines, visits, daily)
	if resp.Error = function.ConcatFuncErrors(of.err, needs.err); resp.Error != nil {
		return
	}
	b := advise.Calls(limits, all)
	result := apiCallBudgetModel{
		Fits: b.Fits(), Need: b.Worst, Have: b.Have, Left: b.Left(), Steady: int64(b.Steady + 0.5), Full: b.Full,
		Pipelines: map[string]apiCallCostModel{}, Lines: b.Lines, Explanation: b.Explanation(),
	}
	if b.FullHours > 0 || b.Full == 0 {
		result.FullHours = &b.FullHours
	}
	for _, p := range b.Pipelines {
		result.Pipelines[p.Name] = apiCallCostModel{p.Run, p.Starts, p.PerHour, p.Full, int64(math.Ceil(p.Reconcile))}
	}
	resp.Error = resp.Result.Set(ctx, result)
}

// callPipelines reads the second argument.
func (a *argument) callPipelines(v attr.Value, visits, daily int64) []advise.CallPipeline {
	var all []advise.CallPipeline
	for _, e := range a.entries("pipelines", v) {
		r := a.record(e.at, e.value, "name", "dataset", "schedule", "reconcile", "paused", "rows", "changed_rows")
		p := advise.CallPipeline{Name: e.name(r), Cron: r.text("schedule")}
		p.Schedule = r.schedule()
		if r.has("reconcile") {
			of := r.record(r.path("reconcile"), r.values["reconcile"], "schedule", "repair")
			if p.ReconcileCron = of.text("schedule"); p.ReconcileCron == "" {
				a.fail(of.at, "schedule is missing")
			}
			p.Reconcile = of.schedule()
		}
		if r.flag("paused", false) {
			p.Schedule, p.Reconcile = nil, nil
		}
		dataset := r.text("dataset")
		feeds, ok := advise.CallDatasets[dataset]
		switch {
		case dataset == "":
			a.fail(r.at, "dataset is missing")
		case !ok:
			a.fail(r.path("dataset"), "%q is no dataset; there are %s", dataset, strings.Join(slices.Sorted(maps.Keys(advise.CallDatasets)), ", "))
		}
		names := make([]string, len(feeds))
		for i, f := range feeds {
			names[i] = f.Name
		}
		rows, changed := r.sizes("rows", names), r.sizes("changed_rows", names)
		for _, f := range feeds {
			f = f.OfVisits(visits, daily)
			f.Rows = rows.count(f.Name, f.Rows, 0, mostRows)
			f.Changed = changed.count(f.Name, f.Changed, 0, mostRows)
			p.Feeds = append(p.Feeds, f)
		}
		all = append(all, p)
	}
	return all
}

// schedule is the attribute of that name, nil when it is left out.
func (r record) schedule() advise.Schedule {
	cron := r.text("schedule")
	if cron == "" {
		return nil
	}
	schedule, err := runtimeapi.ParseSchedule(cron)
	if err != nil {
		r.fail(r.path("schedule"), "%s", err)
		return nil
	}
	return schedule
}

// sizes is an object of figures by object of DrChrono, empty when it is left out.
func (r record) sizes(name string, known []string) record {
	if !r.has(name) {
		return record{r.argument, r.path(name), nil}
	}
	return r.record(r.path(name), r.values[name], known...)
}
