package provider

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"reflect"
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

type syncPipelineModel struct {
	ID              types.String   `tfsdk:"id"`
	Endpoint        types.String   `tfsdk:"endpoint"`
	Audience        types.String   `tfsdk:"audience"`
	Name            types.String   `tfsdk:"name"`
	Dataset         types.String   `tfsdk:"dataset"`
	Schedule        types.String   `tfsdk:"schedule"`
	Reconcile       types.Object   `tfsdk:"reconcile"`
	Paused          types.Bool     `tfsdk:"paused"`
	WebhookEvents   types.Set      `tfsdk:"webhook_events"`
	StatusOverrides types.Map      `tfsdk:"status_overrides"`
	CodaViews       types.Map      `tfsdk:"coda_views"`
	Generation      types.Int64    `tfsdk:"generation"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`
}

type codaViewModel struct {
	DocID     types.String `tfsdk:"doc_id"`
	TableID   types.String `tfsdk:"table_id"`
	KeyColumn types.String `tfsdk:"key_column"`
	Columns   types.Map    `tfsdk:"columns"`

	PHIColumns types.Set `tfsdk:"phi_columns"`
}

type reconcileModel struct {
	Schedule types.String `tfsdk:"schedule"`
	Repair   types.Bool   `tfsdk:"repair"`
}

var reconcileTypes = map[string]attr.Type{"schedule": types.StringType, "repair": types.BoolType}

var codaViewType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"doc_id": types.StringType, "table_id": types.StringType, "key_column": types.StringType,
	"columns": types.MapType{ElemType: types.StringType}, "phi_columns": types.SetType{ElemType: types.StringType},
}}

func (m syncPipelineModel) identity() []string {
	return []string{m.Endpoint.ValueString(), m.Audience.ValueString(), m.Name.ValueString()}
}

func (m syncPipelineModel) runtime() runtimeAddr {
	return runtimeAddr{strings.TrimRight(m.Endpoint.ValueString(), "/"), m.Audience.ValueString()}
}

func (m syncPipelineModel) address() string {
	return strings.TrimRight(m.Endpoint.ValueString(), "/") + runtimeapi.PathPipelines + "/" + m.Name.ValueString()
}

// importID is the id that imports the pipeline.
func (m syncPipelineModel) importID() string {
	return m.address() + "?audience=" + url.QueryEscape(m.Audience.ValueString())
}

// settle fills in what follows from endpoint and name; it is unknown as long as they are.
func (m *syncPipelineModel) settle(config syncPipelineModel) {
	if m.Audience = config.Audience; config.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	if m.ID = types.StringUnknown(); !m.Endpoint.IsUnknown() && !m.Name.IsUnknown() {
		m.ID = types.StringValue(m.address())
	}
}

// sameDeclaration says that nothing differs that the runtime is told.
func (m syncPipelineModel) sameDeclaration(other syncPipelineModel) bool {
	return m.Endpoint.Equal(other.Endpoint) && m.Name.Equal(other.Name) && m.Dataset.Equal(other.Dataset) &&
		m.Schedule.Equal(other.Schedule) && m.Reconcile.Equal(other.Reconcile) && m.Paused.Equal(other.Paused) && m.WebhookEvents.Equal(other.WebhookEvents) &&
		m.StatusOverrides.Equal(other.StatusOverrides) && m.CodaViews.Equal(other.CodaViews)
}

// pipelineSpec is what the runtime is told, in an order that does not depend on anything.
type pipelineSpec struct{ runtimeapi.PipelineSpec }

