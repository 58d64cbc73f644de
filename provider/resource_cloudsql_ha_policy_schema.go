package provider

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// Schema implements resource.Resource.
func (r *haPolicyResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes an existing Cloud SQL for PostgreSQL instance highly available: a standby in a second zone, " +
			"point-in-time recovery, backups, a maintenance window, database flags, Query Insights, managed connection pooling, a replica in another region and deletion protection. " +
			"The policy owns what it declares and leaves the rest of the instance alone, so that the instance itself stays with whoever made it.",
		Attributes: map[string]schema.Attribute{
			"id": observed("The instance's resource name, `projects/{project}/instances/{instance}`."),
			"instance": schema.StringAttribute{
				MarkdownDescription: "Name of the instance, without project and region. Changing it puts the policy on the other instance and leaves the first as it is.",
				Required:            true,
				Validators:          []validator.String{instanceName()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"project": schema.StringAttribute{
				MarkdownDescription: "Project of the instance. Default: the provider's project.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{projectID()},
			},
			"availability_type": schema.StringAttribute{
				MarkdownDescription: "`REGIONAL` keeps a synchronous standby in a second zone, and fails over to it by itself; `ZONAL` does not. Default: `REGIONAL`.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{stringvalidator.OneOf(cloudsql.Regional, cloudsql.Zonal)},
			},
			"point_in_time_recovery": schema.SingleNestedAttribute{
				MarkdownDescription: "Recovery to any moment of the last days. It is always on; this says how far it reaches.",
				Optional:            true,
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"retention_days": schema.Int64Attribute{
						MarkdownDescription: "Days that can be gone back, from 1: up to 7 in the edition Enterprise, up to 35 in Enterprise Plus. Default: `7`.",
						Optional:            true,
						Computed:            true,
						Validators:          []validator.Int64{int64validator.Between(1, 35)},
					},
				},
			},
			"backup": schema.SingleNestedAttribute{
				MarkdownDescription: "Daily backups. They are always on; this says when, where to, and how many are kept.",
				Optional:            true,
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"start_time": schema.StringAttribute{
						MarkdownDescription: "Start of the four hours in which the backup is taken, `HH:MM` in UTC. Left out, the instance keeps its own.",
						Optional:            true,
						Computed:            true,
						Validators:          []validator.String{timeOfDay()},
					},
					"retained_backups": schema.Int64Attribute{
						MarkdownDescription: "How many backups are kept, from 1 to 365; at least as many as point-in-time recovery reaches back in days. Default: `30`.",
						Optional:            true,
						Computed:            true,
						Validators:          []validator.Int64{int64validator.Between(1, 365)},
					},
					"location": schema.StringAttribute{
						MarkdownDescription: "Region or multi-region that holds the backups, such as `us`. Left out, the instance keeps its own.",
						Optional:            true,
						Computed:            true,
						Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z]+(-[a-z]+[0-9]+)?$`),
							"is no location for backups: name a region such as \"us-central1\" or a multi-region such as \"us\"")},
					},
				},
			},
			"maintenance_window": schema.SingleNestedAttribute{
				MarkdownDescription: "The hour of the week in which Cloud SQL may restart the instance for maintenance. Left out, the instance keeps its own, or none.",
				Optional:            true,
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"day": schema.StringAttribute{
						MarkdownDescription: "Day of the week: `monday` to `sunday`.",
						Required:            true,
						Validators:          []validator.String{stringvalidator.OneOf(cloudsql.Days...)},
					},
					"hour": schema.Int64Attribute{
						MarkdownDescription: "Hour of the day in UTC, `0` to `23`.",
						Required:            true,
						Validators:          []validator.Int64{int64validator.Between(0, 23)},
					},
					"update_track": schema.StringAttribute{
						MarkdownDescription: "How soon after its release an update comes: `canary` in the first week, `stable` in the second, `week5` in the fifth. " +
							"Give staging an earlier one than production. Default: `stable`.",
						Optional:   true,
						Computed:   true,
						Validators: []validator.String{stringvalidator.OneOf("canary", "stable", "week5")},
					},
				},
			},
			"database_flags": schema.MapAttribute{
				MarkdownDescription: "Database flags by name. The policy owns the flags it names and no others; one that is taken out of the map goes back to its default. Some flags restart the database; the plan says so.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators: []validator.Map{
					mapvalidator.NoNullValues(),
					mapvalidator.KeysAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`),
						"is no flag name, such as \"log_lock_waits\" or \"cloudsql.iam_authentication\"")),
				},
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether Cloud SQL refuses to delete the instance. Default: `true`.",
				Optional:            true,
				Computed:            true,
			},
			"deny_maintenance_period": denyPeriodAttribute(),
			"insights":                insightsAttribute(),
			"connection_pooling":      poolingAttribute(),
			"cross_region_replica":    replicaAttribute(),
			"low_traffic_hours":       lowTrafficAttribute(),
			"on_destroy": schema.StringAttribute{
				MarkdownDescription: "What destroying the policy does to the instance: `keep` does nothing, `relax` takes deletion protection off it and off the " +
					"cross-region replica, so that their owner can delete them. Neither takes anything else away. It must have been applied before the destroy, also after an import, which takes in `keep`: " +
					"that update writes to the state alone. Default: `keep`.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{stringvalidator.OneOf(onDestroyKeep, onDestroyRelax)},
			},
			"region":           observed("Region of the instance."),
			"connection_name":  observed("`project:region:instance`, as connectors want it."),
			"address":          observed("IP address of the instance: its private one when it has one, else the public one. It stays the same across a failover."),
			"database_version": observed("Version of the database, such as `POSTGRES_15`."),
			"edition":          observed("`ENTERPRISE` or `ENTERPRISE_PLUS`."),
			"zone":             observed("Zone that serves now. A failover moves it; that is no drift."),
			"secondary_zone":   observed("Zone of the standby. A failover moves it; that is no drift."),
			"scheduled_maintenance": schema.SingleNestedAttribute{
				MarkdownDescription: "The maintenance that Google has announced, if any.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"start_time":     observed("When it starts, in RFC 3339."),
					"can_defer":      schema.BoolAttribute{MarkdownDescription: "Whether it can be put off.", Computed: true},
					"can_reschedule": schema.BoolAttribute{MarkdownDescription: "Whether it can be moved to another time.", Computed: true},
				},
			},
			"earliest_recovery_time": observed("The earliest moment that the instance can be restored to, in RFC 3339, as of the last refresh. " +
				"It moves with time, which plans no change; use it to look at, not as input of another resource."),
			"latest_recovery_time": observed("The latest moment that the instance can be restored to, as of the last refresh. It moves, too."),
			"replica_lag_seconds": schema.Float64Attribute{
				MarkdownDescription: "Seconds that the replica of `cross_region_replica` was behind when the state was last refreshed, as measured by Cloud Monitoring within ten minutes before. " +
					"It moves, too; null without a replica, and when there is no figure or it may not be read, which takes `roles/monitoring.viewer`.",
				Computed: true,
			},
			"pooler_count": schema.Int64Attribute{MarkdownDescription: "Poolers of managed connection pooling, each with pools of its own; null when it is off.", Computed: true},
			"timeouts":     timeoutsAttribute(ctx, haPolicyTimeout, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

func observed(description string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Computed: true}
}

func denyPeriodAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "A time without maintenance, of at most 90 days. Left out, the instance keeps its own, or none; taken out again, what the policy has set ends.",
		Optional:            true,
		Computed:            true,
		Validators:          []validator.Object{denyPeriodSpan{}},
		Attributes: map[string]schema.Attribute{
			"start_date": schema.StringAttribute{
				MarkdownDescription: "First day: `yyyy-mm-dd`, or `mm-dd` for every year.",
				Required:            true,
				Validators:          []validator.String{calendarDate()},
			},
			"end_date": schema.StringAttribute{
				MarkdownDescription: "Day on which it ends, in the same form. Without years it may be over New Year.",
				Required:            true,
				Validators:          []validator.String{calendarDate()},
			},
			"time": schema.StringAttribute{
				MarkdownDescription: "Time of day at which it starts and ends, `HH:MM:SS` in UTC. Default: `00:00:00`.",
				Optional:            true,
				Computed:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$`),
					"is no time of day with seconds, such as \"00:00:00\"")},
			},
		},
	}
}

func insightsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Query Insights: which queries take the time. Left out, the instance keeps its own setting.",
		Optional:            true,
		Computed:            true,
		Attributes: map[string]schema.Attribute{
			"enabled": schema.BoolAttribute{
				MarkdownDescription: "Whether they are on. Default: `true`.",
				Optional:            true,
				Computed:            true,
			},
			"query_plans_per_minute": schema.Int64Attribute{
				MarkdownDescription: "Query plans sampled in a minute: up to 20 in the edition Enterprise, up to 200 in Enterprise Plus. Left out, the instance keeps its own; `5` when they are switched on.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 200)},
			},
			"query_string_length": schema.Int64Attribute{
				MarkdownDescription: "Bytes of a query that are kept, from 256: up to 4500 in the edition Enterprise, up to 100000 in Enterprise Plus. " +
					"Changing it restarts the database. Left out, the instance keeps its own; `1024` when they are switched on.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.Int64{int64validator.Between(256, 100000)},
			},
			"record_application_tags": schema.BoolAttribute{
				MarkdownDescription: "Whether tags that the application puts into its queries are kept. Default: `true`.",
				Optional:            true,
				Computed:            true,
			},
			"record_client_address": schema.BoolAttribute{
				MarkdownDescription: "Whether clients' addresses are kept, which say who asked. Default: `false`.",
				Optional:            true,
				Computed:            true,
			},
		},
	}
}

func poolingAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Managed connection pooling, of the edition Enterprise Plus: poolers on the instance that clients reach on port 6432. " +
			"Enabling it restarts the database. Left out, the instance keeps its own setting.",
		Optional: true,
		Computed: true,
		Attributes: map[string]schema.Attribute{
			"enabled": schema.BoolAttribute{
				MarkdownDescription: "Whether it is on. Default: `true`.",
				Optional:            true,
				Computed:            true,
			},
			"flags": schema.MapAttribute{
				MarkdownDescription: "Settings of the poolers by name, such as `max_pool_size` and `pool_mode`: all that are set, so that one taken out goes back to its default. Left out, they stay as they are.",
				Optional:            true,
				Computed:            true,
				ElementType:         types.StringType,
				Validators: []validator.Map{
					mapvalidator.NoNullValues(),
					mapvalidator.KeysAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z][a-z0-9_]*$`), "is no name of a pooler's setting, such as \"max_pool_size\"")),
				},
			},
		},
	}
}

func replicaAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "A read replica in another region that can stand in for the instance. It is made when there is none of that name, and taken over when there is. " +
			"The policy keeps it fit to stand in, and never deletes it: taken out, or given another name, the replica stays and goes on replicating.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the replica.",
				Required:            true,
				Validators:          []validator.String{instanceName()},
			},
			"region": schema.StringAttribute{
				MarkdownDescription: "Its region, which is not the instance's.",
				Required:            true,
				Validators:          []validator.String{regionName()},
			},
			"tier": schema.StringAttribute{
				MarkdownDescription: "Its machine type, such as `db-custom-2-7680`. Changing it restarts the replica. Default: the instance's own when the replica is made; afterwards the replica keeps what it has.",
				Optional:            true,
				Computed:            true,
			},
			"kms_key_name": schema.StringAttribute{
				MarkdownDescription: "Key in the replica's region that encrypts its disk; needed when the instance has a key of its own. It counts when the replica is made, and cannot be changed.",
				Optional:            true,
				Computed:            true,
			},
			"failover_target": schema.BoolAttribute{
				MarkdownDescription: "Whether it is the replica that Cloud SQL can fail over to and switch over with, which takes the edition Enterprise Plus. " +
					"Default: `true` in Enterprise Plus when no other replica is designated, else `false`.",
				Optional: true,
				Computed: true,
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether Cloud SQL refuses to delete the replica. Default: `true`.",
				Optional:            true,
				Computed:            true,
			},
			"connection_name": observed("`project:region:name` of the replica, as connectors want it."),
			"flags_match": schema.BoolAttribute{
				MarkdownDescription: "Whether the replica has the policy's `database_flags`, and no less than the instance of those flags that would stop it replaying (`max_connections` and its like). " +
					"The policy sees to it that it does.",
				Computed: true,
			},
		},
	}
}

func lowTrafficAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The hours of the day in which a restart hurts least. They set nothing: the plan fails when the maintenance window is not inside them all the year round. " +
			"No instance knows of them, so the first plan after an import shows them as an update, which writes to the state alone.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"from": schema.StringAttribute{
				MarkdownDescription: "Start, `HH:MM` by the clock of `time_zone`.",
				Required:            true,
				Validators:          []validator.String{timeOfDay()},
			},
			"to": schema.StringAttribute{
				MarkdownDescription: "End, `HH:MM`. When it is the earlier of the two, the hours go over midnight.",
				Required:            true,
				Validators:          []validator.String{timeOfDay()},
			},
			"time_zone": schema.StringAttribute{
				MarkdownDescription: "Time zone, such as `America/Chicago`. The window keeps its hour in UTC, so that it moves by an hour where clocks change. Default: `UTC`.",
				Optional:            true,
				Validators:          []validator.String{timeZone()},
			},
		},
	}
}
