package provider

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

var _ datasource.DataSourceWithConfigure = (*schemaCoverageDataSource)(nil)

// NewSchemaCoverageDataSource makes the august_schema_coverage data source: which columns of a runtime's database a policy does not
// cover, and what would do.
func NewSchemaCoverageDataSource() datasource.DataSource { return &schemaCoverageDataSource{} }

type schemaCoverageDataSource struct{ configuredDataSource }

type schemaCoverageModel struct {
	ID       types.String `tfsdk:"id"`
	Endpoint types.String `tfsdk:"endpoint"`
	Audience types.String `tfsdk:"audience"`
	Policy   types.Object `tfsdk:"policy"`
	Complete types.Bool   `tfsdk:"complete"`
	Tables   types.Map    `tfsdk:"tables"`
	Unmapped types.List   `tfsdk:"unmapped"`
	Problems types.List   `tfsdk:"problems"`
	HCL      types.String `tfsdk:"hcl"`
}

type unmappedModel struct {
	Table      types.String `tfsdk:"table"`
	Column     types.String `tfsdk:"column"`
	Type       types.String `tfsdk:"type"`
	Class      types.String `tfsdk:"class"`
	Suggestion types.String `tfsdk:"suggestion"`
}

var unmappedType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"table": types.StringType, "column": types.StringType, "type": types.StringType, "class": types.StringType, "suggestion": types.StringType,
}}

// Metadata implements datasource.DataSource.
func (d *schemaCoverageDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_schema_coverage"
}

// Schema implements datasource.DataSource.
func (d *schemaCoverageDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Holds a policy against the database of a sync runtime: which columns have no rule, what would do for each, and a policy in HCL that covers all. Left out, the policy is one that covers nothing, and `hcl` one to begin with. " +
			"The runtime is asked for names and types only; no value of any row leaves it. An `august_staging_anonymization` checks the same at every plan and fails it; this shows. A runtime that does not answer is one of `problems`, not an error, and everything but `complete` is null then.",
		Attributes: map[string]schema.Attribute{
			"id": shownText("Address that was asked, `{endpoint}/v1/catalog`."),
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`.",
				Required:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true, Computed: true,
			},
			"policy":   policyAttribute(false, "The policy, as in `august_staging_anonymization`."),
			"complete": shownTruth("Whether the policy could be used: it covers everything, and nothing else is in its way."),
			"tables": schema.MapAttribute{
				MarkdownDescription: "Columns without a rule by table, of all tables that hold rows and are not excluded; `0` where the table is covered.",
				Computed:            true, ElementType: types.Int64Type,
			},
			"unmapped": schema.ListNestedAttribute{
				MarkdownDescription: "Columns without a rule.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"table":      shownText("The table, as `schema.table`."),
					"column":     shownText("The column."),
					"type":       shownText("Its type."),
					"class":      shownText("Class of identifiers, `A` to `R`, that it seems to hold by its name and type; null for none."),
					"suggestion": shownText("A rule in HCL that is safe whatever the column holds."),
				}},
			},
			"problems": schema.ListAttribute{
				MarkdownDescription: "What else keeps the policy from being used, such as a method that it does not qualify for or an attestation that has expired. Empty without a policy.",
				Computed:            true, ElementType: types.StringType,
			},
			"hcl": shownText("The policy with a rule for every column that has none, as the value of `policy`: `terraform console`, or an output with `-raw`, writes it into a file. What it suggests errs on the side of taking out; the attestation is for a person to give."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *schemaCoverageDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const title = "Schema coverage not read"
	var m schemaCoverageModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if m.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	m.ID = types.StringValue(strings.TrimRight(m.Endpoint.ValueString(), "/") + runtimeapi.PathCatalog)
	c, err := d.clients.catalogOf(ctx, m.Endpoint.ValueString(), m.Audience.ValueString())
	switch {
	case runtimeapi.IsUnavailable(err): // a plan that would repair it goes on, and so does one that destroys it
		m.Complete, m.Tables, m.Unmapped = types.BoolValue(false), types.MapNull(types.Int64Type), types.ListNull(unmappedType)
		m.Problems = types.ListValueMust(types.StringType, []attr.Value{types.StringValue("The runtime does not say what its database is made of: " + reasonOf(err) + ".")})
	case err != nil:
		blameCatalog(err, title, "", &resp.Diagnostics)
		return
	default:
		m.flatten(ctx, c, expandPolicy(ctx, m.Policy, &resp.Diagnostics), time.Now(), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// flatten holds the policy, nil for none, against a database.
func (m *schemaCoverageModel) flatten(ctx context.Context, c *catalog.Catalog, p *policy.Policy, now time.Time, diags *diag.Diagnostics) {
	declared := p != nil
	if !declared {
		p = &policy.Policy{}
	}
	tables, missing, problems := map[string]int64{}, []unmappedModel{}, []string{}
	for i := range c.Tables {
		t := &c.Tables[i]
		_, out := p.Excluded(c, t)
		if out || t.Kind != catalog.KindTable && t.Kind != catalog.KindPartitioned {
			continue
		}
		tables[t.Path()] = 0
		for j := range t.Columns {
			column := &t.Columns[j]
			if _, named := p.Tables[t.Path()].Columns[column.Name]; named {
				continue
			}
			rule, class := policy.Suggest(t, column)
			tables[t.Path()]++
			missing = append(missing, unmappedModel{
				types.StringValue(t.Path()), types.StringValue(column.Name), types.StringValue(column.Type), stringOrNull(class), types.StringValue(ruleHCL(rule)),
			})
		}
	}
	if declared {
		for _, f := range policy.Check(p, c, now) {
			if !unmapped(p, c, f) {
				problems = append(problems, f.String())
			}
		}
	}
	list, d := types.ListValueFrom(ctx, unmappedType, missing)
	diags.Append(d...)
	texts, d := types.ListValueFrom(ctx, types.StringType, problems)
	diags.Append(d...)
	m.Complete = types.BoolValue(declared && len(missing) == 0 && len(problems) == 0)
	m.Tables, m.Unmapped, m.Problems = countsOf(tables), list, texts
	m.HCL = types.StringValue(string(policy.HCL(completed(p, c))))
}

// completed is a policy with rules for what it does not name.
func completed(p *policy.Policy, c *catalog.Catalog) *policy.Policy {
	method := p.Method
	if method == "" {
		method = policy.SafeHarbor
	}
	starter := policy.Starter(c, method)
	if len(p.Tables) == 0 && len(p.Exclude) == 0 {
		return starter
	}
	full := *p
	full.Tables = maps.Clone(p.Tables)
	for name, t := range starter.Tables {
		of := c.Table(name)
		if _, out := p.Excluded(c, of); out {
			continue
		}
		own, listed := p.Tables[name]
		if !listed {
			full.Tables[name] = t
			continue
		}
		own.Columns = together(t.Columns, own.Columns)
		full.Tables[name] = own
	}
	return &full
}