// expand turns a model into the spec it asks for. What is unknown is left empty.
func (m syncPipelineModel) expand(ctx context.Context, diags *diag.Diagnostics) pipelineSpec {
	spec := runtimeapi.PipelineSpec{Dataset: m.Dataset.ValueString(), Schedule: m.Schedule.ValueString(), Paused: m.Paused.ValueBool()}
	if r := objectAs[reconcileModel](ctx, m.Reconcile, diags); r != nil {
		spec.Reconcile = &runtimeapi.ReconcileSpec{Schedule: r.Schedule.ValueString(), Repair: r.Repair.ValueBool()}
	}
	for _, event := range m.WebhookEvents.Elements() {
		if name := stringOf(event); name != "" {
			spec.WebhookEvents = append(spec.WebhookEvents, name)
		}
	}
	slices.Sort(spec.WebhookEvents)
	if overrides := stringsOf(m.StatusOverrides); len(overrides) > 0 {
		spec.StatusOverrides = overrides
	}
	for _, name := range m.viewNames() {
		object, ok := m.CodaViews.Elements()[name].(types.Object)
		if !ok {
			continue
		}
		if view := objectAs[codaViewModel](ctx, object, diags); view != nil {
			var allowed []string
			for _, field := range view.PHIColumns.Elements() {
				if name := stringOf(field); name != "" {
					allowed = append(allowed, name)
				}
			}
			slices.Sort(allowed)
			spec.CodaViews = append(spec.CodaViews, runtimeapi.CodaView{
				View: name, DocID: view.DocID.ValueString(), TableID: view.TableID.ValueString(),
				KeyColumn: view.KeyColumn.ValueString(), Columns: stringsOf(view.Columns), PHIColumns: allowed,
			})
		}
	}
	return pipelineSpec{spec}
}

// viewNames is the views that are known, in the order that expand gives them.
func (m syncPipelineModel) viewNames() []string {
	known := maps.Clone(m.CodaViews.Elements())
	maps.DeleteFunc(known, func(_ string, view attr.Value) bool { return view.IsUnknown() || view.IsNull() })
	return slices.Sorted(maps.Keys(known))
}

func stringOf(v attr.Value) string {
	s, _ := v.(types.String)
	return s.ValueString()
}

func stringsOf(m types.Map) map[string]string {
	all := make(map[string]string, len(m.Elements()))
	for name, value := range m.Elements() {
		all[name] = stringOf(value)
	}
	return all
}

// differences names the fields in which another spec is not this one. Empty and absent are the same.
func (s pipelineSpec) differences(other runtimeapi.PipelineSpec) string {
	var names []string
	note := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	views := slices.SortedFunc(slices.Values(other.CodaViews), func(a, b runtimeapi.CodaView) int { return strings.Compare(a.View, b.View) })
	events := slices.Sorted(slices.Values(other.WebhookEvents))
	note("dataset", s.Dataset == other.Dataset)
	note("schedule", s.Schedule == other.Schedule)
	note("reconcile", reflect.DeepEqual(s.Reconcile, other.Reconcile))
	note("paused", s.Paused == other.Paused)
	note("webhook_events", slices.Equal(s.WebhookEvents, events))
	note("status_overrides", maps.Equal(s.StatusOverrides, other.StatusOverrides))
	note("coda_views", len(s.CodaViews) == len(views) && (len(views) == 0 || reflect.DeepEqual(s.CodaViews, views)))
	return strings.Join(names, ", ")
}

