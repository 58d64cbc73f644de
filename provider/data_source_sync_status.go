package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	// A pipeline that runs once a day is a day behind just before its next run has ended.
	defaultMaxLag = "26h"
	// One answer of the runtime takes no longer, however busy its database.
	syncStatusTimeout = 30 * time.Second
)

var _ datasource.DataSourceWithConfigure = (*syncStatusDataSource)(nil)

// NewSyncStatusDataSource makes the august_sync_status data source: what a pipeline has achieved so far, and in what it
// falls short.
func NewSyncStatusDataSource() datasource.DataSource { return &syncStatusDataSource{} }

type syncStatusDataSource struct{ configuredDataSource }

// Metadata implements datasource.DataSource.
func (d *syncStatusDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_sync_status"
}

// Schema implements datasource.DataSource.
func (d *syncStatusDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, number, truth := shownText, shownNumber, shownTruth
	millis := func(about string) schema.Float64Attribute {
		return schema.Float64Attribute{MarkdownDescription: about, Computed: true}
	}
	counts := func(description string) schema.MapAttribute {
		return schema.MapAttribute{MarkdownDescription: description, Computed: true, ElementType: types.Int64Type}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a pipeline of a sync runtime has achieved so far, and in what it falls short: to look at, or to assert on in a `check`. " +
			"It holds counts and times only, nothing of a patient. A runtime that does not answer and a pipeline that is not declared are findings, not errors: " +
			"a plan that would repair them goes on. Everything but `healthy` and `findings` is null then.",
		Attributes: map[string]schema.Attribute{
			"id": text("Address of the pipeline, `{endpoint}/v1/pipelines/{pipeline}`."),
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`, or the `endpoint` of an `august_sync_pipeline`.",
				Required:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true, Computed: true,
			},
			"pipeline": schema.StringAttribute{
				MarkdownDescription: "Name of the pipeline on its runtime.", Required: true, Validators: []validator.String{pipelineName()},
			},
			"max_lag": schema.StringAttribute{
				MarkdownDescription: "How old the data of a feed may be, such as `45m` or `26h`; older is the finding `LAGGING`. Default: `26h`, a day and two hours for the run itself.",
				Optional:            true, Computed: true,
				Validators: []validator.String{durationBetween(time.Second, 90*24*time.Hour)},
			},
			"healthy": truth("Whether nothing is found that is worse than `info`."),
			"findings": findingsAttribute("Everything in which the pipeline falls short, the worst first; empty when there is nothing. Codes: "+
				codeList([]string{
					"UNREACHABLE", "NOT_DECLARED", "NEVER_SYNCED", "LAST_RUN_FAILED", "ROWS_LEFT_OUT", "LAGGING", "LAG_UNKNOWN", "DRIFT_LEFT", "NOT_COMPARED",
					"RECONCILE_FAILED", "RECONCILE_OVERDUE", "PAUSED", "WEBHOOK_PARKED", "WEBHOOK_SLOW", "CODA_FAILING", "PARKED", "CODA_BEHIND", "BOOKS_DIFFER",
				})+".", "LAGGING",
				"`critical`: data is missing, or nothing goes on by itself; `warning`: data is older or less complete than was meant; `info`: it passes by itself, or is the data's own affair."),
			"paused":   truth("Whether the pipeline rests."),
			"next_run": text("When the schedule fires next, in RFC 3339; null when it never does."),
			"last_run": schema.SingleNestedAttribute{
				MarkdownDescription: "The newest sync, which may be under way; null before the first.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"id":          number("Its number."),
					"state":       text("`pending`, `running`, `parked` (waits for the source's call budget, or for a source that is down), `succeeded` or `failed`."),
					"full":        truth("Whether it reads everything again."),
					"started_at":  text("When it began, in RFC 3339."),
					"finished_at": text("When it ended."),
					"resume_at":   text("When it goes on, while it is parked."),
					"error":       text("What went wrong and what to do; null when nothing did."),
				},
			},
			"last_full": schema.SingleNestedAttribute{
				MarkdownDescription: "The newest full sync that succeeded; null before the first.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"finished_at": text("When it ended, in RFC 3339."),
					"seconds":     schema.Float64Attribute{MarkdownDescription: "How long it took, with the time in which it was parked.", Computed: true},
					"rows":        number("Rows that it read."),
				},
			},
			"next_reconcile": text("When the schedule of comparisons with DrChrono fires next, in RFC 3339; null when it never does."),
			"last_reconcile": schema.SingleNestedAttribute{
				MarkdownDescription: "The newest comparison of the tables with DrChrono that has ended; null before the first.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"run":         number("Number of its run."),
					"started_at":  text("When it began, in RFC 3339."),
					"finished_at": text("When it ended."),
					"repair":      truth("Whether it was to repair what differs."),
					"drift":       number("Rows that differed, without those that the next sync would have brought."),
					"left":        number("Of them, those that were not repaired."),
					"uncompared":  number("Rows, and parts of lists, of which it is not known whether they differ."),
					"problem":     text("What kept it from comparing everything, and what to do; null when nothing did."),
				},
			},
			"webhook": schema.SingleNestedAttribute{
				MarkdownDescription: "How deliveries of the events that the pipeline names in `webhook_events` fare; null when it names none.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"p50_ms":        millis("Time from receipt to commit that half of the last hour's deliveries stayed below, in milliseconds, as measured of the newest 10,000; null when there was none."),
					"p95_ms":        millis("The same of 95 in 100."),
					"p99_ms":        millis("The same of 99 in 100."),
					"parked":        number("Deliveries that could not be applied and wait for a person: see `august-sync webhook parked`."),
					"pending":       number("Deliveries in the inbox that wait to be applied, of all events, without those that Pub/Sub holds."),
					"last_delivery": text("When the newest was received, in RFC 3339; null when there was none of late."),
				},
			},
			"lag_seconds": schema.MapAttribute{
				MarkdownDescription: "How old the data of each feed is: seconds since its newest complete sweep began. A feed that never had one is left out.",
				Computed:            true, ElementType: types.Float64Type,
			},
			"rows":   counts("Rows held per table, without those that are deleted at the source."),
			"claims": counts("Claims by status: `not_billed`, `submitted`, `pending`, `paid`, `denied`, `unknown`."),
			"mismatches": schema.ListNestedAttribute{
				MarkdownDescription: "Places in which line items, transactions and patient payments disagree now, counted, the worst first.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"reason":   text("What disagrees, such as `posting_drift`."),
					"severity": text("`fault`: two records of the same money disagree; `warning`: somebody has to look; `info`: it may be right, or passes by itself."),
					"count":    number("In how many places."),
				}},
			},
			"coda_views": schema.MapNestedAttribute{
				MarkdownDescription: "How far each view has got in Coda, by name of the view.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"rows":    number("Rows that Coda has confirmed."),
					"pending": number("Rows that wait."),
					"error":   text("What went wrong and what to do; null when nothing did."),
				}},
			},
			"calls_this_hour": number("Calls used of DrChrono's budget for this clock hour, by everything that shares its application."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *syncStatusDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const title = "Sync status not read"
	var m syncStatusModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	maxLag := m.settle()
	client, err := d.clients.Runtime(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
	if err != nil {
		fail(&resp.Diagnostics, title, "The runtime's control API cannot be called.", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, syncStatusTimeout)
	defer cancel()
	status, err := client.WithPatience(syncPipelinePatience).Status(ctx, m.Pipeline.ValueString())
	var found []runtimeapi.Finding
	switch {
	case runtimeapi.IsNotFound(err):
		found = []runtimeapi.Finding{{Code: "NOT_DECLARED", Severity: runtimeapi.SeverityCritical,
			Message: "The runtime has no pipeline " + m.Pipeline.ValueString() + "."}}
	case runtimeapi.IsUnavailable(err):
		found = []runtimeapi.Finding{{Code: "UNREACHABLE", Severity: runtimeapi.SeverityCritical, Message: "The runtime does not say how it stands: " + reasonOf(err) + "."}}
	case err != nil:
		m.blame(ctx, err, title, &resp.Diagnostics)
		return
	default:
		resp.Diagnostics.Append(m.flatten(ctx, status)...)
		found = status.Findings(maxLag)
	}
	m.Healthy, m.Findings = judge(ctx, found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// reasonOf is what the control API or its client says of an error, without its code.
func reasonOf(err error) string {
	var e *runtimeapi.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// blame turns an error into a diagnostic, as for the pipeline itself when it is about who may ask.
func (m syncStatusModel) blame(ctx context.Context, err error, title string, diags *diag.Diagnostics) {
	var problem *runtimeapi.Error
	if errors.As(err, &problem) {
		switch problem.Code {
		case runtimeapi.CodeUnauthenticated, runtimeapi.CodeDenied, runtimeapi.CodeInvalid:
			m.declared().blame(ctx, err, title, diags)
			return
		}
	}
	fail(diags, title, "How the pipeline "+m.declared().address()+" stands could not be read.", err)
}
