package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type indexModel struct {
	ID         types.String   `tfsdk:"id"`
	Endpoint   types.String   `tfsdk:"endpoint"`
	Audience   types.String   `tfsdk:"audience"`
	Schema     types.String   `tfsdk:"schema"`
	Table      types.String   `tfsdk:"table"`
	Name       types.String   `tfsdk:"name"`
	Columns    types.List     `tfsdk:"columns"`
	Method     types.String   `tfsdk:"method"`
	Unique     types.Bool     `tfsdk:"unique"`
	Include    types.List     `tfsdk:"include"`
	Where      types.String   `tfsdk:"where"`
	Fillfactor types.Int64    `tfsdk:"fillfactor"`
	Definition types.String   `tfsdk:"definition"`
	Valid      types.Bool     `tfsdk:"valid"`
	Timeouts   timeouts.Value `tfsdk:"timeouts"`
}

type indexColumnModel struct {
	Column        types.String `tfsdk:"column"`
	Expression    types.String `tfsdk:"expression"`
	Order         types.String `tfsdk:"order"`
	Nulls         types.String `tfsdk:"nulls"`
	OperatorClass types.String `tfsdk:"operator_class"`
	Collation     types.String `tfsdk:"collation"`
}

var indexColumnType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"column": types.StringType, "expression": types.StringType, "order": types.StringType, "nulls": types.StringType,
	"operator_class": types.StringType, "collation": types.StringType,
}}

func (m indexModel) identity() []string {
	return []string{m.Endpoint.ValueString(), m.Audience.ValueString(), m.Schema.ValueString(), m.Name.ValueString()}
}

func (m indexModel) address() string {
	return strings.TrimRight(m.Endpoint.ValueString(), "/") + runtimeapi.PathIndexes + "/" + m.Schema.ValueString() + "/" + m.Name.ValueString()
}

// importID is the id that imports the index.
func (m indexModel) importID() string {
	return m.address() + "?audience=" + url.QueryEscape(m.Audience.ValueString())
}

// declared is what the definition is made of.
func (m indexModel) declared() []attr.Value {
	return []attr.Value{m.Table, m.Columns, m.Method, m.Unique, m.Include, m.Where, m.Fillfactor}
}

// known says that everything is that the runtime is told.
func (m indexModel) known() bool {
	return !slices.ContainsFunc(append(m.declared(), m.Schema, m.Name, m.Endpoint, m.Audience), func(v attr.Value) bool { return !whollyKnown(v) })
}

// settle fills in what follows from the rest; it is unknown as long as that is.
func (m *indexModel) settle(ctx context.Context, config indexModel, diags *diag.Diagnostics) {
	if m.Audience = config.Audience; config.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	if m.Name = config.Name; config.Name.IsNull() {
		m.Name = types.StringUnknown()
		if !slices.ContainsFunc(m.declared(), func(v attr.Value) bool { return !whollyKnown(v) }) {
			m.Name = types.StringValue(m.expand(ctx, diags).DefaultName())
		}
	}
	if m.ID = types.StringUnknown(); !m.Endpoint.IsUnknown() && !m.Schema.IsUnknown() && !m.Name.IsUnknown() {
		m.ID = types.StringValue(m.address())
	}
}

// expand turns a model into the declaration. What is unknown is left empty.
func (m indexModel) expand(ctx context.Context, diags *diag.Diagnostics) runtimeapi.IndexSpec {
	spec := runtimeapi.IndexSpec{
		Table: m.Table.ValueString(), Method: m.Method.ValueString(), Unique: m.Unique.ValueBool(),
		Where: m.Where.ValueString(), Fillfactor: int(m.Fillfactor.ValueInt64()),
	}
	for _, element := range m.Columns.Elements() {
		object, _ := element.(types.Object)
		c := indexColumnModel{}
		if of := objectAs[indexColumnModel](ctx, object, diags); of != nil {
			c = *of
		}
		spec.Columns = append(spec.Columns, runtimeapi.IndexColumn{
			Column: c.Column.ValueString(), Expression: c.Expression.ValueString(), Order: c.Order.ValueString(), Nulls: c.Nulls.ValueString(),
			OperatorClass: c.OperatorClass.ValueString(), Collation: c.Collation.ValueString(),
		})
	}
	for _, element := range m.Include.Elements() {
		spec.Include = append(spec.Include, stringOf(element))
	}
	return spec
}

