package provider

import (
	"context"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// A backup is taken once a day, within four hours of its start time.
const defaultMaxBackupAgeHours = 28

const defaultMaxReplicaLagSeconds = 60

var _ datasource.DataSourceWithConfigure = (*haStatusDataSource)(nil)

// NewCloudSQLHAStatusDataSource makes the august_cloudsql_ha_status data source: what can be seen of an instance's high
// availability now, and in what it falls short.
func NewCloudSQLHAStatusDataSource() datasource.DataSource { return &haStatusDataSource{} }

type haStatusDataSource struct{ configuredDataSource }

type haStatusModel struct {
	ID                   types.String  `tfsdk:"id"`
	Instance             types.String  `tfsdk:"instance"`
	Project              types.String  `tfsdk:"project"`
	MaxBackupAgeHours    types.Int64   `tfsdk:"max_backup_age_hours"`
	MaxReplicaLagSeconds types.Int64   `tfsdk:"max_replica_lag_seconds"`
	Healthy              types.Bool    `tfsdk:"healthy"`
	Findings             types.List    `tfsdk:"findings"`
	State                types.String  `tfsdk:"state"`
	Region               types.String  `tfsdk:"region"`
	ConnectionName       types.String  `tfsdk:"connection_name"`
	DatabaseVersion      types.String  `tfsdk:"database_version"`
	Edition              types.String  `tfsdk:"edition"`
	AvailabilityType     types.String  `tfsdk:"availability_type"`
	Zone                 types.String  `tfsdk:"zone"`
	SecondaryZone        types.String  `tfsdk:"secondary_zone"`
	DeletionProtection   types.Bool    `tfsdk:"deletion_protection"`
	SettingsVersion      types.Int64   `tfsdk:"settings_version"`
	EarliestRecoveryTime types.String  `tfsdk:"earliest_recovery_time"`
	LatestRecoveryTime   types.String  `tfsdk:"latest_recovery_time"`
	RecoveryWindowDays   types.Float64 `tfsdk:"recovery_window_days"`
	LastBackup           types.Object  `tfsdk:"last_backup"`
	BackupsKept          types.Int64   `tfsdk:"backups_kept"`
	MaintenanceWindow    types.Object  `tfsdk:"maintenance_window"`
	ScheduledMaintenance types.Object  `tfsdk:"scheduled_maintenance"`
	DenyPeriodActive     types.Bool    `tfsdk:"deny_period_active"`
	PoolerCount          types.Int64   `tfsdk:"pooler_count"`
	Replicas             types.Map     `tfsdk:"replicas"`
	FailoverReplica      types.String  `tfsdk:"failover_replica"`
}

type lastBackupModel struct {
	ID       types.String `tfsdk:"id"`
	Time     types.String `tfsdk:"time"`
	AgeHours types.Int64  `tfsdk:"age_hours"`
	Location types.String `tfsdk:"location"`
}

type replicaStatusModel struct {
	Region      types.String  `tfsdk:"region"`
	State       types.String  `tfsdk:"state"`
	Zone        types.String  `tfsdk:"zone"`
	Tier        types.String  `tfsdk:"tier"`
	CrossRegion types.Bool    `tfsdk:"cross_region"`
	LagSeconds  types.Float64 `tfsdk:"lag_seconds"`
}

var (
	lastBackupTypes = map[string]attr.Type{
		"id": types.StringType, "time": types.StringType, "age_hours": types.Int64Type, "location": types.StringType,
	}
	replicaStatusTypes = map[string]attr.Type{
		"region": types.StringType, "state": types.StringType, "zone": types.StringType, "tier": types.StringType, "cross_region": types.BoolType,
		"lag_seconds": types.Float64Type,
	}
)

// Metadata implements datasource.DataSource.
func (d *haStatusDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cloudsql_ha_status"
}

// Schema implements datasource.DataSource.
func (d *haStatusDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, number, truth := shownText, shownNumber, shownTruth
	resp.Schema = schema.Schema{
		MarkdownDescription: "What can be seen of a Cloud SQL instance's high availability at this moment, and in what it falls short: to look at, or to assert on in a `check` or a `postcondition`.",
		Attributes: map[string]schema.Attribute{
			"id":       text("The instance's resource name, `projects/{project}/instances/{instance}`."),
			"instance": schema.StringAttribute{MarkdownDescription: "Name of the instance.", Required: true, Validators: []validator.String{instanceName()}},
			"project": schema.StringAttribute{
				MarkdownDescription: "Project of the instance. Default: the provider's project.", Optional: true, Computed: true,
				Validators: []validator.String{projectID()},
			},
			"max_backup_age_hours": schema.Int64Attribute{
				MarkdownDescription: "Hours after which the last backup counts as too old. Default: `28`, a day and the four hours in which a backup may start.",
				Optional:            true, Computed: true,
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"max_replica_lag_seconds": schema.Int64Attribute{
				MarkdownDescription: "Seconds that a replica may be behind before it counts as lagging. Default: `60`.",
				Optional:            true, Computed: true,
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"healthy": truth("Whether nothing is found that is worse than `info`."),
			"findings": findingsAttribute("Everything in which the instance falls short of high availability, the worst first; empty when there is nothing.", "NOT_REGIONAL",
				"`critical`: data or service would be lost; `warning`: it holds by luck, or for less than was meant; `info`: more could be had."),
			"state":               text("State of the instance, such as `RUNNABLE`."),
			"region":              text("Region of the instance."),
			"connection_name":     text("`project:region:instance`, as connectors want it."),
			"database_version":    text("Version of the database, such as `POSTGRES_15`."),
			"edition":             text("`ENTERPRISE` or `ENTERPRISE_PLUS`."),
			"availability_type":   text("`REGIONAL` or `ZONAL`."),
			"zone":                text("Zone that serves now."),
			"secondary_zone":      text("Zone of the standby, if there is one."),
			"deletion_protection": truth("Whether Cloud SQL refuses to delete the instance."),
			"settings_version":    number("Version of the instance's settings, which goes up with every change of them."),
			"earliest_recovery_time": text("The earliest moment that the instance can be restored to, in RFC 3339; " +
				"null when there is none."),
			"latest_recovery_time": text("The latest moment that the instance can be restored to."),
			"recovery_window_days": schema.Float64Attribute{MarkdownDescription: "Days between the two, rounded down to two places.", Computed: true},
			"last_backup": schema.SingleNestedAttribute{
				MarkdownDescription: "The newest backup that succeeded; null when there is none.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"id":        text("Its id."),
					"time":      text("When it ended, in RFC 3339."),
					"age_hours": number("Full hours since then."),
					"location":  text("Where it is kept."),
				},
			},
			"backups_kept": number("Backups that can be restored."),
			"maintenance_window": schema.SingleNestedAttribute{
				MarkdownDescription: "The hour of the week for maintenance; null when there is none.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"day": text("Day of the week."), "hour": number("Hour in UTC."), "update_track": text("`canary`, `stable` or `week5`."),
				},
			},
			"scheduled_maintenance": schema.SingleNestedAttribute{
				MarkdownDescription: "The maintenance that Google has announced; null when there is none.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"start_time": text("When it starts, in RFC 3339."), "can_defer": truth("Whether it can be put off."),
					"can_reschedule": truth("Whether it can be moved to another time."),
				},
			},
			"deny_period_active": truth("Whether maintenance is denied right now."),
			"pooler_count":       number("Poolers of managed connection pooling; null when it is off."),
			"replicas": schema.MapNestedAttribute{
				MarkdownDescription: "The instance's read replicas by name.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"region": text("Its region."), "state": text("Its state, such as `RUNNABLE`."), "zone": text("Its zone."), "tier": text("Its machine type."),
					"cross_region": truth("Whether it is in another region than the instance."),
					"lag_seconds": schema.Float64Attribute{
						MarkdownDescription: "Seconds that it was behind the instance at the newest measurement of the last ten minutes, which Cloud Monitoring has as " +
							"`cloudsql.googleapis.com/database/replication/replica_lag`; null when there is none, or when it may not be read, for which a finding gives the reason.",
						Computed: true,
					},
				}},
			},
			"failover_replica": text("Name of the replica that is designated to take over when the region fails, if one is."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *haStatusDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m haStatusModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	const title = "HA status not read"
	project, err := d.clients.project.or(m.Project)
	if err == nil && project.IsUnknown() {
		err = errUnknown{d.clients.project}
	}
	if err != nil {
		failAt(&resp.Diagnostics, path.Root("project"), title, "The instance's project is not known.", err)
		return
	}
	m.Project = project
	if m.MaxBackupAgeHours.IsNull() {
		m.MaxBackupAgeHours = types.Int64Value(defaultMaxBackupAgeHours)
	}
	if m.MaxReplicaLagSeconds.IsNull() {
		m.MaxReplicaLagSeconds = types.Int64Value(defaultMaxReplicaLagSeconds)
	}
	label := project.ValueString() + "/" + m.Instance.ValueString()
	client, err := d.clients.CloudSQL(ctx)
	if err != nil {
		fail(&resp.Diagnostics, title, "The Cloud SQL Admin API cannot be called.", err)
		return
	}
	status, err := look(ctx, client, project.ValueString(), m.Instance.ValueString())
	switch {
	case cloudsql.IsNotFound(err):
		failAt(&resp.Diagnostics, path.Root("instance"), title, "There is no Cloud SQL instance "+label+". Check its name and project.", err)
		return
	case err != nil:
		fail(&resp.Diagnostics, title, "What the instance "+label+" is like could not be read.", err)
		return
	}
	status.MaxBackupAge = time.Duration(m.MaxBackupAgeHours.ValueInt64()) * time.Hour
	status.MaxLag = time.Duration(m.MaxReplicaLagSeconds.ValueInt64()) * time.Second
	lag, err := d.clients.replicaLag(ctx, project.ValueString(), status.Replicas...)
	status.Lag, status.LagProblem = lag, lagProblem(project.ValueString(), err)
	resp.Diagnostics.Append(m.flatten(ctx, status)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// look gathers what there is to see of an instance.
func look(ctx context.Context, client *cloudsql.Client, project, instance string) (cloudsql.Status, error) {
	status := cloudsql.Status{Now: time.Now()}
	live, err := client.Get(ctx, project, instance)
	if err != nil {
		return status, err
	}
	status.Instance = live
	if !cloudsql.IsReplica(live) {
		if status.Backups, err = client.Backups(ctx, project, instance); err != nil {
			return status, err
		}
		if b := live.Settings.BackupConfiguration; b != nil && b.PointInTimeRecoveryEnabled {
			if status.Earliest, status.Latest, err = client.RecoveryWindow(ctx, project, instance); err != nil {
				return status, err
			}
		}
	}
	for _, name := range live.ReplicaNames {
		replica, err := client.Get(ctx, project, cloudsql.BareName(name))
		if cloudsql.IsNotFound(err) {
			continue // deleted since the list was read
		}
		if err != nil {
			return status, err
		}
		status.Replicas = append(status.Replicas, replica)
	}
	return status, nil
}

func (m *haStatusModel) flatten(ctx context.Context, status cloudsql.Status) diag.Diagnostics {
	var diags diag.Diagnostics
	live, s := status.Instance, status.Instance.Settings
	m.ID = types.StringValue("projects/" + m.Project.ValueString() + "/instances/" + m.Instance.ValueString())
	m.State, m.Region, m.ConnectionName = types.StringValue(live.State), types.StringValue(live.Region), types.StringValue(live.ConnectionName)
	m.DatabaseVersion, m.Edition = types.StringValue(live.DatabaseVersion), types.StringValue(edition(live))
	m.AvailabilityType, m.Zone, m.SecondaryZone = stringOrNull(s.AvailabilityType), stringOrNull(live.GceZone), stringOrNull(live.SecondaryGceZone)
	m.DeletionProtection, m.SettingsVersion = types.BoolValue(s.DeletionProtectionEnabled), types.Int64Value(s.SettingsVersion)

	m.EarliestRecoveryTime, m.LatestRecoveryTime = timeOrNull(status.Earliest), timeOrNull(status.Latest)
	m.RecoveryWindowDays = types.Float64Value(status.WindowDays())
	last, kept := status.LastBackup()
	m.BackupsKept = types.Int64Value(kept)
	m.LastBackup = types.ObjectNull(lastBackupTypes)
	if last != nil {
		ended, _ := time.Parse(time.RFC3339, last.EndTime) // an unreadable one is a finding
		m.LastBackup = objectOf(ctx, lastBackupTypes, lastBackupModel{
			ID: types.StringValue(strconv.FormatInt(last.Id, 10)), Time: stringOrNull(last.EndTime),
			AgeHours: types.Int64Value(int64(status.Now.Sub(ended).Hours())), Location: stringOrNull(last.Location),
		}, &diags)
	}

	m.MaintenanceWindow = flattenWindow(ctx, s.MaintenanceWindow, &diags)
	m.ScheduledMaintenance = flattenMaintenance(ctx, live.ScheduledMaintenance, &diags)
	period := cloudsql.Denied(s)
	m.DenyPeriodActive = types.BoolValue(period != nil && period.Active(status.Now))
	m.PoolerCount = types.Int64Null()
	if cloudsql.PoolingOn(s) && s.ConnectionPoolConfig.PoolerCount > 0 {
		m.PoolerCount = types.Int64Value(s.ConnectionPoolConfig.PoolerCount)
	}

	replicas := map[string]attr.Value{}
	for _, r := range status.Replicas {
		replicas[r.Name] = objectOf(ctx, replicaStatusTypes, replicaStatusModel{
			Region: types.StringValue(r.Region), State: types.StringValue(r.State), Zone: stringOrNull(r.GceZone),
			Tier: types.StringValue(r.Settings.Tier), CrossRegion: types.BoolValue(r.Region != live.Region),
			LagSeconds: lagOrNull(status.Lag, r.Name),
		}, &diags)
	}
	m.Replicas = types.MapValueMust(types.ObjectType{AttrTypes: replicaStatusTypes}, replicas)
	m.FailoverReplica = stringOrNull(cloudsql.Designated(live))

	m.Healthy, m.Findings = judge(ctx, status.Findings(), &diags)
	return diags
}

func timeOrNull(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