// flatten takes everything from the pipeline as the runtime has it. Empty is null.
func (m *syncPipelineModel) flatten(ctx context.Context, live runtimeapi.Pipeline, diags *diag.Diagnostics) {
	m.ID = types.StringValue(m.address())
	m.Dataset = types.StringValue(live.Spec.Dataset)
	if live.Spec.Schedule != "" || m.Schedule.ValueString() != "" || m.Schedule.IsNull() {
		m.Schedule = stringOrNull(live.Spec.Schedule)
	}
	m.Reconcile = types.ObjectNull(reconcileTypes)
	if r := live.Spec.Reconcile; r != nil {
		m.Reconcile = objectOf(ctx, reconcileTypes, reconcileModel{types.StringValue(r.Schedule), types.BoolValue(r.Repair)}, diags)
	}
	m.Paused = types.BoolValue(live.Spec.Paused)
	m.Generation = types.Int64Value(live.Generation)

	m.WebhookEvents = types.SetNull(types.StringType)
	var d diag.Diagnostics
	if len(live.Spec.WebhookEvents) > 0 {
		m.WebhookEvents, d = types.SetValueFrom(ctx, types.StringType, live.Spec.WebhookEvents)
		diags.Append(d...)
	}
	m.StatusOverrides = types.MapNull(types.StringType)
	if len(live.Spec.StatusOverrides) > 0 {
		m.StatusOverrides, d = types.MapValueFrom(ctx, types.StringType, live.Spec.StatusOverrides)
		diags.Append(d...)
	}
	m.CodaViews = types.MapNull(codaViewType)
	if len(live.Spec.CodaViews) > 0 {
		views := map[string]codaViewModel{}
		for _, view := range live.Spec.CodaViews {
			columns, d := types.MapValueFrom(ctx, types.StringType, view.Columns)
			diags.Append(d...)
			allowed := types.SetNull(types.StringType)
			if len(view.PHIColumns) > 0 {
				allowed, d = types.SetValueFrom(ctx, types.StringType, view.PHIColumns)
				diags.Append(d...)
			}
			views[view.View] = codaViewModel{
				DocID: types.StringValue(view.DocID), TableID: types.StringValue(view.TableID),
				KeyColumn: types.StringValue(view.KeyColumn), Columns: columns, PHIColumns: allowed,
			}
		}
		m.CodaViews, d = types.MapValueFrom(ctx, codaViewType, views)
		diags.Append(d...)
	}
}

// report turns a finding of the runtime's rules into an error at the attribute at fault, unless the finding is about
// something that is not known yet.
func (m syncPipelineModel) report(ctx context.Context, problem runtimeapi.Error, diags *diag.Diagnostics) {
	at, known := m.pathOf(ctx, problem.Field)
	if !known {
		return
	}
	failAt(diags, at, "Pipeline not valid", sentence(problem), nil)
}

// sentence is a finding as a sentence. Some findings say what their field is or does, and leave the field out.
func sentence(problem runtimeapi.Error) string {
	verb, _, _ := strings.Cut(problem.Message, " ")
	if !slices.Contains([]string{"is", "must", "means", "names", "never"}, verb) {
		return upperFirst(problem.Message) + "."
	}
	if status, ok := strings.CutPrefix(problem.Field, "status_overrides."); ok {
		return strconv.Quote(status) + " " + problem.Message + "."
	}
	return "The " + problem.Field[strings.LastIndexByte(problem.Field, '.')+1:] + " " + problem.Message + "."
}

var (
	eventField = regexp.MustCompile(`^webhook_events\[(\d+)\]$`)
	viewField  = regexp.MustCompile(`^coda_views\[(\d+)\]\.([a-z_]+)(?:\.(.+))?$`)
)

// pathOf is the attribute that a field of the spec comes from, and whether its value is known.
func (m syncPipelineModel) pathOf(ctx context.Context, field string) (path.Path, bool) {
	spec := m.expand(ctx, &diag.Diagnostics{})
	if parts := eventField.FindStringSubmatch(field); parts != nil {
		if i, _ := strconv.Atoi(parts[1]); i < len(spec.WebhookEvents) {
			return path.Root("webhook_events").AtSetValue(types.StringValue(spec.WebhookEvents[i])), true
		}
	}
	if status, ok := strings.CutPrefix(field, "status_overrides."); ok {
		value, there := m.StatusOverrides.Elements()[status]
		return path.Root("status_overrides").AtMapKey(status), there && !value.IsUnknown()
	}
	if parts := viewField.FindStringSubmatch(field); parts != nil {
		if i, _ := strconv.Atoi(parts[1]); i < len(spec.CodaViews) {
			return m.viewPath(ctx, spec.CodaViews[i].View, parts[2], parts[3])
		}
	}
	if attribute, ok := strings.CutPrefix(field, "reconcile."); ok {
		value, there := m.Reconcile.Attributes()[attribute]
		return path.Root("reconcile").AtName(attribute), there && !value.IsUnknown()
	}
	known := map[string]bool{
		"name": !m.Name.IsUnknown(), "dataset": !m.Dataset.IsUnknown(), "schedule": !m.Schedule.IsUnknown(), "endpoint": true,
		"webhook_events": true, "status_overrides": true, "coda_views": true, "reconcile": true,
	}
	if is, ok := known[field]; ok {
		return path.Root(field), is
	}
	return path.Empty(), true
}

