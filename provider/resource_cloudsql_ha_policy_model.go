package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

type haPolicyModel struct {
	ID                    types.String   `tfsdk:"id"`
	Instance              types.String   `tfsdk:"instance"`
	Project               types.String   `tfsdk:"project"`
	AvailabilityType      types.String   `tfsdk:"availability_type"`
	PointInTimeRecovery   types.Object   `tfsdk:"point_in_time_recovery"`
	Backup                types.Object   `tfsdk:"backup"`
	MaintenanceWindow     types.Object   `tfsdk:"maintenance_window"`
	DatabaseFlags         types.Map      `tfsdk:"database_flags"`
	DeletionProtection    types.Bool     `tfsdk:"deletion_protection"`
	DenyMaintenancePeriod types.Object   `tfsdk:"deny_maintenance_period"`
	Insights              types.Object   `tfsdk:"insights"`
	ConnectionPooling     types.Object   `tfsdk:"connection_pooling"`
	CrossRegionReplica    types.Object   `tfsdk:"cross_region_replica"`
	LowTrafficHours       types.Object   `tfsdk:"low_traffic_hours"`
	OnDestroy             types.String   `tfsdk:"on_destroy"`
	Region                types.String   `tfsdk:"region"`
	ConnectionName        types.String   `tfsdk:"connection_name"`
	Address               types.String   `tfsdk:"address"`
	DatabaseVersion       types.String   `tfsdk:"database_version"`
	Edition               types.String   `tfsdk:"edition"`
	Zone                  types.String   `tfsdk:"zone"`
	SecondaryZone         types.String   `tfsdk:"secondary_zone"`
	ScheduledMaintenance  types.Object   `tfsdk:"scheduled_maintenance"`
	EarliestRecoveryTime  types.String   `tfsdk:"earliest_recovery_time"`
	LatestRecoveryTime    types.String   `tfsdk:"latest_recovery_time"`
	ReplicaLagSeconds     types.Float64  `tfsdk:"replica_lag_seconds"`
	PoolerCount           types.Int64    `tfsdk:"pooler_count"`
	Timeouts              timeouts.Value `tfsdk:"timeouts"`
}

type recoveryModel struct {
	RetentionDays types.Int64 `tfsdk:"retention_days"`
}

type backupModel struct {
	StartTime       types.String `tfsdk:"start_time"`
	RetainedBackups types.Int64  `tfsdk:"retained_backups"`
	Location        types.String `tfsdk:"location"`
}

type windowModel struct {
	Day         types.String `tfsdk:"day"`
	Hour        types.Int64  `tfsdk:"hour"`
	UpdateTrack types.String `tfsdk:"update_track"`
}

var (
	recoveryTypes = map[string]attr.Type{"retention_days": types.Int64Type}
	backupTypes   = map[string]attr.Type{
		"start_time": types.StringType, "retained_backups": types.Int64Type, "location": types.StringType,
	}
	windowTypes = map[string]attr.Type{
		"day": types.StringType, "hour": types.Int64Type, "update_track": types.StringType,
	}
)

// What a policy is when nothing else is said.
const (
	defaultAvailability    = cloudsql.Regional
	defaultRetentionDays   = 7
	defaultRetainedBackups = 30
	defaultUpdateTrack     = "stable"

	onDestroyKeep  = "keep"
	onDestroyRelax = "relax"
)

// seen is what was read of an instance, of its replica when it has one of the policy's, and of how far back it can go.
type seen struct {
	live, replica    *sqladmin.DatabaseInstance
	stray            bool // what has the replica's name replicates something else, or nothing
	earliest, latest string
	lag              types.Float64 // seconds that the replica is behind
}

func (m haPolicyModel) label() string {
	return m.Project.ValueString() + "/" + m.Instance.ValueString()
}

func (m haPolicyModel) identity() []string {
	return []string{m.Project.ValueString(), m.Instance.ValueString()}
}

