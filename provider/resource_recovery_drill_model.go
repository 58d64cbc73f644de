package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/drill"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

type recoveryDrillModel struct {
	ID            types.String   `tfsdk:"id"`
	Instance      types.String   `tfsdk:"instance"`
	Project       types.String   `tfsdk:"project"`
	Kind          types.String   `tfsdk:"kind"`
	Endpoint      types.String   `tfsdk:"endpoint"`
	Audience      types.String   `tfsdk:"audience"`
	Triggers      types.Map      `tfsdk:"triggers"`
	MaxRTO        types.String   `tfsdk:"max_rto"`
	MaxLostRows   types.Int64    `tfsdk:"max_lost_rows"`
	ProbeInterval types.String   `tfsdk:"probe_interval"`
	VerifyTables  types.Set      `tfsdk:"verify_tables"`
	History       types.List     `tfsdk:"history"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
	recoveryFacts
}

// recoveryFacts is what one drill has measured.
type recoveryFacts struct {
	Passed              types.Bool    `tfsdk:"passed"`
	Failure             types.String  `tfsdk:"failure"`
	RanAt               types.String  `tfsdk:"ran_at"`
	RTO                 types.Float64 `tfsdk:"rto_seconds"`
	Downtime            types.Float64 `tfsdk:"downtime_seconds"`
	RPO                 types.Float64 `tfsdk:"rpo_seconds"`
	AcknowledgedRows    types.Int64   `tfsdk:"acknowledged_rows"`
	LostRows            types.Int64   `tfsdk:"lost_rows"`
	ZoneBefore          types.String  `tfsdk:"zone_before"`
	ZoneAfter           types.String  `tfsdk:"zone_after"`
	SecondaryZoneBefore types.String  `tfsdk:"secondary_zone_before"`
	SecondaryZoneAfter  types.String  `tfsdk:"secondary_zone_after"`
	RestoredTo          types.String  `tfsdk:"restored_to"`
	RecoverableAfter    types.Float64 `tfsdk:"recoverable_after_seconds"`
	Clone               types.Float64 `tfsdk:"clone_seconds"`
	Verify              types.Float64 `tfsdk:"verify_seconds"`
	TablesVerified      types.Int64   `tfsdk:"tables_verified"`
	TablesDifferent     types.Int64   `tfsdk:"tables_different"`
	TablesChanging      types.Int64   `tfsdk:"tables_changing"`
}

var recoveryFactsType = types.ObjectType{AttrTypes: func() map[string]attr.Type {
	all := map[string]attr.Type{}
	for name, fact := range drillFacts() {
		all[name] = fact.GetType()
	}
	return all
}()}

// keptDrills is how long the history gets.
const keptDrills = 20

// factsUnknown is what a drill that is still to be run has measured.
func factsUnknown() recoveryFacts {
	text, count, seconds := types.StringUnknown(), types.Int64Unknown(), types.Float64Unknown()
	return recoveryFacts{
		types.BoolUnknown(), text, text, seconds, seconds, seconds, count, count, text, text, text, text, text, seconds, seconds, seconds, count, count, count,
	}
}

func (m recoveryDrillModel) label() string {
	return m.Project.ValueString() + "/" + m.Instance.ValueString()
}

func (m recoveryDrillModel) identity() []string {
	return []string{m.Project.ValueString(), m.Instance.ValueString(), m.Kind.ValueString()}
}

func (m recoveryDrillModel) address() string {
	return "projects/" + m.Project.ValueString() + "/instances/" + m.Instance.ValueString() + "/drills/" + m.Kind.ValueString()
}

// settle fills in what follows from the arguments; it is unknown as long as they are.
func (m *recoveryDrillModel) settle(config recoveryDrillModel) {
	if m.Audience = config.Audience; config.Audience.IsNull() {
		m.Audience = m.Endpoint
	}
	if m.ID = types.StringUnknown(); !m.Project.IsUnknown() && !m.Instance.IsUnknown() && !m.Kind.IsUnknown() {
		m.ID = types.StringValue(m.address())
	}
}

// runsAfter says whether the drill is to be run when its state was so.
func (m recoveryDrillModel) runsAfter(state *recoveryDrillModel) bool {
	return state == nil || !state.Passed.ValueBool() || !m.Triggers.Equal(state.Triggers)
}

// expand turns a plan into the drill it asks for, without its clients. The schema has parsed the durations before.
func (m recoveryDrillModel) expand(ctx context.Context, diags *diag.Diagnostics) drill.Drill {
	d := drill.Drill{
		Kind: drill.Kind(m.Kind.ValueString()), Project: m.Project.ValueString(), Instance: m.Instance.ValueString(), MaxLost: m.MaxLostRows.ValueInt64(),
	}
	var err error
	if d.MaxRTO, err = time.ParseDuration(m.MaxRTO.ValueString()); err != nil {
		failAt(diags, path.Root("max_rto"), drillNotRun, "It is no duration.", err)
	}
	if d.Interval, err = time.ParseDuration(m.ProbeInterval.ValueString()); err != nil {
		failAt(diags, path.Root("probe_interval"), drillNotRun, "It is no duration.", err)
	}
	diags.Append(m.VerifyTables.ElementsAs(ctx, &d.Tables, false)...)
	return d
}

// flatten takes the figures of a drill, and puts them at the head of the history.
func (m *recoveryDrillModel) flatten(ctx context.Context, rec drill.Record, history types.List, diags *diag.Diagnostics) {
	f := recoveryFacts{
		Passed: types.BoolValue(rec.Passed), Failure: stringOrNull(rec.Failure), RanAt: types.StringValue(rec.RanAt.UTC().Format(time.RFC3339)),
		RTO: inSeconds(rec.RTO), AcknowledgedRows: types.Int64Value(rec.Acknowledged),
		ZoneBefore: stringOrNull(rec.ZoneBefore), ZoneAfter: stringOrNull(rec.ZoneAfter),
		SecondaryZoneBefore: stringOrNull(rec.SecondaryBefore), SecondaryZoneAfter: stringOrNull(rec.SecondaryAfter),
	}
	if rec.Verified {
		f.LostRows, f.RPO = types.Int64Value(rec.Lost), inSeconds(rec.RPO)
	}
	if restored := rec.Restored; restored == nil {
		f.Downtime = inSeconds(rec.Downtime)
	} else {
		f.RestoredTo = types.StringValue(restored.To.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		f.RecoverableAfter, f.Clone, f.Verify = inSeconds(restored.Recoverable), inSeconds(restored.Clone), inSeconds(restored.Verify)
		f.TablesChanging = types.Int64Value(restored.Changing)
		if rec.Verified {
			f.TablesVerified, f.TablesDifferent = types.Int64Value(restored.Tables), types.Int64Value(int64(len(restored.Different)))
		}
	}
	m.recoveryFacts = f
	var earlier []recoveryFacts
	if !history.IsNull() && !history.IsUnknown() {
		diags.Append(history.ElementsAs(ctx, &earlier, false)...)
	}
	all := append([]recoveryFacts{f}, earlier...)
	list, d := types.ListValueFrom(ctx, recoveryFactsType, all[:min(len(all), keptDrills)])
	diags.Append(d...)
	m.History = list
}

// recall takes the figures of the last drill when there was one.
func (m *recoveryDrillModel) recall(ctx context.Context, history types.List, diags *diag.Diagnostics) bool {
	if len(history.Elements()) == 0 {
		return false
	}
	var earlier []recoveryFacts
	diags.Append(history.ElementsAs(ctx, &earlier, false)...)
	m.recoveryFacts, m.History = earlier[0], history
	return true
}

// inSeconds is a duration to the millisecond.
func inSeconds(d time.Duration) types.Float64 {
	return types.Float64Value(math.Round(d.Seconds()*1000) / 1000)
}

// reportFailure says what a failed drill has measured, and what comes next.
func (m recoveryDrillModel) reportFailure(err error, rec drill.Record, diags *diag.Diagnostics) {
	at := path.Empty()
	var failed *drill.Failed
	if errors.As(err, &failed) {
		for _, reason := range failed.Reasons {
			if reason.Attribute != "" && len(at.Steps()) == 0 {
				at = path.Root(reason.Attribute)
			}
		}
	}
	measured := fmt.Sprintf("Measured: recovery time %s, %d rows acknowledged", drill.Short(rec.RTO), rec.Acknowledged)
	if rec.Verified {
		measured += fmt.Sprintf(", %d of them lost", rec.Lost)
	}
	detail := err.Error() + "\n\n" + measured + ". All figures are in the state, at the head of history.\n\n" +
		"Find out why before the next apply: it repeats the drill, which the plan announces. Until one has passed, " + m.label() + " is not known to recover as promised."
	var cause error
	if failed != nil {
		cause = failed.Cause
	}
	if len(at.Steps()) == 0 {
		fail(diags, drillFailed, detail, cause)
		return
	}
	failAt(diags, at, drillFailed, detail, cause)
}

// blame turns an error of a drill that was not begun into a diagnostic, at the attribute at fault.
func (m recoveryDrillModel) blame(err error, title string, diags *diag.Diagnostics) {
	var refusal *drill.Refusal
	var runtime *runtimeapi.Error
	switch {
	case errors.As(err, &refusal):
		failAt(diags, path.Root(refusal.Attribute), title, refusal.Message, nil)
	case !errors.As(err, &runtime):
		fail(diags, title, "Nothing was done to the instance "+m.label()+".", err)
	case runtime.Code == runtimeapi.CodeUnauthenticated:
		failAt(diags, path.Root("audience"), title, "The runtime does not accept the token. Check that audience is the audience attribute of the august_sync_runtime, "+
			"and that its control.issuer signs the tokens of the account that runs Terraform.", err)
	case runtime.Code == runtimeapi.CodeDenied:
		fail(diags, title, "The runtime does not let this account in. Add it to control.allowed_callers of the august_sync_runtime; "+
			"and unless the service is public, grant it roles/run.invoker.", err)
	case runtime.Code == runtimeapi.CodeNotFound && !m.VerifyTables.IsNull():
		failAt(diags, path.Root("verify_tables"), title, "The runtime's database has not all of these tables.", err)
	case runtime.Code == runtimeapi.CodeNotFound:
		failAt(diags, path.Root("endpoint"), title, "The runtime knows nothing of probes: it is older than drills are. Deploy a newer image with the august_sync_runtime.", err)
	default:
		failAt(diags, path.Root("endpoint"), title, "The runtime could not probe the database. Nothing was done to the instance "+m.label()+".", err)
	}
}

func parseRecoveryDrillID(id string) ([]string, bool) {
	parts := strings.Split(id, "/")
	if len(parts) == 6 && parts[0] == "projects" && parts[2] == "instances" && parts[4] == "drills" {
		parts = []string{parts[1], parts[3], parts[5]}
	}
	if len(parts) == 2 {
		parts = []string{"", parts[0], parts[1]}
	}
	ok := len(parts) == 3 && parts[1] != "" && !strings.Contains(parts[1], ":")
	return parts, ok && (parts[2] == string(drill.Failover) || parts[2] == string(drill.Restore))
}

// drillOwnerKey holds, in the private state, whose clones are the resource's own: those it may delete whenever it finds them.
const drillOwnerKey = "owner"

func drillOwner(owner string) []byte {
	b, _ := json.Marshal(owner) // strings always marshal
	return b
}

func readDrillOwner(ctx context.Context, private privateState) (string, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, drillOwnerKey)
	var owner string
	if len(raw) > 0 && json.Unmarshal(raw, &owner) == nil && owner != "" {
		return owner, diags
	}
	return drill.NewOwner(), diags // imported: it has made no clone yet
}

// drillRoom is what the drills of one apply share.
type drillRoom struct {
	mu       sync.Mutex
	doors    map[string]chan struct{} // by instance
	replaced map[string]types.List    // histories, by the drill's address
}

// enter waits until no other drill of this apply runs on the instance.
func (r *drillRoom) enter(ctx context.Context, instance string) (leave func(), err error) {
	r.mu.Lock()
	if r.doors == nil {
		r.doors = map[string]chan struct{}{}
	}
	door, ok := r.doors[instance]
	if !ok {
		door = make(chan struct{}, 1)
		r.doors[instance] = door
	}
	r.mu.Unlock()
	select {
	case door <- struct{}{}:
		return func() { <-door }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keep holds the history of a drill that is deleted. When the same apply creates it again, as it does after a first drill
// that failed, the history goes on: Terraform itself hands nothing from the one to the other.
func (r *drillRoom) keep(address string, history types.List) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replaced == nil {
		r.replaced = map[string]types.List{}
	}
	r.replaced[address] = history
}

func (r *drillRoom) reclaim(address string) types.List {
	r.mu.Lock()
	defer r.mu.Unlock()
	history, ok := r.replaced[address]
	delete(r.replaced, address)
	if !ok {
		return types.ListNull(recoveryFactsType)
	}
	return history
}
