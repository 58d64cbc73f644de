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
	fullSyncTypes   = map[string]attr.Type{"finished_at": types.StringType, "seconds": types.Float64Type, "rows": types.Int64Type}
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
	m.LastRun, m.LastFull = types.ObjectNull(syncRunTypes), types.ObjectNull(fullSyncTypes)
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

// milli rounds to three places.
func milli(v float64) float64 { return math.Round(v*1000) / 1000 }
