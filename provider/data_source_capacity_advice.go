package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/advise/capacity"
)

// What capacity is advised for when nothing is said. A day has the busiest hour of most services in it.
const (
	defaultWindow       = 24 * time.Hour
	mostWindow          = 42 * 24 * time.Hour // Cloud Monitoring keeps Google's own metrics for six weeks
	defaultBurstPercent = advise.DefaultBurst
)

var (
	_ datasource.DataSourceWithConfigure      = (*capacityAdviceDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*capacityAdviceDataSource)(nil)
)

// NewCapacityAdviceDataSource makes the august_capacity_advice data source: how all services of a database instance are to be scaled, out of
// what was measured of them, within the connections that there are.
func NewCapacityAdviceDataSource() datasource.DataSource { return &capacityAdviceDataSource{} }

type capacityAdviceDataSource struct{ configuredDataSource }

// Metadata implements datasource.DataSource.
func (d *capacityAdviceDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_capacity_advice"
}

// Schema implements datasource.DataSource.
func (d *capacityAdviceDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, number, truth := shownText, shownNumber, shownTruth
	project := func(of string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: of, Optional: true, Validators: []validator.String{projectID()}}
	}
	count := func(about string, least, most int64) schema.Int64Attribute {
		return schema.Int64Attribute{MarkdownDescription: about, Optional: true, Validators: []validator.Int64{int64validator.Between(least, most)}}
	}
	figure := func(about string, least, most float64) schema.Float64Attribute {
		return schema.Float64Attribute{MarkdownDescription: about, Optional: true, Validators: []validator.Float64{float64validator.Between(least, most)}}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Says how all services that share a Cloud SQL instance are to be scaled: pool, concurrency, least and most instances, and batches of messages, by Little's law from what Cloud Monitoring and a sync runtime have measured, " +
			"so that all bursts at once need no more connections than there are. The arithmetic comes with it, line by line. It changes nothing: its figures are to be looked at, or used as the settings of a service. " +
			"A figure that cannot be had is named in `unknown` and is no error; one that is given here takes the place of what was measured.",
		Attributes: map[string]schema.Attribute{
			"id":       text("The instance's resource name, `projects/{project}/instances/{instance}`."),
			"instance": schema.StringAttribute{MarkdownDescription: "Name of the Cloud SQL instance that the services share.", Required: true, Validators: []validator.String{instanceName()}},
			"project": schema.StringAttribute{MarkdownDescription: "Project of the instance, and of the services that name no other. Default: the provider's project.", Optional: true, Computed: true,
				Validators: []validator.String{projectID()}},
			"endpoint": schema.StringAttribute{
				MarkdownDescription: "Address of a sync runtime on the instance, the `uri` of its `august_sync_runtime`: it is asked how many connections each database user has at work, and how long its own batches take. Left out, nobody is asked, and `database_ms` has to be given.",
				Optional:            true,
				Validators:          []validator.String{baseURL()},
			},
			"audience": schema.StringAttribute{
				MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("endpoint"))},
			},
			"window": schema.StringAttribute{
				MarkdownDescription: "The time up to now that figures are of, from `1m` to `1008h`. Default: `24h`, which has the busiest minute of a day in it.",
				Optional:            true, Computed: true,
				Validators: []validator.String{durationBetween(time.Minute, mostWindow)},
			},
			"burst_percent": schema.Float64Attribute{
				MarkdownDescription: "How much more than in its busiest minute a service has to carry for a while, in percent. Default: `100`, twice as much.",
				Optional:            true, Computed: true,
				Validators: []validator.Float64{float64validator.Between(0, 1000)},
			},
			"max_connections": count("The flag `max_connections` that the instance will have. Default: what it has.", 14, mostConnections),
			"reserved_connections": schema.Int64Attribute{
				MarkdownDescription: "Connections of the instance that are no service's, from 0 to 262143: what PostgreSQL keeps for superusers (3) and what Cloud SQL itself holds (about 12). Default: `15`.",
				Optional:            true, Computed: true,
				Validators: []validator.Int64{int64validator.Between(0, mostConnections)},
			},
			"other_connections": count("Connections of people, tools and jobs that are not among the services. Default: none.", 0, mostConnections),
			"services": schema.MapNestedAttribute{
				MarkdownDescription: "All services that have connections to the instance, by a name of your choice. One that is left out is in no sum.",
				Required:            true,
				Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"service": schema.StringAttribute{
						MarkdownDescription: "Name of the Cloud Run service, to read what was measured of it and how it is set now. Left out, only what is given here is known.",
						Optional:            true,
						Validators:          []validator.String{stringvalidator.LengthBetween(1, 63)},
					},
					"location": schema.StringAttribute{MarkdownDescription: "Region of the service. Default: the provider's region.", Optional: true, Validators: []validator.String{regionName()}},
					"project":  project("Project of the service. Default: that of the instance."),
					"database_user": schema.StringAttribute{
						MarkdownDescription: "Database user that the service, and nothing else, signs in as: from its connections at work, the runtime at `endpoint` knows how long a request has one.",
						Optional:            true,
						Validators:          []validator.String{stringvalidator.LengthBetween(1, 63)},
					},
					"pool_variable": schema.StringAttribute{
						MarkdownDescription: "Environment variable of the service that holds the size of its pool, so that what is deployed is known and stays while it is as good. Default: `AUGUST_DATABASE_POOL_MAX`, which a sync runtime has.",
						Optional:            true,
						Validators:          []validator.String{stringvalidator.LengthBetween(1, 255)},
					},
					"pool_max":                 count("Size of the pool, where it cannot be chosen.", 1, 1000),
					"least_pool":               count("The smallest pool that the service works with. Default: `2`; of a sync runtime, what it needs for itself.", 1, 100),
					"processes":                count("Processes of an instance, each with a pool of its own. Default: `1`.", 1, 100),
					"beside_connections":       count("Connections beside the pools, such as those of a job. Default: none; of a sync runtime, those of its migrations and drills.", 0, mostConnections),
					"pooled":                   schema.BoolAttribute{MarkdownDescription: "Whether the service goes through the instance's managed connection pooling. Default: `false`.", Optional: true},
					"cpu":                      figure("Processors of an instance of the service. Default: as it is deployed, else `1`.", leastCPU, mostCPU),
					"burst_percent":            figure("`burst_percent` of this service.", 0, 1000),
					"sudden":                   schema.BoolAttribute{MarkdownDescription: "Whether the burst comes from one moment to the next, and is not to wait until instances have started: `min_instances` then have room for it, or, where connections are too few for that, for so much of it that the rest is caught up with in `drain_seconds`. Default: `false`.", Optional: true},
					"drain_seconds":            figure("Seconds within which the requests of a `sudden` burst that have waited for instances to start are to be worked off, once those are there. Default: `10`.", 1, 600),
					"requests_per_second":      figure("Requests a second, in the mean.", 0, mostRate),
					"peak_requests_per_second": figure("Requests a second of the busiest minute to be ready for.", 0, mostRate),
					"latency_ms":               figure("Milliseconds that a request takes, in the mean.", leastFigure, mostMillis),
					"cpu_ms":                   figure("Milliseconds that a request has a processor of the service. Unknown, it is taken for all that is not the database.", 0, mostMillis),
					"database_ms":              figure("Milliseconds that a request has a connection. Unknown, it is taken for all of `latency_ms`.", 0, mostMillis),
					"start_ms":                 figure("Milliseconds from the start of an instance until it is ready: so long a burst waits for one. Unknown, it is taken for 10 s.", 0, mostMillis),
					"messages_per_second":      figure("Messages of its subscription that arrive in a second, of a service that takes some.", 0, mostRate),
					"peak_messages_per_second": figure("The same in the busiest minute.", 0, mostRate),
					"batch_fixed_ms":           figure("Milliseconds that a batch of messages takes, whatever its size.", 0, mostMillis),
					"message_ms":               figure("Milliseconds that each message of a batch adds.", 0, mostMillis),
				}},
			},
			"fits": truth("Whether all services carry their bursts, all at the same time, within the connections that there are."),
			"advice": schema.MapNestedAttribute{
				MarkdownDescription: "What each service is to be set to, by its name in `services`.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"pool_max":                 number("Connections of the pool of each process. Null, as everything up to `max_instances`, when too little is known: an attribute that it is used for then has its default."),
					"concurrency":              number("Requests that an instance is to have at a time, at most."),
					"min_instances":            number("Least instances: they carry the usual load, without waiting for one to start."),
					"max_instances":            number("Most instances: they carry the burst, or as much of it as the connections do."),
					"kept":                     truth("Whether that is what is deployed. It stays while it is what somewhat less or more load would need, so that plans do not go back and forth."),
					"fits":                     truth("Whether the service carries its burst."),
					"requests_per_second":      schema.Float64Attribute{MarkdownDescription: "Requests a second that it carries, with room for how they come by chance.", Computed: true},
					"max_messages":             number("Messages of a batch. Null, as what follows it, when the service takes none, or too little is known."),
					"max_outstanding_messages": number("Messages that one consumer has at a time."),
					"ack_deadline_seconds":     number("Acknowledgement deadline of the subscription, in seconds."),
					"consumers":                number("Consumers that carry the burst of messages."),
					"unknown":                  schema.ListAttribute{MarkdownDescription: "Figures that were neither measured nor given, by the name of their attribute in `services`.", Computed: true, ElementType: types.StringType},
					"explanation":              text("The arithmetic."),
				}},
			},
			"connections":           number("Connections that all of it needs at most, with a new revision of each service beside the old one."),
			"available_connections": number("Connections that the instance has, those that are reserved among them."),
			"busy_connections": schema.Float64Attribute{MarkdownDescription: "Connections that are at work at a time when all bursts are there, on average. More than four for each vCPU of the database make everything slower.",
				Computed: true},
			"explanation": text("The arithmetic of connections, over all services."),
			"healthy":     truth("Whether nothing is found that is worse than `info`."),
			"findings": findingsAttribute("Everything to know beside the figures, the worst first; empty when there is nothing. Codes: "+codeList([]string{
				"BUDGET_EXCEEDED", "BURST_NOT_CARRIED", "BURST_DRAINS_SLOWLY", "NOT_MEASURED", "DATABASE_SATURATES", "DATABASE_CPU", "AT_ITS_LIMIT", "PARTLY_MEASURED", "BURST_WAITS",
			})+".", "BURST_NOT_CARRIED", "`critical`: connections would be refused; `warning`: less is carried than was meant, or less is known; `info`: good to know."),
		},
	}
}

