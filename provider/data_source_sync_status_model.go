package provider

import (
	"context"
	"math"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type syncStatusModel struct {
	ID            types.String `tfsdk:"id"`
	Endpoint      types.String `tfsdk:"endpoint"`
	Audience      types.String `tfsdk:"audience"`
	Pipeline      types.String `tfsdk:"pipeline"`
	MaxLag        types.String `tfsdk:"max_lag"`
	Healthy       types.Bool   `tfsdk:"healthy"`
	Findings      types.List   `tfsdk:"findings"`
	Paused        types.Bool   `tfsdk:"paused"`
	NextRun       types.String `tfsdk:"next_run"`
	LastRun       types.Object `tfsdk:"last_run"`
	LastFull      types.Object `tfsdk:"last_full"`
	NextReconcile types.String `tfsdk:"next_reconcile"`
	LastReconcile types.Object `tfsdk:"last_reconcile"`
	Webhook       types.Object `tfsdk:"webhook"`
	LagSeconds    types.Map    `tfsdk:"lag_seconds"`
	Rows          types.Map    `tfsdk:"rows"`
	Claims        types.Map    `tfsdk:"claims"`
	Mismatches    types.List   `tfsdk:"mismatches"`
	CodaViews     types.Map    `tfsdk:"coda_views"`
	CallsThisHour types.Int64  `tfsdk:"calls_this_hour"`
}

type syncRunModel struct {
	ID         types.Int64  `tfsdk:"id"`
	State      types.String `tfsdk:"state"`
	Full       types.Bool   `tfsdk:"full"`
	StartedAt  types.String `tfsdk:"started_at"`
	FinishedAt types.String `tfsdk:"finished_at"`
	ResumeAt   types.String `tfsdk:"resume_at"`
	Error      types.String `tfsdk:"error"`
}

type fullSyncModel struct {
	FinishedAt types.String  `tfsdk:"finished_at"`
	Seconds    types.Float64 `tfsdk:"seconds"`
	Rows       types.Int64   `tfsdk:"rows"`
}

type lastReconcileModel struct {
	Run        types.Int64  `tfsdk:"run"`
	StartedAt  types.String `tfsdk:"started_at"`
	FinishedAt types.String `tfsdk:"finished_at"`
	Repair     types.Bool   `tfsdk:"repair"`
	Drift      types.Int64  `tfsdk:"drift"`
	Left       types.Int64  `tfsdk:"left"`
	Uncompared types.Int64  `tfsdk:"uncompared"`
	Problem    types.String `tfsdk:"problem"`
}

type webhookStatusModel struct {
	P50          types.Float64 `tfsdk:"p50_ms"`
	P95          types.Float64 `tfsdk:"p95_ms"`
	P99          types.Float64 `tfsdk:"p99_ms"`
	Parked       types.Int64   `tfsdk:"parked"`
	Pending      types.Int64   `tfsdk:"pending"`
	LastDelivery types.String  `tfsdk:"last_delivery"`
}

type mismatchModel struct {
	Reason   types.String `tfsdk:"reason"`
	Severity types.String `tfsdk:"severity"`
	Count    types.Int64  `tfsdk:"count"`
}

type codaStatusModel struct {
	Rows    types.Int64  `tfsdk:"rows"`
	Pending types.Int64  `tfsdk:"pending"`
	Error   types.String `tfsdk:"error"`
}

var (
	syncRunTypes = map[string]attr.Type{
		"id": types.Int64Type, "state": types.StringType, "full": types.BoolType, "started_at": types.StringType,
		"finished_at": types.StringType, "resume_at": types.StringType, "error": types.StringType,
	}
	fullSyncTypes      = map[string]attr.Type{"finished_at": types.StringType, "seconds": types.Float64Type, "rows": types.Int64Type}
	lastReconcileTypes = map[string]attr.Type{
		"run": types.Int64Type, "started_at": types.StringType, "finished_at": types.StringType, "repair": types.BoolType,
		"drift": types.Int64Type, "left": types.Int64Type, "uncompared": types.Int64Type, "problem": types.StringType,
	}
	webhookStatusTypes = map[string]attr.Type{
		"p50_ms": types.Float64Type, "p95_ms": types.Float64Type, "p99_ms": types.Float64Type,
		"parked": types.Int64Type, "pending": types.Int64Type, "last_delivery": types.StringType,
	}
	mismatchTypes   = map[string]attr.Type{"reason": types.StringType, "severity": types.StringType, "count": types.Int64Type}
	codaStatusTypes = map[string]attr.Type{"rows": types.Int64Type, "pending": types.Int64Type, "error": types.StringType}
)

// settle fills in defaults, and null for all that is yet to be read.
func (m *syncStatusModel) settle() (maxLag time.Duration) {
	if m.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	if m.MaxLag.IsNull() {
		m.MaxLag = types.StringValue(defaultMaxLag)
	}
	maxLag, _ = time.ParseDuration(m.MaxLag.ValueString()) // the schema has checked it
	m.ID = types.StringValue(m.declared().address())
	m.LastRun, m.LastFull, m.LastReconcile = types.ObjectNull(syncRunTypes), types.ObjectNull(fullSyncTypes), types.ObjectNull(lastReconcileTypes)
	m.Webhook = types.ObjectNull(webhookStatusTypes)
	m.LagSeconds, m.Rows, m.Claims = types.MapNull(types.Float64Type), types.MapNull(types.Int64Type), types.MapNull(types.Int64Type)
	m.Mismatches = types.ListNull(types.ObjectType{AttrTypes: mismatchTypes})
	m.CodaViews = types.MapNull(types.ObjectType{AttrTypes: codaStatusTypes})
	return maxLag
}

// declared is the pipeline as the resource knows it.
func (m syncStatusModel) declared() syncPipelineModel {
	return syncPipelineModel{Endpoint: m.Endpoint, Audience: m.Audience, Name: m.Pipeline}
}

// flatten takes everything from the status that the runtime gave.
func (m *syncStatusModel) flatten(ctx context.Context, status runtimeapi.Status) diag.Diagnostics {
	var diags diag.Diagnostics
	m.Paused, m.NextRun, m.CallsThisHour = types.BoolValue(status.Paused), momentOrNull(status.NextRun), types.Int64Value(status.CallsThisHour)
	if r := status.LastRun; r != nil {
		m.LastRun = objectOf(ctx, syncRunTypes, syncRunModel{
			ID: types.Int64Value(r.ID), State: types.StringValue(r.State), Full: types.BoolValue(r.Full), StartedAt: momentOrNull(r.StartedAt),
			FinishedAt: momentOrNull(r.FinishedAt), ResumeAt: momentOrNull(r.ResumeAt), Error: stringOrNull(r.Error),
		}, &diags)
	}
	if status.LastFull != nil {
		full := fullSyncModel{FinishedAt: momentOrNull(status.LastFull)}
		if r := status.FullRun; r != nil {
			var rows int64
			for _, f := range r.Feeds {
				rows += f.Read
			}
			full.Rows = types.Int64Value(rows)
			if r.StartedAt != nil && r.FinishedAt != nil {
				full.Seconds = types.Float64Value(milli(r.FinishedAt.Sub(*r.StartedAt).Seconds()))
			}
		}
		m.LastFull = objectOf(ctx, fullSyncTypes, full, &diags)
	}
	m.NextReconcile = momentOrNull(status.NextReconcile)
	if r := status.Reconcile; r != nil {
		m.LastReconcile = objectOf(ctx, lastReconcileTypes, lastReconcileModel{
			Run: types.Int64Value(r.Run), StartedAt: timeOrNull(r.StartedAt), FinishedAt: timeOrNull(r.FinishedAt), Repair: types.BoolValue(r.Repair),
			Drift: types.Int64Value(r.Drift), Left: types.Int64Value(r.Left), Uncompared: types.Int64Value(r.Uncompared), Problem: stringOrNull(r.Problems()),
		}, &diags)
	}
	if w := status.Webhook; w != nil {
		m.Webhook = objectOf(ctx, webhookStatusTypes, webhookStatusModel{
			milliOrNull(w.P50Ms), milliOrNull(w.P95Ms), milliOrNull(w.P99Ms), types.Int64Value(w.Parked), types.Int64Value(w.Pending), momentOrNull(w.LastDelivery),
		}, &diags)
	}
	lag := map[string]attr.Value{}
	for feed, seconds := range status.Lag {
		lag[feed] = types.Float64Value(milli(seconds))
	}
	m.LagSeconds = types.MapValueMust(types.Float64Type, lag)
	m.Rows, m.Claims = countsOf(status.Rows), countsOf(status.Claims)
	mismatches := []attr.Value{}
	for _, found := range status.Mismatches {
		mismatches = append(mismatches, objectOf(ctx, mismatchTypes, mismatchModel{
			types.StringValue(found.Reason), types.StringValue(found.Severity), types.Int64Value(found.Count),
		}, &diags))
	}
	m.Mismatches = types.ListValueMust(types.ObjectType{AttrTypes: mismatchTypes}, mismatches)
	views := map[string]attr.Value{}
	for _, view := range status.Coda {
		views[view.View] = objectOf(ctx, codaStatusTypes, codaStatusModel{
			types.Int64Value(view.Rows), types.Int64Value(view.Pending), stringOrNull(view.Error),
		}, &diags)
	}
	m.CodaViews = types.MapValueMust(types.ObjectType{AttrTypes: codaStatusTypes}, views)
	return diags
}

func momentOrNull(t *time.Time) types.String {
	if t == nil {
		return types.StringNull()
	}
	return timeOrNull(*t)
}

func countsOf(counts map[string]int64) types.Map {
	values := make(map[string]attr.Value, len(counts))
	for name, n := range counts {
		values[name] = types.Int64Value(n)
	}
	return types.MapValueMust(types.Int64Type, values)
}

func milliOrNull(v *float64) types.Float64 {
	if v == nil {
		return types.Float64Null()
	}
	return types.Float64Value(milli(*v))
}

// milli rounds to three places.
func milli(v float64) float64 { return math.Round(v*1000) / 1000 }