// expand turns a whole configuration, in which everything is known, into the policy it asks for. Owned are the flags
// that the policy has set before; those no longer named go back to their defaults.
func (m haPolicyModel) expand(ctx context.Context, owned []string) (cloudsql.Policy, diag.Diagnostics) {
	var diags diag.Diagnostics
	recovery, backup, window := m.nested(ctx, &diags)
	policy := cloudsql.Policy{
		Availability:       orDefault(m.AvailabilityType, defaultAvailability),
		RetentionDays:      defaultRetentionDays,
		RetainedBackups:    defaultRetainedBackups,
		DeletionProtection: m.DeletionProtection.IsNull() || m.DeletionProtection.ValueBool(),
	}
	if recovery != nil && !recovery.RetentionDays.IsNull() {
		policy.RetentionDays = recovery.RetentionDays.ValueInt64()
	}
	if backup != nil {
		policy.BackupStart, policy.BackupLocation = backup.StartTime.ValueString(), backup.Location.ValueString()
		if !backup.RetainedBackups.IsNull() {
			policy.RetainedBackups = backup.RetainedBackups.ValueInt64()
		}
	}
	if window != nil {
		policy.Window = &cloudsql.Window{
			Day:   int64(slices.Index(cloudsql.Days, window.Day.ValueString()) + 1),
			Hour:  window.Hour.ValueInt64(),
			Track: orDefault(window.UpdateTrack, defaultUpdateTrack),
		}
	}
	diags.Append(m.DatabaseFlags.ElementsAs(ctx, &policy.Flags, false)...)
	for _, name := range owned {
		if _, kept := policy.Flags[name]; !kept {
			policy.ResetFlags = append(policy.ResetFlags, name)
		}
	}
	return policy, diags
}

// nested returns the nested objects that are there and known.
func (m haPolicyModel) nested(ctx context.Context, diags *diag.Diagnostics) (*recoveryModel, *backupModel, *windowModel) {
	return objectAs[recoveryModel](ctx, m.PointInTimeRecovery, diags),
		objectAs[backupModel](ctx, m.Backup, diags),
		objectAs[windowModel](ctx, m.MaintenanceWindow, diags)
}

func objectAs[T any](ctx context.Context, o types.Object, diags *diag.Diagnostics) *T {
	if o.IsNull() || o.IsUnknown() {
		return nil
	}
	var v T
	diags.Append(o.As(ctx, &v, basetypes.ObjectAsOptions{})...)
	return &v
}

func orDefault(v types.String, standard string) string {
	if v.IsNull() {
		return standard
	}
	return v.ValueString()
}

// flatten takes everything from the instance. A protection that is off is null, so that the plan shows it being added.
// Of the flags it takes those that the policy names, and after an import, which names none, all that there are.
func (m *haPolicyModel) flatten(ctx context.Context, now seen) diag.Diagnostics {
	var diags diag.Diagnostics
	live, imported := now.live, m.ID.IsNull()

	m.ID = types.StringValue("projects/" + m.Project.ValueString() + "/instances/" + m.Instance.ValueString())
	m.Region = types.StringValue(live.Region)
	m.ConnectionName = types.StringValue(live.ConnectionName)
	m.Address = stringOrNull(cloudsql.Address(live))
	m.DatabaseVersion = types.StringValue(live.DatabaseVersion)
	m.Edition = types.StringValue(edition(live))
	m.Zone = stringOrNull(live.GceZone)
	m.SecondaryZone = stringOrNull(live.SecondaryGceZone)

	s := live.Settings
	m.AvailabilityType = stringOrNull(s.AvailabilityType)
	m.DeletionProtection = types.BoolValue(s.DeletionProtectionEnabled)
	m.PointInTimeRecovery = types.ObjectNull(recoveryTypes)
	m.Backup = types.ObjectNull(backupTypes)
	if b := s.BackupConfiguration; b != nil && b.Enabled {
		backup := backupModel{StartTime: stringOrNull(b.StartTime), Location: stringOrNull(b.Location)}
		if b.BackupRetentionSettings != nil {
			backup.RetainedBackups = types.Int64Value(b.BackupRetentionSettings.RetainedBackups)
		}
		m.Backup = objectOf(ctx, backupTypes, backup, &diags)
		if b.PointInTimeRecoveryEnabled {
			m.PointInTimeRecovery = objectOf(ctx, recoveryTypes,
				recoveryModel{RetentionDays: types.Int64Value(b.TransactionLogRetentionDays)}, &diags)
		}
	}
	m.MaintenanceWindow = flattenWindow(ctx, s.MaintenanceWindow, &diags)
	m.flattenFlags(s.DatabaseFlags, imported)
	m.flattenParts(ctx, s, &diags)
	if !now.stray {
		m.CrossRegionReplica = flattenReplica(ctx, now.replica, live, stringsOf(m.DatabaseFlags), &diags)
	}
	m.ScheduledMaintenance = flattenMaintenance(ctx, live.ScheduledMaintenance, &diags)
	m.EarliestRecoveryTime, m.LatestRecoveryTime, m.ReplicaLagSeconds = stringOrNull(now.earliest), stringOrNull(now.latest), now.lag
	if m.OnDestroy.IsNull() {
		m.OnDestroy = types.StringValue(onDestroyKeep) // as policies are that say nothing
	}
	return diags
}