// flatten takes over an index as PostgreSQL has it. Expressions keep the words that they were declared in, as long as they mean
// the index that there is; PostgreSQL has words of its own.
func (m *indexModel) flatten(ctx context.Context, live runtimeapi.Index, diags *diag.Diagnostics) {
	m.ID = types.StringValue(m.address())
	m.Valid = types.BoolValue(live.State == runtimeapi.IndexValid)
	if m.Definition.ValueString() == live.Definition {
		return
	}
	m.Definition = types.StringValue(live.Definition)
	spec := live.Spec.Normal()
	m.Table, m.Method, m.Unique, m.Where = types.StringValue(spec.Table), types.StringValue(spec.Method), types.BoolValue(spec.Unique), stringOrNull(spec.Where)
	m.Fillfactor = types.Int64Null()
	if spec.Fillfactor != 0 {
		m.Fillfactor = types.Int64Value(int64(spec.Fillfactor))
	}
	columns := make([]indexColumnModel, len(spec.Columns))
	for i, c := range spec.Columns {
		order := c.Order
		if order == "" {
			order = runtimeapi.OrderAscending
		}
		columns[i] = indexColumnModel{stringOrNull(c.Column), stringOrNull(c.Expression), types.StringValue(order), stringOrNull(c.Nulls), stringOrNull(c.OperatorClass), stringOrNull(c.Collation)}
	}
	var d diag.Diagnostics
	m.Columns, d = types.ListValueFrom(ctx, indexColumnType, columns)
	diags.Append(d...)
	m.Include = types.ListNull(types.StringType)
	if len(spec.Include) > 0 {
		m.Include, d = types.ListValueFrom(ctx, types.StringType, spec.Include)
		diags.Append(d...)
	}
}

// differences are the attributes in which two declarations differ. Those of words could still mean the same: only PostgreSQL
// can tell.
func differences(a, b runtimeapi.IndexSpec) (plain, words []path.Path) {
	a, b = a.Normal(), b.Normal()
	note := func(list *[]path.Path, name string, same bool) {
		if !same {
			*list = append(*list, path.Root(name))
		}
	}
	note(&plain, "table", a.Table == b.Table)
	note(&plain, "method", a.Method == b.Method)
	note(&plain, "unique", a.Unique == b.Unique)
	note(&plain, "include", slices.Equal(a.Include, b.Include))
	note(&plain, "fillfactor", a.Fillfactor == b.Fillfactor)
	list := &words // an operator class or a collation may be named, and be the default
	if (a.Where == "") != (b.Where == "") {
		list = &plain
	}
	note(list, "where", a.Where == b.Where)
	list = &words
	if !slices.EqualFunc(a.Columns, b.Columns, func(a, b runtimeapi.IndexColumn) bool {
		return a.Column == b.Column && a.Order == b.Order && a.Nulls == b.Nulls
	}) {
		list = &plain
	}
	note(list, "columns", slices.Equal(a.Columns, b.Columns))
	return plain, words
}

var (
	indexColumnField  = regexp.MustCompile(`^columns\[(\d+)\](?:\.([a-z_]+))?$`)
	indexIncludeField = regexp.MustCompile(`^include\[(\d+)\]$`)
)

// pathOf is the attribute that a field of the declaration comes from.
func (m indexModel) pathOf(field string) path.Path {
	if parts := indexColumnField.FindStringSubmatch(field); parts != nil {
		i, _ := strconv.Atoi(parts[1])
		at := path.Root("columns").AtListIndex(i)
		if parts[2] != "" {
			at = at.AtName(parts[2])
		}
		return at
	}
	if parts := indexIncludeField.FindStringSubmatch(field); parts != nil {
		i, _ := strconv.Atoi(parts[1])
		return path.Root("include").AtListIndex(i)
	}
	if slices.Contains([]string{"schema", "name", "table", "columns", "method", "unique", "include", "where", "fillfactor"}, field) {
		return path.Root(field)
	}
	return path.Empty()
}

// blame turns an error of the runtime into a diagnostic, at the attribute that the runtime blames.
func (m indexModel) blame(err error, title string, diags *diag.Diagnostics) {
	var problem *runtimeapi.Error
	if !errors.As(err, &problem) {
		fail(diags, title, "The runtime could not be told of the index "+m.address()+".", err)
		return
	}
	switch problem.Code {
	case runtimeapi.CodeConflict:
		failAt(diags, path.Root("name"), title, fmt.Sprintf("%s.%s %s.\n\nThe id to import what is there is %q.", m.Schema.ValueString(), m.Name.ValueString(), problem.Message, m.importID()), nil)
	case runtimeapi.CodeInvalid, runtimeapi.CodeNotFound:
		failAt(diags, m.pathOf(problem.Field), title, sentence(*problem), nil)
	case runtimeapi.CodeUnauthenticated:
		failAt(diags, path.Root("audience"), title, "The runtime does not accept the token. Check that audience is the audience attribute of the august_sync_runtime.", err)
	case runtimeapi.CodeDenied:
		fail(diags, title, "The runtime does not let this account in. Add it to control.allowed_callers of the august_sync_runtime; "+
			"and unless the service is public, grant it roles/run.invoker.", err)
	default:
		failAt(diags, path.Root("endpoint"), title, "The runtime could not be told of the index "+m.address()+".", err)
	}
}

// parseIndexID takes apart the address of an index, with the audience in its query.
func parseIndexID(id string) ([]string, bool) {
	u, err := url.Parse(id)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, false
	}
	base, rest, found := strings.Cut(u.Path, runtimeapi.PathIndexes+"/")
	schema, name, both := strings.Cut(rest, "/")
	if !found || !both || schema == "" || name == "" || strings.Contains(name, "/") {
		return nil, false
	}
	endpoint := u.Scheme + "://" + u.Host + base
	audience := u.Query().Get("audience")
	if audience == "" {
		audience = endpoint
	}
	return []string{endpoint, audience, schema, name}, true
}
