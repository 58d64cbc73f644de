package provider

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. The instance exists before its policy does, so the plan can be
// exact: it fills defaults, takes everything else from the instance, and refuses what the instance cannot be set to.
func (r *haPolicyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		warnOfRelaxing(ctx, req, resp)
		return
	}
	if r.clients == nil {
		return
	}
	config, plan, state := planning[haPolicyModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var is types.String
	if state != nil {
		is = state.Project
	}
	if plan.Project = r.clients.planProject(config.Project, is, "HA policy not planned", resp); resp.Diagnostics.HasError() {
		return
	}

	known := state // what is known of the instance
	var now seen   // and what has been read for this plan
	if state == nil || !plan.Instance.Equal(state.Instance) || !plan.Project.Equal(state.Project) {
		known, now.live = r.lookUp(ctx, plan, &resp.Diagnostics)
	} else if !config.sameParts(*state) {
		now.live, _ = r.read(ctx, plan) // what cannot be read checks nothing
	}
	if known == nil || !sameReplica(ctx, config.CrossRegionReplica, known.CrossRegionReplica, &resp.Diagnostics) {
		now.replica = r.lookUpReplica(ctx, config, plan, now.live, &resp.Diagnostics)
	}
	parts, diags := readOwnedParts(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	plan.resolve(ctx, config, known, now, parts.DenyPeriod, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.checkRetention(ctx, &resp.Diagnostics)
	plan.checkWindow(ctx, time.Now(), &resp.Diagnostics)
	plan.checkInsights(ctx, known, &resp.Diagnostics)
	plan.checkReplica(ctx, config, state, now, &resp.Diagnostics)
	r.checkPooling(ctx, config, plan, known, now.live, &resp.Diagnostics)
	warnOfDenyPeriodOver(ctx, plan, known, time.Now(), &resp.Diagnostics)
	if state == nil || !plan.DatabaseFlags.Equal(state.DatabaseFlags) {
		owned, diags := readOwnedFlags(ctx, req.Private)
		resp.Diagnostics.Append(diags...)
		r.checkFlags(ctx, plan, state, owned, &resp.Diagnostics)
		warnOfFlagsLeftAlone(plan, state, owned, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// lookUp reads the instance that a new policy goes on. It returns nil when that cannot be done while planning, and only
// an instance that is known not to fit is an error.
func (r *haPolicyResource) lookUp(ctx context.Context, plan haPolicyModel, diags *diag.Diagnostics) (*haPolicyModel, *sqladmin.DatabaseInstance) {
	const title = "HA policy not planned"
	if plan.Project.IsUnknown() || plan.Instance.IsUnknown() {
		return nil, nil
	}
	live, err := r.read(ctx, plan)
	switch {
	case isUnknown(err):
		return nil, nil
	case cloudsql.IsNotFound(err):
		failAt(diags, path.Root("instance"), title, missingInstance(plan.label()), err)
		return nil, nil
	case err != nil:
		warnAt(diags, path.Root("instance"), "HA policy not checked against its instance",
			"The instance "+plan.label()+" could not be read while planning, so that what does not fit it will only show at apply.", err)
		return nil, nil
	}
	if err := checkInstance(live); err != nil {
		failAt(diags, path.Root("instance"), title, "The policy does not fit the instance "+plan.label()+".", err)
		return nil, nil
	}
	known := haPolicyModel{Project: plan.Project, Instance: plan.Instance}
	diags.Append(known.flatten(ctx, seen{live: live})...)
	// Terraform plans once more when it applies, and insists on the same values: what moves meanwhile cannot be known.
	known.EarliestRecoveryTime, known.LatestRecoveryTime = types.StringUnknown(), types.StringUnknown()
	if b := live.Settings.BackupConfiguration; known.Backup.IsNull() && b != nil && b.StartTime != "" {
		// Backups are off, but when and where they would be taken is settled.
		known.Backup = objectOf(ctx, backupTypes, backupModel{StartTime: types.StringValue(b.StartTime), Location: stringOrNull(b.Location)}, diags)
	}
	return &known, live
}

// resolve fills in every attribute that the configuration leaves out: with the default when there is one, else with what
// is known of the instance, else as unknown. It always starts from the configuration, because Terraform proposes the
// prior state for what is left out, and a default must win over that.
func (m *haPolicyModel) resolve(
	ctx context.Context, config haPolicyModel, known *haPolicyModel, now seen, ownsDenyPeriod bool, diags *diag.Diagnostics,
) {
	was := haPolicyModel{
		DenyMaintenancePeriod: types.ObjectUnknown(denyPeriodTypes), Insights: types.ObjectUnknown(insightsTypes),
		ConnectionPooling: types.ObjectUnknown(poolingTypes), CrossRegionReplica: types.ObjectNull(replicaTypes),
		ScheduledMaintenance: types.ObjectUnknown(maintenanceTypes), PoolerCount: types.Int64Unknown(),
		EarliestRecoveryTime: types.StringUnknown(), LatestRecoveryTime: types.StringUnknown(),
		ID: types.StringUnknown(), Region: types.StringUnknown(), ConnectionName: types.StringUnknown(),
		Address: types.StringUnknown(), DatabaseVersion: types.StringUnknown(), Edition: types.StringUnknown(),
		Zone: types.StringUnknown(), SecondaryZone: types.StringUnknown(), AvailabilityType: types.StringUnknown(),
		Backup: types.ObjectUnknown(backupTypes), MaintenanceWindow: types.ObjectUnknown(windowTypes),
	}
	if known != nil {
		was = *known
	}
	m.ID, m.Region, m.ConnectionName, m.Address = was.ID, was.Region, was.ConnectionName, was.Address
	m.DatabaseVersion, m.Edition, m.Zone, m.SecondaryZone = was.DatabaseVersion, was.Edition, was.Zone, was.SecondaryZone
	m.ScheduledMaintenance, m.EarliestRecoveryTime, m.LatestRecoveryTime = was.ScheduledMaintenance, was.EarliestRecoveryTime, was.LatestRecoveryTime
	if was.PointInTimeRecovery.IsNull() { // it comes on, and the time to go back to begins
		m.EarliestRecoveryTime, m.LatestRecoveryTime = types.StringUnknown(), types.StringUnknown()
	}
	m.LowTrafficHours = config.LowTrafficHours
	m.OnDestroy = config.OnDestroy
	if config.OnDestroy.IsNull() {
		m.OnDestroy = types.StringValue(onDestroyKeep)
	}

	m.AvailabilityType = config.AvailabilityType
	if config.AvailabilityType.IsNull() {
		m.AvailabilityType = types.StringValue(defaultAvailability)
	}
	if !m.AvailabilityType.Equal(was.AvailabilityType) {
		m.SecondaryZone = types.StringUnknown() // a standby comes or goes
	}
	m.DeletionProtection = config.DeletionProtection
	if config.DeletionProtection.IsNull() {
		m.DeletionProtection = types.BoolValue(true)
	}
	m.DatabaseFlags = config.DatabaseFlags

	recovery, backup, window := config.nested(ctx, diags)
	_, backupWas, _ := was.nested(ctx, diags)

	if m.PointInTimeRecovery = config.PointInTimeRecovery; !m.PointInTimeRecovery.IsUnknown() {
		if recovery == nil {
			recovery = &recoveryModel{}
		}
		if recovery.RetentionDays.IsNull() {
			recovery.RetentionDays = types.Int64Value(defaultRetentionDays)
		}
		m.PointInTimeRecovery = objectOf(ctx, recoveryTypes, recovery, diags)
	}
	if m.Backup = config.Backup; !m.Backup.IsUnknown() {
		if backup == nil {
			backup = &backupModel{}
		}
		if backup.RetainedBackups.IsNull() {
			backup.RetainedBackups = types.Int64Value(defaultRetainedBackups)
		}
		if backupWas == nil { // backups are off, or nothing is known: Cloud SQL picks a time when they come on
			backupWas = &backupModel{StartTime: types.StringUnknown(), Location: types.StringUnknown()}
		}
		if backup.StartTime.IsNull() {
			backup.StartTime = backupWas.StartTime
		}
		if backup.Location.IsNull() {
			backup.Location = backupWas.Location
		}
		m.Backup = objectOf(ctx, backupTypes, backup, diags)
	}
	switch m.MaintenanceWindow = config.MaintenanceWindow; {
	case config.MaintenanceWindow.IsNull():
		m.MaintenanceWindow = was.MaintenanceWindow
	case window != nil:
		if window.UpdateTrack.IsNull() {
			window.UpdateTrack = types.StringValue(defaultUpdateTrack)
		}
		m.MaintenanceWindow = objectOf(ctx, windowTypes, window, diags)
	}
	m.resolveParts(ctx, config, was, ownsDenyPeriod, diags)
	m.resolveReplica(ctx, config, was, now.live, now.replica, diags)
}

// checkRetention holds the recovery window to what edition and backups allow.
func (m *haPolicyModel) checkRetention(ctx context.Context, diags *diag.Diagnostics) {
	recovery, backup, _ := m.nested(ctx, diags)
	if recovery == nil || recovery.RetentionDays.IsUnknown() {
		return
	}
	days := recovery.RetentionDays.ValueInt64()
	at := path.Root("point_in_time_recovery").AtName("retention_days")
	if edition := m.Edition.ValueString(); edition != "" && days > cloudsql.MaxRetentionDays(edition) {
		failAt(diags, at, "Recovery window not possible", fmt.Sprintf(
			"The instance %s is of the edition %s, in which point-in-time recovery reaches back at most %d days, not %d. "+
				"Ask for less, or move the instance to ENTERPRISE_PLUS first.", m.label(), edition, cloudsql.MaxRetentionDays(edition), days), nil)
	}
	if backup != nil && !backup.RetainedBackups.IsUnknown() && backup.RetainedBackups.ValueInt64() < days {
		failAt(diags, path.Root("backup").AtName("retained_backups"), "Recovery window not possible", fmt.Sprintf(
			"Going back %d days needs a daily backup from before each of them, but only %d are kept. "+
				"Keep at least %[1]d backups, or shorten point_in_time_recovery.retention_days.", days, backup.RetainedBackups.ValueInt64()), nil)
	}
}

// checkFlags holds changed flags to the list of flags that Cloud SQL publishes for the database's version. A list that
// cannot be had checks nothing: the instance itself has the last word at apply.
func (r *haPolicyResource) checkFlags(ctx context.Context, plan haPolicyModel, state *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	version := plan.DatabaseVersion.ValueString()
	named, dropped := plan.flagNames(), plan.droppedFlags(state)
	if version == "" || plan.DatabaseFlags.IsUnknown() || len(named)+len(dropped) == 0 {
		return
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return
	}
	known, err := client.Flags(ctx, version)
	if err != nil || len(known) == 0 {
		return
	}
	var was map[string]string
	if state != nil {
		was = stringsOf(state.DatabaseFlags)
	}
	for _, name := range dropped {
		if flag, ok := known[name]; ok && flag.RequiresRestart && slices.Contains(owned, name) {
			warnAt(diags, path.Root("database_flags"), "Flag restarts the database", "Taking "+name+" back to its default restarts the instance "+
				plan.label()+": connections break, and clients have to connect again.", nil)
		}
	}
	for _, name := range named {
		value := plan.DatabaseFlags.Elements()[name].(types.String) //nolint:forcetypeassert // the schema's element type
		if before, set := was[name]; value.IsUnknown() || (set && before == value.ValueString()) {
			continue
		}
		at := path.Root("database_flags").AtMapKey(name)
		flag, ok := known[name]
		if !ok {
			failAt(diags, at, "Flag not known", fmt.Sprintf("%s has no flag %q that can be set.%s", version, name, didYouMean(name, known)), nil)
			continue
		}
		if problem := flagProblem(flag, value.ValueString()); problem != "" {
			failAt(diags, at, "Flag value not possible", fmt.Sprintf("%s cannot be %q: %s.", name, value.ValueString(), problem), nil)
		} else if flag.RequiresRestart {
			warnAt(diags, at, "Flag restarts the database", "Setting "+name+" restarts the instance "+plan.label()+
				": connections break, and clients have to connect again.", nil)
		}
	}
}

func flagProblem(flag *sqladmin.Flag, value string) string {
	values := []string{value}
	if flag.Type == "REPEATED_STRING" {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		if len(flag.AllowedStringValues) > 0 && !slices.Contains(flag.AllowedStringValues, strings.TrimSpace(v)) {
			return "it takes " + strings.Join(flag.AllowedStringValues, ", ")
		}
	}
	switch flag.Type {
	case "BOOLEAN":
		if value != "on" && value != "off" {
			return "it takes on or off"
		}
	case "INTEGER":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return "it takes a whole number"
		}
		bounded := flag.MinValue != 0 || flag.MaxValue != 0
		if len(flag.AllowedIntValues) > 0 {
			if !slices.Contains(flag.AllowedIntValues, n) {
				return fmt.Sprintf("it takes one of %v", flag.AllowedIntValues)
			}
		} else if bounded && (n < flag.MinValue || (flag.MaxValue > flag.MinValue && n > flag.MaxValue)) {
			return fmt.Sprintf("it takes %d to %d", flag.MinValue, flag.MaxValue)
		}
	case "FLOAT":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "it takes a number"
		}
	}
	return ""
}

// didYouMean finds the known flag that shares the longest beginning or end with a misspelt one.
func didYouMean(name string, known map[string]*sqladmin.Flag) string {
	best, score := "", 5 // fewer letters in common say nothing
	for candidate := range known {
		shared := sharedPrefix(name, candidate) + sharedPrefix(reversed(name), reversed(candidate))
		if shared > score || (shared == score && best != "" && candidate < best) {
			best, score = candidate, shared
		}
	}
	if best == "" {
		return " Cloud SQL's documentation lists those that can be."
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// droppedFlags is the flags that leave the map.
func (m haPolicyModel) droppedFlags(state *haPolicyModel) []string {
	if state == nil || m.DatabaseFlags.IsUnknown() {
		return nil
	}
	named := m.flagNames()
	return slices.DeleteFunc(state.flagNames(), func(name string) bool { return slices.Contains(named, name) })
}

// warnOfFlagsLeftAlone says which flags leave the map without being reset: those that an import brought into it.
func warnOfFlagsLeftAlone(plan haPolicyModel, state *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	left := slices.DeleteFunc(plan.droppedFlags(state), func(name string) bool { return slices.Contains(owned, name) })
	if len(left) > 0 {
		warnAt(diags, path.Root("database_flags"), "Flags left alone", "The policy has not set "+strings.Join(left, ", ")+
			", so the instance keeps them as they are. To reset one, put it into database_flags, apply, and take it out again.", nil)
	}
}