func flattenWindow(ctx context.Context, w *sqladmin.MaintenanceWindow, diags *diag.Diagnostics) types.Object {
	if w == nil || w.Day < 1 || w.Day > 7 {
		return types.ObjectNull(windowTypes)
	}
	return objectOf(ctx, windowTypes, windowModel{
		Day: types.StringValue(cloudsql.Days[w.Day-1]), Hour: types.Int64Value(w.Hour), UpdateTrack: types.StringValue(cloudsql.Track(w)),
	}, diags)
}

// settle fills what a plan does not know from the instance. What it knows stays as planned, which Terraform insists on:
// an instance that has failed over since the plan serves from another zone now, and the next refresh will say so.
func (m *haPolicyModel) settle(ctx context.Context, after seen) diag.Diagnostics {
	now := *m
	diags := now.flatten(ctx, after)
	for _, field := range []struct {
		planned *types.String
		now     types.String
	}{
		{&m.ID, now.ID},
		{&m.AvailabilityType, now.AvailabilityType},
		{&m.Region, now.Region},
		{&m.ConnectionName, now.ConnectionName},
		{&m.Address, now.Address},
		{&m.DatabaseVersion, now.DatabaseVersion},
		{&m.Edition, now.Edition},
		{&m.Zone, now.Zone},
		{&m.SecondaryZone, now.SecondaryZone},
		{&m.EarliestRecoveryTime, now.EarliestRecoveryTime},
		{&m.LatestRecoveryTime, now.LatestRecoveryTime},
	} {
		if field.planned.IsUnknown() {
			*field.planned = field.now
		}
	}
	if m.DeletionProtection.IsUnknown() {
		m.DeletionProtection = now.DeletionProtection
	}
	m.PointInTimeRecovery = settleObject(ctx, m.PointInTimeRecovery, now.PointInTimeRecovery)
	m.Backup = settleObject(ctx, m.Backup, now.Backup)
	m.MaintenanceWindow = settleObject(ctx, m.MaintenanceWindow, now.MaintenanceWindow)
	m.DenyMaintenancePeriod = settleObject(ctx, m.DenyMaintenancePeriod, now.DenyMaintenancePeriod)
	m.Insights = settleObject(ctx, m.Insights, now.Insights)
	m.ConnectionPooling = settleObject(ctx, m.ConnectionPooling, now.ConnectionPooling)
	m.CrossRegionReplica = settleObject(ctx, m.CrossRegionReplica, now.CrossRegionReplica)
	m.ScheduledMaintenance = settleObject(ctx, m.ScheduledMaintenance, now.ScheduledMaintenance)
	if m.ReplicaLagSeconds.IsUnknown() {
		m.ReplicaLagSeconds = now.ReplicaLagSeconds
	}
	if m.PoolerCount.IsUnknown() {
		m.PoolerCount = now.PoolerCount
	}
	return diags
}

