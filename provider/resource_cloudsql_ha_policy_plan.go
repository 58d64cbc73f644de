package provider

import (
	"context"
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
