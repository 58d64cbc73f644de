package provider

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type indexAdviceModel struct {
	ID            types.String  `tfsdk:"id"`
	Endpoint      types.String  `tfsdk:"endpoint"`
	Audience      types.String  `tfsdk:"audience"`
	Schemas       types.Set     `tfsdk:"schemas"`
	WindowDays    types.Float64 `tfsdk:"window_days"`
	UnusedDays    types.Float64 `tfsdk:"unused_days"`
	LeastPercent  types.Float64 `tfsdk:"least_percent"`
	MostProposals types.Int64   `tfsdk:"most_proposals"`
	Problems      types.List    `tfsdk:"problems"`
	Notes         types.List    `tfsdk:"notes"`
	Proof         types.String  `tfsdk:"proof"`
	From          types.String  `tfsdk:"from"`
	To            types.String  `tfsdk:"to"`
	Statements    types.Int64   `tfsdk:"statements"`
	Seconds       types.Float64 `tfsdk:"seconds"`
	Unread        types.List    `tfsdk:"unread"`
	Proposals     types.List    `tfsdk:"proposals"`
	Useless       types.List    `tfsdk:"useless"`
	HCL           types.String  `tfsdk:"hcl"`
	Healthy       types.Bool    `tfsdk:"healthy"`
}

type unreadModel struct {
	Reason     string  `tfsdk:"reason"`
	Statements int64   `tfsdk:"statements"`
	Seconds    float64 `tfsdk:"seconds"`
}

type proposalModel struct {
	Schema       string          `tfsdk:"schema"`
	Table        string          `tfsdk:"table"`
	Name         string          `tfsdk:"name"`
	Statement    string          `tfsdk:"statement"`
	HCL          string          `tfsdk:"hcl"`
	Reason       string          `tfsdk:"reason"`
	Proof        string          `tfsdk:"proof"`
	Saved        float64         `tfsdk:"saved_seconds_per_day"`
	SavedPercent float64         `tfsdk:"saved_percent"`
	Written      float64         `tfsdk:"write_seconds_per_day"`
	Bytes        int64           `tfsdk:"bytes"`
	Warnings     []string        `tfsdk:"warnings"`
	Evidence     []evidenceModel `tfsdk:"evidence"`
}

type evidenceModel struct {
	Statement     string   `tfsdk:"statement"`
	Calls         float64  `tfsdk:"calls"`
	Seconds       float64  `tfsdk:"seconds"`
	GenericBefore float64  `tfsdk:"generic_before"`
	GenericAfter  float64  `tfsdk:"generic_after"`
	LiteralBefore float64  `tfsdk:"literal_before"`
	LiteralAfter  float64  `tfsdk:"literal_after"`
	Statistics    []string `tfsdk:"statistics"`
}

type uselessModel struct {
	Kind      string   `tfsdk:"kind"`
	Schema    string   `tfsdk:"schema"`
	Table     string   `tfsdk:"table"`
	Index     string   `tfsdk:"index"`
	Statement string   `tfsdk:"statement"`
	Reason    string   `tfsdk:"reason"`
	Bytes     int64    `tfsdk:"bytes"`
	Written   float64  `tfsdk:"write_seconds_per_day"`
	Evidence  []string `tfsdk:"evidence"`
	Warnings  []string `tfsdk:"warnings"`
}

var (
	textsType    = types.ListType{ElemType: types.StringType}
	unreadType   = types.ObjectType{AttrTypes: map[string]attr.Type{"reason": types.StringType, "statements": types.Int64Type, "seconds": types.Float64Type}}
	evidenceType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"statement": types.StringType, "calls": types.Float64Type, "seconds": types.Float64Type, "generic_before": types.Float64Type, "generic_after": types.Float64Type,
		"literal_before": types.Float64Type, "literal_after": types.Float64Type, "statistics": textsType,
	}}
	proposalType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"schema": types.StringType, "table": types.StringType, "name": types.StringType, "statement": types.StringType, "hcl": types.StringType, "reason": types.StringType, "proof": types.StringType,
		"saved_seconds_per_day": types.Float64Type, "saved_percent": types.Float64Type, "write_seconds_per_day": types.Float64Type, "bytes": types.Int64Type,
		"warnings": textsType, "evidence": types.ListType{ElemType: evidenceType},
	}}
	uselessType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"kind": types.StringType, "schema": types.StringType, "table": types.StringType, "index": types.StringType, "statement": types.StringType, "reason": types.StringType,
		"bytes": types.Int64Type, "write_seconds_per_day": types.Float64Type, "evidence": textsType, "warnings": textsType,
	}}
)

