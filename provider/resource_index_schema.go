package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Schema implements resource.Resource.
func (r *indexResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	optional := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Optional: true}
	}
	const expressions = "One expression, as PostgreSQL has it in an index: immutable, of this table's columns, with nothing but what PostgreSQL and its extensions bring."
	resp.Schema = schema.Schema{
		MarkdownDescription: "An index of the database of a sync runtime, made and dropped concurrently: nothing is kept from reading or writing meanwhile. " +
			"The runtime does it in the background, one at a time, and another instance takes over when one ends; the apply waits for it, and tells how far it is in its log (`TF_LOG=INFO`). " +
			"When its time runs out, the index goes on being made, and the next apply waits for the rest. " +
			"PostgreSQL waits, before an index can be used, for every transaction that is older: one that is left open holds it up, and an apply that gives up says which. " +
			"An index that is not valid, as an interrupted build leaves, is shown as such by the next plan, and made anew. " +
			"Whatever differs is another index: it is dropped and made, or, with `create_before_destroy` and without `name`, made first. " +
			"Not for partitioned tables, whose indexes PostgreSQL makes and drops under locks: declare one for each partition. " +
			"`august_index_advice` proposes indexes.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{MarkdownDescription: "Address of the index, `{endpoint}/v1/indexes/{schema}/{name}`.", Computed: true},
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of the runtime: the `uri` of an `august_sync_runtime`. A new address of the same runtime is an update in place.",
				Required:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true, Computed: true,
			},
			"schema": schema.StringAttribute{MarkdownDescription: "Schema of the table, and so of the index.", Required: true},
			"table":  schema.StringAttribute{MarkdownDescription: "Table, or materialised view, that the index is of. The runtime's database user owns it.", Required: true},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the index. Default: `august_{table}_{columns}_idx`, with a few letters that depend on everything else that is not the default.",
				Optional:            true, Computed: true,
			},
			"columns": schema.ListNestedAttribute{
				MarkdownDescription: "What the index is by, in this order.",
				Required:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues()},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"column":     optional("Name of a column. A key is this or `expression`."),
					"expression": optional(expressions + " Such as `lower(name)` or `raw ->> 'state'`."),
					"order": schema.StringAttribute{
						MarkdownDescription: "`asc` or `desc`. Default: `asc`. Matters for a query that sorts by several columns in different directions.",
						Optional:            true, Computed: true, Default: stringdefault.StaticString(runtimeapi.OrderAscending),
					},
					"nulls":          optional("`first` or `last`. Default: `last` in ascending order, `first` in descending."),
					"operator_class": optional("Operator class, such as `text_pattern_ops` for `LIKE 'x%'` or `jsonb_path_ops` for `@>`. Default: that of the type."),
					"collation":      optional("Collation, such as `C`. Default: that of the column."),
				}},
			},
			"method": schema.StringAttribute{
				MarkdownDescription: "Access method: one of " + codeList(runtimeapi.IndexMethods) + ". Default: `btree`.",
				Optional:            true, Computed: true, Default: stringdefault.StaticString(runtimeapi.IndexMethods[0]),
			},
			"unique": schema.BoolAttribute{
				MarkdownDescription: "Whether two rows may not have the same key. Rows that have one already make the index fail. Default: `false`.",
				Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
			},
			"include": schema.ListAttribute{
				MarkdownDescription: "Further columns that are kept in the index, so that queries that read them need not look at the table.",
				Optional:            true, ElementType: types.StringType,
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues()},
			},
			"where": optional("Which rows are in the index; a query uses it when its own condition is at least as narrow. " + expressions + " Such as `deleted_at IS NULL`. It is kept in the state and shown in plans: no value of a patient's belongs into it."),
			"fillfactor": schema.Int64Attribute{
				MarkdownDescription: "How full pages are made, in percent. Default: the method's own, 90 for `btree`.",
				Optional:            true,
			},
			"definition": schema.StringAttribute{MarkdownDescription: "The index as PostgreSQL prints it.", Computed: true},
			"valid":      schema.BoolAttribute{MarkdownDescription: "Whether queries can use it. One that is not valid is made anew by the next apply.", Computed: true},
			"timeouts":   timeoutsAttribute(ctx, indexTimeout, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

var indexIdentity = []string{"endpoint", "audience", "schema", "name"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *indexResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"endpoint": identityschema.StringAttribute{Description: "Address of the runtime.", RequiredForImport: true},
			"audience": identityschema.StringAttribute{Description: "Audience of the runtime's control API; the endpoint when left out.", OptionalForImport: true},
			"schema":   identityschema.StringAttribute{Description: "Schema of the index.", RequiredForImport: true},
			"name":     identityschema.StringAttribute{Description: "Name of the index.", RequiredForImport: true},
		},
	}
}
