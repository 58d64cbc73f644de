package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

var _ datasource.DataSourceWithConfigure = (*indexAdviceDataSource)(nil)

// NewIndexAdviceDataSource makes the august_index_advice data source: which indexes a runtime's database lacks, and which are in its way.
func NewIndexAdviceDataSource() datasource.DataSource { return &indexAdviceDataSource{} }

type indexAdviceDataSource struct{ configuredDataSource }

// Metadata implements datasource.DataSource.
func (d *indexAdviceDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_index_advice"
}

// Schema implements datasource.DataSource.
func (d *indexAdviceDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, number, truth := shownText, shownNumber, shownTruth
	amount := func(description string) schema.Float64Attribute {
		return schema.Float64Attribute{MarkdownDescription: description, Computed: true}
	}
	texts := func(description string) schema.ListAttribute {
		return schema.ListAttribute{MarkdownDescription: description, Computed: true, ElementType: types.StringType}
	}
	list := func(description string, of map[string]schema.Attribute) schema.ListNestedAttribute {
		return schema.ListNestedAttribute{MarkdownDescription: description, Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: of}}
	}
	days := []validator.Float64{float64validator.Between(0.01, runtimeapi.AdviceWindowMost)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Which indexes the database of a sync runtime lacks for the statements that it is asked, and which are in its way: with what each saves and costs, and what speaks for it. " +
			"The runtime reads PostgreSQL's own statistics and the catalogue, inside of the network; statements come without literals, and no value of any row leaves it. " +
			"Nothing is made or dropped. A proposal becomes an index as an `august_index`, whose text is in `hcl`; it is a person's to copy: an index that is there is proposed no more, so that one which " +
			"`for_each` makes of the advice would be dropped by the next apply. It takes seconds, and two minutes at most. A runtime that does not answer is one of `problems`, not an error, and the rest is null then.",
		Attributes: map[string]schema.Attribute{
			"id": text("Address that was asked, `{endpoint}/v1/advice/indexes`."),
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`.",
				Required:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true, Computed: true,
			},
			"schemas": schema.SetAttribute{
				MarkdownDescription: "Only tables of these schemas. Default: all but PostgreSQL's and `august`, where the runtime keeps its own accounts.",
				Optional:            true, ElementType: types.StringType, Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()},
			},
			"window_days": schema.Float64Attribute{MarkdownDescription: "How many of the newest days of the workload the advice is on. Default: `7`.", Optional: true, Validators: days},
			"unused_days": schema.Float64Attribute{MarkdownDescription: "For how many days an index must have been watched before it is called unused. Default: `30`.", Optional: true, Validators: days},
			"least_percent": schema.Float64Attribute{
				MarkdownDescription: "Share of the workload's time that an index has to save, in percent. Default: `1`.",
				Optional:            true, Validators: []validator.Float64{float64validator.Between(0, 100)},
			},
			"most_proposals": schema.Int64Attribute{
				MarkdownDescription: "How many indexes are proposed at most. Default: `20`.", Optional: true, Validators: []validator.Int64{int64validator.Between(1, 200)},
			},
			"problems":   texts("What keeps the runtime from giving advice. Empty when it gave some."),
			"notes":      texts("What narrows the advice: statements that PostgreSQL had no room for, replicas that were not asked, roles that cannot be seen, a window that is shorter than was asked for."),
			"proof":      text("How gains were shown: `hypopg`, by PostgreSQL's planner as if the index were there, or `arithmetic`, by its cost formulas."),
			"from":       text("Beginning of the time that the figures are of, in RFC 3339."),
			"to":         text("Its end."),
			"statements": number("Statements that were understood and planned."),
			"seconds":    amount("Time that they took, of all calls."),
			"unread": list("Statements that no advice could be given on, by reason.", map[string]schema.Attribute{
				"reason": text("Why."), "statements": number("How many."), "seconds": amount("Time that they took."),
			}),
			"proposals": list("Indexes that are missing, the best first.", map[string]schema.Attribute{
				"schema": text("Schema of the table."), "table": text("Table."), "name": text("What the index could be called."),
				"statement":             text("It as SQL."),
				"hcl":                   text("It as an `august_index`."),
				"reason":                text("What it is for, in a sentence."),
				"proof":                 text("How its own gain was shown."),
				"saved_seconds_per_day": amount("Time that reading takes less, per day."),
				"saved_percent":         amount("The same as a share of the workload's time."),
				"write_seconds_per_day": amount("What keeping it takes, per day."),
				"bytes":                 number("How large it will be."),
				"warnings":              texts("What speaks against it, or has to be thought of."),
				"evidence": list("What it does to each statement, what gains most first. Costs are in the planner's unit.", map[string]schema.Attribute{
					"statement":      text("The statement, `$1` in place of each value."),
					"calls":          amount("How often it ran."),
					"seconds":        amount("Time that it took, of all calls."),
					"generic_before": amount("Its cost for values that are not known, without the index."),
					"generic_after":  amount("The same with it."),
					"literal_before": amount("Its mean cost for values as the columns have them, without the index; `0` when none could be drawn."),
					"literal_after":  amount("The same with it."),
					"statistics":     texts("What of the columns' statistics speaks for it."),
				}),
			}),
			"useless": list("Indexes that are in the way, and foreign keys without one.", map[string]schema.Attribute{
				"kind":   text("`unused`, `duplicate`, `redundant`, `invalid`, or `foreign_key_without_index`."),
				"schema": text("Schema of the table."), "table": text("Table."), "index": text("Name of the index, or of the foreign key."),
				"statement":             text("What to do about it, as SQL."),
				"reason":                text("Why, in a sentence."),
				"bytes":                 number("How large it is."),
				"write_seconds_per_day": amount("What keeping it takes, per day."),
				"evidence":              texts("What speaks for it."),
				"warnings":              texts("What speaks against it."),
			}),
			"hcl":     text("All proposals as `august_index` resources: an output with `-raw` writes it into a file."),
			"healthy": truth("Whether the runtime gave advice, and nothing is missing and nothing in the way: to assert on in a `check`."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *indexAdviceDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const title = "Index advice not read"
	var m indexAdviceModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if m.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	m.ID = types.StringValue(strings.TrimRight(m.Endpoint.ValueString(), "/") + runtimeapi.PathIndexAdvice)
	m.none()
	question := m.expand()
	for _, problem := range question.Validate() {
		at, _, _ := strings.Cut(problem.Field, "[")
		failAt(&resp.Diagnostics, path.Root(at), title, sentence(problem), nil)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	client, err := d.clients.Runtime(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
	if err != nil {
		fail(&resp.Diagnostics, title, "The runtime's control API cannot be called.", err)
		return
	}
	advice, err := client.WithPatience(syncPipelinePatience).IndexAdvice(ctx, question)
	switch {
	case runtimeapi.IsUnavailable(err): // a plan that would repair it goes on, and so does one that destroys it
		m.Problems = types.ListValueMust(types.StringType, []attr.Value{types.StringValue("The runtime gives no advice: " + reasonOf(err) + ".")})
		m.Healthy = types.BoolValue(false)
	case err != nil:
		blameRuntime(err, title, "The runtime at "+m.Endpoint.ValueString()+" gives no advice.", &resp.Diagnostics)
		return
	default:
		m.flatten(ctx, advice, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}