// expand is what the runtime is asked.
func (m indexAdviceModel) expand() runtimeapi.IndexAdviceRequest {
	q := runtimeapi.IndexAdviceRequest{WindowDays: m.WindowDays.ValueFloat64(), UnusedDays: m.UnusedDays.ValueFloat64(), MostProposals: int(m.MostProposals.ValueInt64())}
	q.LeastPercent = m.LeastPercent.ValueFloat64Pointer()
	for _, schema := range m.Schemas.Elements() {
		q.Schemas = append(q.Schemas, stringOf(schema))
	}
	return q
}

// none is no advice.
func (m *indexAdviceModel) none() {
	m.Problems, m.Notes = types.ListValueMust(types.StringType, nil), types.ListNull(types.StringType)
	m.Unread, m.Proposals, m.Useless = types.ListNull(unreadType), types.ListNull(proposalType), types.ListNull(uselessType)
}

// flatten takes over an advice, with figures of three digits: more would say more than is known.
func (m *indexAdviceModel) flatten(ctx context.Context, a index.Advice, diags *diag.Diagnostics) {
	list := func(of attr.Type, from any) types.List {
		l, d := types.ListValueFrom(ctx, of, from)
		diags.Append(d...)
		return l
	}
	unread := make([]unreadModel, len(a.Unread))
	for i, u := range a.Unread {
		unread[i] = unreadModel{u.Reason, int64(u.Statements), digits(u.Seconds)}
	}
	proposals, all := make([]proposalModel, len(a.Proposals)), make([]string, len(a.Proposals))
	for i, p := range a.Proposals {
		evidence := make([]evidenceModel, len(p.Evidence))
		for j, e := range p.Evidence {
			evidence[j] = evidenceModel{e.Statement, digits(e.Calls), digits(e.Seconds), digits(e.GenericBefore), digits(e.GenericAfter), digits(e.LiteralBefore), digits(e.LiteralAfter), filled(e.Statistics)}
		}
		proposals[i] = proposalModel{p.Definition.Schema, p.Definition.Table, p.Definition.Name, p.Statement, p.HCL, p.Reason, p.Proof,
			digits(p.Saved), digits(p.SavedPercent), digits(p.Written), p.Bytes, filled(p.Warnings), evidence}
		all[i] = p.HCL
	}
	useless := make([]uselessModel, len(a.Useless))
	for i, u := range a.Useless {
		useless[i] = uselessModel{u.Kind, u.Schema, u.Table, u.Index, u.Statement, u.Reason, u.Bytes, digits(u.Written), filled(u.Evidence), filled(u.Warnings)}
	}
	m.Notes, m.Proof = list(types.StringType, filled(a.Notes)), types.StringValue(a.Proof)
	m.From, m.To = types.StringValue(a.Window.From.UTC().Format(time.RFC3339)), types.StringValue(a.Window.To.UTC().Format(time.RFC3339))
	m.Statements, m.Seconds = types.Int64Value(int64(a.Read)), types.Float64Value(digits(a.Seconds))
	m.Unread, m.Proposals, m.Useless = list(unreadType, unread), list(proposalType, proposals), list(uselessType, useless)
	m.HCL = types.StringValue(strings.Join(all, "\n"))
	m.Healthy = types.BoolValue(len(a.Proposals) == 0 && len(a.Useless) == 0)
}

// filled is a list that is never null.
func filled(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// digits rounds to three of them.
func digits(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return rounded
}

// blameRuntime turns an error of a runtime that was asked something into a diagnostic.
func blameRuntime(err error, title, detail string, diags *diag.Diagnostics) {
	var problem *runtimeapi.Error
	if errors.As(err, &problem) {
		switch problem.Code {
		case runtimeapi.CodeUnauthenticated:
			failAt(diags, path.Root("audience"), title, "The runtime does not accept the token. Check that audience is the audience attribute of the august_sync_runtime.", err)
			return
		case runtimeapi.CodeDenied:
			fail(diags, title, "The runtime does not let this account in. Add it to control.allowed_callers of the august_sync_runtime; "+
				"and unless the service is public, grant it roles/run.invoker.", err)
			return
		}
	}
	fail(diags, title, detail, err)
}
