package provider

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// What can be seen to be wrong while planning must not wait for the apply. Every check passes over what is not known.

// sameParts says whether a configuration changes nothing that a check wants to see the instance for.
func (m haPolicyModel) sameParts(state haPolicyModel) bool {
	for _, pair := range [][2]types.Object{
		{m.ConnectionPooling, state.ConnectionPooling}, {m.CrossRegionReplica, state.CrossRegionReplica},
	} {
		if !pair[0].IsNull() && !covers(pair[1], pair[0]) {
			return false
		}
	}
	return m.CrossRegionReplica.IsNull() || m.DatabaseFlags.Equal(state.DatabaseFlags)
}

// covers says whether every attribute that want names is the same in have.
func covers(have, want types.Object) bool {
	if have.IsNull() || want.IsUnknown() {
		return false
	}
	for name, value := range want.Attributes() {
		if !value.IsNull() && !value.Equal(have.Attributes()[name]) {
			return false
		}
	}
	return true
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

// checkWindow holds the maintenance window to the hours that the user has called quiet.
func (m *haPolicyModel) checkWindow(ctx context.Context, now time.Time, diags *diag.Diagnostics) {
	hours := objectAs[hoursModel](ctx, m.LowTrafficHours, diags)
	if hours == nil || hours.From.IsUnknown() || hours.To.IsUnknown() || hours.TimeZone.IsUnknown() || m.MaintenanceWindow.IsUnknown() {
		return
	}
	const title = "Maintenance window not in the quiet hours"
	zone, err := time.LoadLocation(orDefault(hours.TimeZone, "UTC"))
	if err != nil {
		return // said where it is
	}
	quiet := cloudsql.Hours{From: sinceMidnight(hours.From), To: sinceMidnight(hours.To), Zone: zone}
	if (quiet.To-quiet.From+24*time.Hour)%(24*time.Hour) < time.Hour {
		failAt(diags, path.Root("low_traffic_hours").AtName("to"), title, fmt.Sprintf(
			"Between %s and %s there is not an hour, and the maintenance window takes one. Make the quiet hours longer.", hours.From.ValueString(), hours.To.ValueString()), nil)
		return
	}
	at := path.Root("maintenance_window")
	window := objectAs[windowModel](ctx, m.MaintenanceWindow, diags)
	if window == nil {
		failAt(diags, at, title, fmt.Sprintf("The instance %s has no maintenance window, so that maintenance may restart it at any hour. Add maintenance_window = { day = \"sunday\", hour = … }; "+
			"hours in UTC that lie between %s and %s in %s all the year round: %s.", m.label(), hours.From.ValueString(), hours.To.ValueString(), zone,
			orNone(cloudsql.HourRanges(quiet.Fitting(7, now)))), nil)
		return
	}
	if window.Day.IsUnknown() || window.Hour.IsUnknown() {
		return
	}
	w := cloudsql.Window{Day: int64(slices.Index(cloudsql.Days, window.Day.ValueString()) + 1), Hour: window.Hour.ValueInt64()}
	if open, outside := quiet.Outside(w, now); outside {
		local := open.In(zone)
		failAt(diags, at.AtName("hour"), title, fmt.Sprintf(
			"%s is %s to %s in %s on %s, which is not between %s and %s. Hours in UTC that are on a %s, all the year round: %s.",
			w, local.Format("15:04"), local.Add(time.Hour).Format("15:04"), zone, local.Format("2 January 2006"),
			hours.From.ValueString(), hours.To.ValueString(), window.Day.ValueString(), orNone(cloudsql.HourRanges(quiet.Fitting(w.Day, now)))), nil)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func sinceMidnight(clock types.String) time.Duration {
	t, _ := time.Parse("15:04", clock.ValueString()) // the validator has said it if it is none
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// warnOfDenyPeriodOver says, when a deny period is set, that it will deny nothing.
func warnOfDenyPeriodOver(ctx context.Context, plan haPolicyModel, was *haPolicyModel, now time.Time, diags *diag.Diagnostics) {
	period := objectAs[denyPeriodModel](ctx, plan.DenyMaintenancePeriod, diags)
	if period == nil || (was != nil && plan.DenyMaintenancePeriod.Equal(was.DenyMaintenancePeriod)) {
		return
	}
	if (cloudsql.DenyPeriod{Start: period.StartDate.ValueString(), End: period.EndDate.ValueString()}).Over(now) {
		warnAt(diags, path.Root("deny_maintenance_period").AtName("end_date"), "Deny period is over",
			"It has ended on "+period.EndDate.ValueString()+" and keeps no maintenance away. Move it, or take it out.", nil)
	}
}

// checkInsights holds Query Insights to what the edition keeps.
func (m *haPolicyModel) checkInsights(ctx context.Context, was *haPolicyModel, diags *diag.Diagnostics) {
	insights := objectAs[insightsModel](ctx, m.Insights, diags)
	edition := m.Edition.ValueString()
	if insights == nil || edition == "" || !insights.Enabled.ValueBool() {
		return
	}
	at := path.Root("insights")
	plans, length := cloudsql.InsightsLimits(edition)
	for _, limit := range []struct {
		name  string
		value types.Int64
		most  int64
	}{
		{"query_plans_per_minute", insights.QueryPlansPerMinute, plans},
		{"query_string_length", insights.QueryStringLength, length},
	} {
		if limit.value.ValueInt64() > limit.most {
			failAt(diags, at.AtName(limit.name), "Query Insights not possible", fmt.Sprintf(
				"The instance %s is of the edition %s, in which %s is %d at most, not %d. Ask for less%s.",
				m.label(), edition, limit.name, limit.most, limit.value.ValueInt64(), orMove(edition)), nil)
		}
	}
	if was == nil {
		return
	}
	before := objectAs[insightsModel](ctx, was.Insights, diags)
	if before != nil && before.Enabled.ValueBool() && !insights.QueryStringLength.IsUnknown() && !insights.QueryStringLength.Equal(before.QueryStringLength) {
		warnAt(diags, at.AtName("query_string_length"), "Query Insights restart the database",
			"Changing the length of queries that are kept restarts the instance "+m.label()+": connections break, and clients have to connect again.", nil)
	}
}

func orMove(edition string) string {
	if edition == cloudsql.EnterprisePlus {
		return ""
	}
	return ", or move the instance to ENTERPRISE_PLUS first"
}

// The first maintenance version whose poolers Cloud SQL supports, by its date.
const firstPoolingVersion = "20250727"

var maintenanceDate = regexp.MustCompile(`\.R([0-9]{8})\.`)

// checkPooling holds managed connection pooling to what it needs, and says that it restarts the database.
func (r *haPolicyResource) checkPooling(ctx context.Context, config, plan haPolicyModel, was *haPolicyModel, live *sqladmin.DatabaseInstance, diags *diag.Diagnostics) {
	pooling := objectAs[poolingModel](ctx, plan.ConnectionPooling, diags)
	if config.ConnectionPooling.IsNull() || pooling == nil || !pooling.Enabled.ValueBool() {
		return
	}
	const title = "Managed connection pooling not possible"
	at := path.Root("connection_pooling").AtName("enabled")
	if edition := plan.Edition.ValueString(); edition != "" && edition != cloudsql.EnterprisePlus {
		failAt(diags, at, title, fmt.Sprintf("The instance %s is of the edition %s, and only ENTERPRISE_PLUS has managed connection pooling. "+
			"Move the instance to ENTERPRISE_PLUS first, or take connection_pooling out and keep the services' own pools small.", plan.label(), edition), nil)
		return
	}
	if live != nil && live.SqlNetworkArchitecture == "OLD_NETWORK_ARCHITECTURE" {
		failAt(diags, at, title, "The instance "+plan.label()+" is on Cloud SQL's old network architecture, which has no poolers. "+
			"Move it to the new one first: gcloud sql instances patch "+plan.Instance.ValueString()+" --enforce-new-sql-network-architecture.", nil)
	}
	if live != nil {
		if m := maintenanceDate.FindStringSubmatch(live.MaintenanceVersion); m != nil && m[1] < firstPoolingVersion {
			failAt(diags, at, title, fmt.Sprintf("The instance %s has the maintenance version %s; poolers take one from R%s on. "+
				"Update it first: gcloud sql instances patch %s --maintenance-version=….", plan.label(), live.MaintenanceVersion, firstPoolingVersion, plan.Instance.ValueString()), nil)
		}
	}
	var before *poolingModel
	if was != nil {
		before = objectAs[poolingModel](ctx, was.ConnectionPooling, diags)
	}
	if before != nil && !before.Enabled.ValueBool() {
		warnAt(diags, at, "Managed connection pooling restarts the database", "Enabling it restarts the instance "+plan.label()+": connections break, and clients have to connect again. "+
			"The poolers listen on port 6432, and behind the Auth Proxy; connections of Cloud SQL's language connectors, and those to port 5432, do not go through them.", nil)
	}
	if before == nil || !pooling.Flags.Equal(before.Flags) {
		r.checkPoolFlags(ctx, pooling, plan.DatabaseVersion.ValueString(), diags)
	}
}

// lookUpReplica reads the replica that a plan names for the first time.
func (r *haPolicyResource) lookUpReplica(ctx context.Context, config, plan haPolicyModel, primary *sqladmin.DatabaseInstance, diags *diag.Diagnostics) *sqladmin.DatabaseInstance {
	if plan.Project.IsUnknown() || primary == nil {
		return nil
	}
	at := plan
	at.CrossRegionReplica = config.CrossRegionReplica
	replica, err := r.readReplica(ctx, at)
	if err != nil {
		warnAt(diags, replicaPath.AtName("name"), "Cross-region replica not checked", "Whether there is one by that name could not be read while planning.", err)
	}
	return replica
}

// checkReplica holds a replica to what can stand in for the primary.
func (m *haPolicyModel) checkReplica(ctx context.Context, config haPolicyModel, state *haPolicyModel, now seen, diags *diag.Diagnostics) {
	replica := objectAs[replicaModel](ctx, m.CrossRegionReplica, diags)
	if state != nil {
		before := objectAs[replicaModel](ctx, state.CrossRegionReplica, diags)
		if before != nil && !m.CrossRegionReplica.IsUnknown() && (replica == nil || (!replica.Name.IsUnknown() && !replica.Name.Equal(before.Name))) {
			warnAt(diags, replicaPath, "Replica left alone", fmt.Sprintf("The policy lets go of the replica %s in %s and deletes nothing: it goes on replicating, and costs what it costs. "+
				"When it is not needed, delete it yourself.", before.Name.ValueString(), before.Region.ValueString()), nil)
		}
	}
	if replica == nil || replica.Name.IsUnknown() || replica.Region.IsUnknown() {
		return
	}
	const title = "Cross-region replica not possible"
	if replica.Name.Equal(m.Instance) {
		failAt(diags, replicaPath.AtName("name"), title, "It has the name of the instance itself. Give it another.", nil)
	}
	if replica.Region.Equal(m.Region) {
		failAt(diags, replicaPath.AtName("region"), title, fmt.Sprintf("The instance %s is in %s itself. A replica there fails with it: name another region.", m.label(), m.Region.ValueString()), nil)
	}
	if edition := m.Edition.ValueString(); replica.FailoverTarget.ValueBool() && edition != "" && edition != cloudsql.EnterprisePlus {
		failAt(diags, replicaPath.AtName("failover_target"), title, fmt.Sprintf("The instance %s is of the edition %s, and only ENTERPRISE_PLUS fails over to a designated replica. "+
			"Leave it out: the replica can be promoted by hand. Or move the instance to ENTERPRISE_PLUS first.", m.label(), edition), nil)
	}
	if now.live == nil {
		return
	}
	if other := cloudsql.Designated(now.live); replica.FailoverTarget.ValueBool() && other != "" && other != replica.Name.ValueString() {
		warnAt(diags, replicaPath.AtName("failover_target"), "Failover replica changes", "So far "+other+" is the replica to fail over to; it will not be any more.", nil)
	}
	if now.replica != nil {
		want := &cloudsql.Replica{Name: replica.Name.ValueString(), Region: replica.Region.ValueString()}
		if problem := replicaProblem(want, now.replica, now.live); problem != "" {
			failAt(diags, replicaPath.AtName(blamedFor(now.replica, now.live, want)), title, problem, nil)
		}
		return
	}
	m.checkReplicaSize(config, replica, now.live, diags)
	if key := now.live.DiskEncryptionConfiguration; key != nil && key.KmsKeyName != "" && replica.KMSKeyName.IsNull() && !sameReplica(ctx, m.CrossRegionReplica, stateReplica(state), diags) {
		failAt(diags, replicaPath.AtName("kms_key_name"), title, fmt.Sprintf("The instance %s is encrypted with a key of its own, %s, and so must its replicas be. Name a key in %s.",
			m.label(), key.KmsKeyName, replica.Region.ValueString()), nil)
	}
}

func stateReplica(state *haPolicyModel) types.Object {
	if state == nil {
		return types.ObjectNull(replicaTypes)
	}
	return state.CrossRegionReplica
}

func blamedFor(found, primary *sqladmin.DatabaseInstance, want *cloudsql.Replica) string {
	if replicates(found, primary) && found.Region != want.Region {
		return "region"
	}
	return "name"
}

// checkReplicaSize refuses a smaller machine while max_connections is left to follow memory: the replica would have
// fewer than its primary, and PostgreSQL would stop replaying.
func (m *haPolicyModel) checkReplicaSize(config haPolicyModel, replica *replicaModel, primary *sqladmin.DatabaseInstance, diags *diag.Diagnostics) {
	if replica.Tier.IsUnknown() || config.DatabaseFlags.IsUnknown() {
		return
	}
	mine, its := cloudsql.TierMemory(primary.Settings.Tier), cloudsql.TierMemory(replica.Tier.ValueString())
	if mine == 0 || its == 0 || its >= mine {
		return
	}
	const flag = "max_connections"
	if _, named := config.DatabaseFlags.Elements()[flag]; named || slices.ContainsFunc(primary.Settings.DatabaseFlags, func(f *sqladmin.DatabaseFlags) bool { return f.Name == flag }) {
		return
	}
	failAt(diags, replicaPath.AtName("tier"), "Cross-region replica not possible", fmt.Sprintf(
		"%s has less memory than the instance's %s, and max_connections follows memory: the replica would have fewer connections than its primary, and stop replaying. "+
			"Say database_flags = { max_connections = … }, which the replica then gets as well, or give it as much memory.", replica.Tier.ValueString(), primary.Settings.Tier), nil)
}

// warnOfRelaxing says what a destroy does to the instance, when it does something.
func warnOfRelaxing(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state haPolicyModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() || state.OnDestroy.ValueString() != onDestroyRelax {
		return
	}
	names := []string{state.label()}
	if replica := objectAs[replicaModel](ctx, state.CrossRegionReplica, &resp.Diagnostics); replica != nil {
		names = append(names, state.Project.ValueString()+"/"+replica.Name.ValueString())
	}
	warnAt(&resp.Diagnostics, path.Root("on_destroy"), "Deletion protection comes off",
		"Destroying the policy takes deletion protection off "+strings.Join(names, " and ")+". Everything else stays, and a replica that has been promoted keeps its protection.", nil)
}