// ValidateConfig implements datasource.DataSourceWithValidateConfig.
func (d *capacityAdviceDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m capacityAdviceModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() || m.Services.IsUnknown() {
		return
	}
	for name, s := range m.services(ctx, &resp.Diagnostics) {
		at := path.Root("services").AtMapKey(name)
		const title = "Service not understood"
		longer := func(figure types.Float64, attribute, what string) {
			if !figure.IsNull() && !figure.IsUnknown() && !s.LatencyMS.IsNull() && !s.LatencyMS.IsUnknown() && figure.ValueFloat64() > s.LatencyMS.ValueFloat64() {
				failAt(&resp.Diagnostics, at.AtName(attribute), title, "A request that takes "+plainNumber(s.LatencyMS.ValueFloat64())+" ms cannot "+what+" for "+plainNumber(figure.ValueFloat64())+" ms.", nil)
			}
		}
		longer(s.DatabaseMS, "database_ms", "have a connection")
		for attribute, value := range map[string]types.String{"location": s.Location, "project": s.Project} {
			if s.Service.IsNull() && !value.IsNull() {
				failAt(&resp.Diagnostics, at.AtName(attribute), title, "It says where a Cloud Run service is, and there is none: add service, or leave it out.", nil)
			}
		}
		if !s.DrainSeconds.IsNull() && !s.Sudden.IsUnknown() && !s.Sudden.ValueBool() {
			failAt(&resp.Diagnostics, at.AtName("drain_seconds"), title, "Nothing gathers unless a burst is sudden: add sudden = true, or leave it out.", nil)
		}
		if m.Endpoint.IsNull() && !s.DatabaseUser.IsNull() {
			failAt(&resp.Diagnostics, at.AtName("database_user"), title, "It is looked up in what a sync runtime has measured, and none is named: add endpoint, or leave it out.", nil)
		}
	}
}

// Read implements datasource.DataSource.
func (d *capacityAdviceDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const title = "Capacity advice not given"
	var m capacityAdviceModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	project, err := d.clients.project.or(m.Project)
	if err == nil && project.IsUnknown() {
		err = errUnknown{d.clients.project}
	}
	if err != nil {
		failAt(&resp.Diagnostics, path.Root("project"), title, "The instance's project is not known.", err)
		return
	}
	m.settle(project)
	declared := m.services(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	live := d.instance(ctx, m, title, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	db, services := d.measure(ctx, m, declared, live)
	plan, err := capacity.Advise(db, services)
	if err != nil {
		failAt(&resp.Diagnostics, path.Root("max_connections"), title, "How many connections the instance has is not known.", err)
		return
	}
	m.flatten(ctx, plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}