func (m syncPipelineModel) viewPath(ctx context.Context, view, attribute, column string) (path.Path, bool) {
	at := path.Root("coda_views").AtMapKey(view)
	object, _ := m.CodaViews.Elements()[view].(types.Object)
	v := objectAs[codaViewModel](ctx, object, &diag.Diagnostics{})
	if attribute == "view" || v == nil {
		return at, true
	}
	at = at.AtName(attribute)
	switch attribute {
	case "doc_id":
		return at, !v.DocID.IsUnknown()
	case "table_id": // whether two tables are the same one depends on every doc
		for _, other := range m.CodaViews.Elements() {
			o, _ := other.(types.Object)
			if o.IsUnknown() || o.Attributes()["doc_id"].IsUnknown() {
				return at, false
			}
		}
		return at, !v.TableID.IsUnknown()
	case "key_column":
		return at, !v.KeyColumn.IsUnknown()
	case "phi_columns": // is held against columns
		return at, whollyKnown(v.PHIColumns) && !v.Columns.IsUnknown()
	case "columns":
		if column != "" { // whether it may be sent is for phi_columns to say
			value, there := v.Columns.Elements()[column]
			return at.AtMapKey(column), there && !value.IsUnknown() && whollyKnown(v.PHIColumns)
		}
		return at, !v.Columns.IsUnknown()
	}
	return at, true
}

// blame turns an error of the runtime into a diagnostic, at the attribute that the runtime blames.
func (m syncPipelineModel) blame(ctx context.Context, err error, title string, diags *diag.Diagnostics) {
	var problem *runtimeapi.Error
	if !errors.As(err, &problem) {
		fail(diags, title, "The runtime could not be told of "+m.address()+".", err)
		return
	}
	switch problem.Code {
	case runtimeapi.CodeInvalid, runtimeapi.CodeConflict:
		at, _ := m.pathOf(ctx, problem.Field)
		failAt(diags, at, title, sentence(*problem), nil)
	case runtimeapi.CodeUnauthenticated:
		failAt(diags, path.Root("audience"), title, "The runtime does not accept the token. Check that audience is the audience attribute of the august_sync_runtime, "+
			"and that its control.issuer signs the tokens of the account that runs Terraform.", err)
	case runtimeapi.CodeDenied:
		fail(diags, title, "The runtime does not let this account in. Add it to control.allowed_callers of the august_sync_runtime; "+
			"and unless the service is public, grant it roles/run.invoker.", err)
	default:
		failAt(diags, path.Root("endpoint"), title, "The runtime could not be told of "+m.address()+".", err)
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// parsePipelineID takes apart the address of a pipeline, with the audience in its query.
func parsePipelineID(id string) ([]string, bool) {
	u, err := url.Parse(id)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, false
	}
	base, name, found := strings.Cut(u.Path, runtimeapi.PathPipelines+"/")
	if !found || name == "" || strings.Contains(name, "/") {
		return nil, false
	}
	endpoint := u.Scheme + "://" + u.Host + base
	audience := u.Query().Get("audience")
	if audience == "" {
		audience = endpoint
	}
	return []string{endpoint, audience, name}, true
}