func settleObject(ctx context.Context, planned, now types.Object) types.Object {
	if planned.IsUnknown() {
		return now
	}
	if planned.IsNull() {
		return planned
	}
	values := planned.Attributes()
	for name, value := range values {
		if !value.IsUnknown() {
			continue
		}
		values[name] = now.Attributes()[name]
		if now.IsNull() { // it has vanished since; the next refresh says so
			values[name], _ = value.Type(ctx).ValueFromTerraform(ctx, tftypes.NewValue(value.Type(ctx).TerraformType(ctx), nil))
		}
	}
	return types.ObjectValueMust(planned.AttributeTypes(ctx), values)
}

func objectOf(ctx context.Context, attributes map[string]attr.Type, from any, diags *diag.Diagnostics) types.Object {
	o, d := types.ObjectValueFrom(ctx, attributes, from)
	diags.Append(d...)
	return o
}

func stringOrNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// edition is the instance's edition; instances older than editions have none, and are Enterprise.
func edition(live *sqladmin.DatabaseInstance) string {
	if live.Settings.Edition == "" || live.Settings.Edition == "EDITION_UNSPECIFIED" {
		return "ENTERPRISE"
	}
	return live.Settings.Edition
}

// ownedPartsKey holds, in the private state, whether the policy has set a deny period, which it may end then.
const ownedPartsKey = "owned_parts"

type ownedParts struct {
	DenyPeriod bool `json:"deny_maintenance_period"`
}

func (o ownedParts) json() []byte {
	b, _ := json.Marshal(o) // always marshals
	return b
}

func readOwnedParts(ctx context.Context, private privateState) (ownedParts, diag.Diagnostics) {
	var parts ownedParts
	raw, diags := private.GetKey(ctx, ownedPartsKey)
	if len(raw) == 0 || diags.HasError() {
		return parts, diags
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		fail(&diags, "Private state not read", "The list of what the policy owns is damaged. Import the policy again.", err)
	}
	return parts, diags
}

type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// privateKeeper is where an apply keeps it.
type privateKeeper interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

func parseHAPolicyID(id string) ([]string, bool) {
	parts := strings.Split(id, "/")
	if len(parts) == 4 && parts[0] == "projects" && parts[2] == "instances" {
		parts = []string{parts[1], parts[3]}
	}
	if len(parts) == 1 {
		parts = []string{"", parts[0]}
	}
	return parts, len(parts) == 2 && parts[1] != "" && !strings.Contains(parts[1], ":")
}

func missingInstance(label string) string {
	return fmt.Sprintf("There is no Cloud SQL instance %s. The policy goes on an instance that exists: check its name and project. "+
		"When the same plan is to make the instance, refer to something that is known only once it exists, as in "+
		"instance = basename(google_sql_database_instance.NAME.self_link).", label)
}

// checkInstance refuses an instance that the policy cannot be put on.
func checkInstance(live *sqladmin.DatabaseInstance) error {
	switch {
	case !strings.HasPrefix(live.DatabaseVersion, "POSTGRES_"):
		return fmt.Errorf("the instance runs %s; the policy is for PostgreSQL", live.DatabaseVersion)
	case cloudsql.IsReplica(live):
		return fmt.Errorf("the instance is a read replica of %s; put the policy on the primary", cloudsql.Primary(live))
	}
	return nil
}

// blame finds the attribute that a refusal is about, and says what was refused.
func blame(err error, policy cloudsql.Policy, label string) (path.Path, string) {
	message := cloudsql.Message(err)
	for _, name := range append(slices.Sorted(maps.Keys(policy.Flags)), policy.ResetFlags...) {
		if strings.Contains(message, name) {
			return path.Root("database_flags").AtMapKey(name), fmt.Sprintf("Cloud SQL refused the flag %s on instance %s: %s", name, label, message)
		}
	}
	if message == "" {
		return path.Root("instance"), "The instance " + label + " was not brought into line with the policy."
	}
	return path.Root("instance"), "Cloud SQL refused the change of instance " + label + ": " + message
}
