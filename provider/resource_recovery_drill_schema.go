package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/drill"
)

// Schema implements resource.Resource.
func (r *recoveryDrillResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id": schema.StringAttribute{
			MarkdownDescription: "Name of the drill, `projects/{project}/instances/{instance}/drills/{kind}`.",
			Computed:            true,
		},
		"instance": schema.StringAttribute{
			MarkdownDescription: "Name of the Cloud SQL instance, without project and region.",
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
		"kind": schema.StringAttribute{
			MarkdownDescription: "What is rehearsed. `failover` has the standby take over: **the database is away for seconds to a minute or two**. " +
				"`point_in_time_restore` clones the instance as it was at a moment, compares the clone and deletes it: the instance goes on serving, and the clone costs what an instance of its size costs while it exists.",
			Required:      true,
			Validators:    []validator.String{stringvalidator.OneOf(string(drill.Failover), string(drill.Restore))},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"endpoint": schema.StringAttribute{
			MarkdownDescription: "Address of the sync runtime whose database is on the instance: the `uri` of an `august_sync_runtime`. Its probe rows are what is measured by.",
			Required:            true,
			Validators:          []validator.String{baseURL()},
		},
		"audience": schema.StringAttribute{
			MarkdownDescription: "Audience to ask the ID token for: the `audience` of the `august_sync_runtime`. Default: the endpoint.",
			Optional:            true,
			Computed:            true,
		},
		"triggers": schema.MapAttribute{
			MarkdownDescription: "Any values. **A change of them runs the drill again**; nothing else does, but that a drill which failed is repeated with the next apply.",
			Optional:            true,
			ElementType:         types.StringType,
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
		},
		"max_rto": schema.StringAttribute{
			MarkdownDescription: "The promise for the time without the database, such as `90s` or `15m`; the apply fails when it is passed. A change holds from the next drill on. Default: `15m`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("15m"),
			Validators:          []validator.String{durationBetween(time.Millisecond, 24*time.Hour)},
		},
		"max_lost_rows": schema.Int64Attribute{
			MarkdownDescription: "The promise for rows that the database acknowledged and that are gone afterwards; the apply fails when there are more. Default: `0`.",
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(0),
			Validators:          []validator.Int64{int64validator.AtLeast(0)},
		},
		"probe_interval": schema.StringAttribute{
			MarkdownDescription: "Time between two probe rows, `5ms` to `1s`: no outage is measured more exactly than that. Default: `20ms`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("20ms"),
			Validators:          []validator.String{durationBetween(5*time.Millisecond, time.Second)},
		},
		"verify_tables": schema.SetAttribute{
			MarkdownDescription: "Tables that a restore compares by number of rows and hash, as `schema.table`. Reading them is a load on the instance that grows with their size. Default: all that the runtime syncs.",
			Optional:            true,
			ElementType:         types.StringType,
			Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues()},
		},
		"history": schema.ListNestedAttribute{
			MarkdownDescription: fmt.Sprintf("The last %d drills, the newest first, those that failed among them.", keptDrills),
			Computed:            true,
			NestedObject:        schema.NestedAttributeObject{Attributes: drillFacts()},
		},
		"timeouts": timeoutsAttribute(ctx, failoverTimeout, timeoutsOfDrill()),
	}
	for name, fact := range drillFacts() {
		attributes[name] = fact
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Rehearses the recovery of a Cloud SQL instance, and measures it: how long the database is away, and whether any row that it had acknowledged is lost. " +
			"The apply fails when the promise is not kept; the figures are in the state in either case.\n\n" +
			"~> **A `failover` drill is an outage**: each write and each read fails for seconds to a minute or two. Rehearse on staging first, and in production in hours of little traffic. " +
			"The [guide](../guides/recovery-drills.md) says what happens step by step.",
		Attributes: attributes,
	}
}

// drillFacts is what a drill has measured: attributes of the resource for the last one, and of each in the history.
func drillFacts() map[string]schema.Attribute {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	count := func(description string) schema.Attribute {
		return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
	}
	seconds := func(description string) schema.Attribute {
		return schema.Float64Attribute{MarkdownDescription: description, Computed: true}
	}
	return map[string]schema.Attribute{
		"passed": schema.BoolAttribute{
			MarkdownDescription: "Whether the drill went through and the promises were kept.",
			Computed:            true,
		},
		"failure":                   text("Why it did not pass."),
		"ran_at":                    text("When it was run: the call for the failover, or the moment that was restored to."),
		"rto_seconds":               seconds("Recovery time. Of a failover, the longest time between two rows that the database acknowledged; of a restore, from the call for the clone until it was compared."),
		"downtime_seconds":          seconds("Of a failover: all the times of more than a second without an acknowledged row together."),
		"rpo_seconds":               seconds("How much of the latest work was lost: `0` when no row was."),
		"acknowledged_rows":         count("Probe rows that the database acknowledged."),
		"lost_rows":                 count("Those of them that were gone afterwards; null when that could not be found out."),
		"zone_before":               text("Of a failover: the zone that served before it."),
		"zone_after":                text("Of a failover: the zone that served after it."),
		"secondary_zone_before":     text("Of a failover: the standby's zone before it."),
		"secondary_zone_after":      text("Of a failover: the standby's zone after it."),
		"restored_to":               text("Of a restore: the moment, by the database's clock."),
		"recoverable_after_seconds": seconds("Of a restore: how long after that moment it could be recovered to. So much work is lost when the instance itself is."),
		"clone_seconds":             seconds("Of a restore: how long it took to make the clone."),
		"verify_seconds":            seconds("Of a restore: how long it took to compare the clone."),
		"tables_verified":           count("Of a restore: tables that were on the clone as they were at the moment."),
		"tables_different":          count("Of a restore: tables that were not. The failure names them."),
		"tables_changing":           count("Of a restore: tables that were being written to around the moment, and so could not be compared."),
	}
}

var recoveryDrillIdentity = []string{"project", "instance", "kind"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *recoveryDrillResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"project":  identityschema.StringAttribute{Description: "Project of the instance; the provider's when left out.", OptionalForImport: true},
			"instance": identityschema.StringAttribute{Description: "Name of the instance.", RequiredForImport: true},
			"kind":     identityschema.StringAttribute{Description: "What is rehearsed: failover or point_in_time_restore.", RequiredForImport: true},
		},
	}
}
