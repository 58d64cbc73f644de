package provider

import (
	"context"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// Making an instance REGIONAL copies its disk into a second zone, which takes Cloud SQL up to half an hour; switching on
// point-in-time recovery and changing flags may each add a restart of a few minutes; the rest is for waiting until somebody
// else's operation on the instance has ended.
const haPolicyTimeout = 60 * time.Minute

var (
	_ resource.ResourceWithConfigure   = (*haPolicyResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*haPolicyResource)(nil)
	_ resource.ResourceWithImportState = (*haPolicyResource)(nil)
	_ resource.ResourceWithIdentity    = (*haPolicyResource)(nil)
)

// NewCloudSQLHAPolicyResource makes the august_cloudsql_ha_policy resource: what makes an existing Cloud SQL instance
// highly available, and nothing else of it.
func NewCloudSQLHAPolicyResource() resource.Resource { return &haPolicyResource{} }

type haPolicyResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *haPolicyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cloudsql_ha_policy"
}

// Schema implements resource.Resource.
func (r *haPolicyResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	observed := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes an existing Cloud SQL for PostgreSQL instance highly available: a standby in a second zone, " +
			"point-in-time recovery, backups, a maintenance window, database flags and deletion protection. " +
			"The policy owns what it declares and leaves the rest of the instance alone, so that the instance itself stays with whoever made it.",
		Attributes: map[string]schema.Attribute{
			"id": observed("The instance's resource name, `projects/{project}/instances/{instance}`."),
			"instance": schema.StringAttribute{
				MarkdownDescription: "Name of the instance, without project and region. Changing it puts the policy on the other instance and leaves the first as it is.",
				Required:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z][a-z0-9-]{0,97}$`),
					"is no instance name: lower-case letters, digits and hyphens, starting with a letter. Of a connection name \"project:region:name\", use the last part")},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
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
						Validators:          []validator.String{timeOfDay{}},
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
			"region":           observed("Region of the instance."),
			"connection_name":  observed("`project:region:instance`, as connectors want it."),
			"address":          observed("IP address of the instance: its private one when it has one, else the public one. It stays the same across a failover."),
			"database_version": observed("Version of the database, such as `POSTGRES_15`."),
			"edition":          observed("`ENTERPRISE` or `ENTERPRISE_PLUS`."),
			"zone":             observed("Zone that serves now. A failover moves it; that is no drift."),
			"secondary_zone":   observed("Zone of the standby. A failover moves it; that is no drift."),
			"timeouts":         timeoutsAttribute(ctx, haPolicyTimeout, timeouts.Opts{Create: true, Update: true}),
		},
	}
}

var haPolicyIdentity = []string{"project", "instance"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *haPolicyResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"project":  identityschema.StringAttribute{Description: "Project of the instance; the provider's when left out.", OptionalForImport: true},
			"instance": identityschema.StringAttribute{Description: "Name of the instance.", RequiredForImport: true},
		},
	}
}

// Create implements resource.Resource. The instance exists already: creating the policy is bringing it into line.
func (r *haPolicyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var config, plan haPolicyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.Project.IsUnknown() {
		project, err := r.clients.Project()
		if err != nil {
			failAt(&resp.Diagnostics, path.Root("project"), "HA policy not applied", "The instance's project is not known.", err)
			return
		}
		plan.Project = types.StringValue(project)
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, haPolicyTimeout, &resp.Diagnostics)
	defer cancel()
	r.apply(ctx, config, &plan, nil, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, haPolicyIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedFlagsKey, ownedFlags(plan.flagNames()))...)
}

// Read implements resource.Resource.
func (r *haPolicyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state haPolicyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// First of all, and also for a resource that is gone: Terraform before 1.12 keeps no identity to fall back on.
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, haPolicyIdentity, state.identity())...)
	live, err := r.read(ctx, state)
	if cloudsql.IsNotFound(err) {
		tflog.Debug(ctx, "the instance is gone, and its policy with it", map[string]any{"instance": state.Instance.ValueString()})
		resp.State.RemoveResource(ctx)
		return
	}
	if isUnknown(err) && !state.ID.IsNull() {
		return // the provider cannot be used before this very apply has made what it depends on
	}
	if err != nil {
		fail(&resp.Diagnostics, "HA policy not read",
			"What the instance "+state.label()+" is set to could not be read. The policy stays in the state as it was.", err)
		return
	}
	resp.Diagnostics.Append(state.flatten(ctx, live)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *haPolicyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var config, plan, state haPolicyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	owned, diags := readOwnedFlags(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	whole := ctx
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, haPolicyTimeout, &resp.Diagnostics)
	defer cancel()
	// An update that fails may have set its flags all the same, so they are the policy's from now on; those that it was
	// to reset stay the policy's until they are.
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedFlagsKey, ownedFlags(union(owned, plan.flagNames())))...)
	r.apply(ctx, config, &plan, owned, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		r.saveAnew(whole, plan, state, resp)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, haPolicyIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedFlagsKey, ownedFlags(plan.flagNames()))...)
}

// saveAnew brings the state up to date after an update that failed: some of it may have been done, and a flag that it has
// set must be known to be taken back later. The time for the update may be what ran out, so this has its own.
func (r *haPolicyResource) saveAnew(ctx context.Context, plan, state haPolicyModel, resp *resource.UpdateResponse) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	keep := state
	keep.DatabaseFlags = mapsTogether(state.DatabaseFlags, plan.DatabaseFlags)
	live, err := r.read(ctx, keep)
	if err != nil {
		return // the next refresh tells
	}
	if d := keep.flatten(ctx, live); !d.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, keep)...)
	}
}

// Delete implements resource.Resource. It calls nothing: taking protection away from a database is not what removing a
// resource block should do, so the instance keeps every setting and only Terraform forgets the policy.
func (r *haPolicyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state haPolicyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	tflog.Info(ctx, "the HA policy is forgotten; the instance keeps its settings", map[string]any{"instance": state.Instance.ValueString()})
}

// ImportState implements resource.ResourceWithImportState.
func (r *haPolicyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  "HA policy",
		parts: haPolicyIdentity,
		forms: []string{`"project/instance"`, `"instance"`, `"projects/project/instances/instance"`},
		parse: parseHAPolicyID,
		fallback: func(part string) (string, error) {
			if part != "project" {
				return "", nil
			}
			return r.clients.Project()
		},
	}.run(ctx, req, resp)
}

// apply brings the instance into line with config, and fills in what plan does not know yet.
func (r *haPolicyResource) apply(ctx context.Context, config haPolicyModel, plan *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	const title = "HA policy not applied"
	policy, d := config.expand(ctx, owned)
	if diags.Append(d...); diags.HasError() {
		return
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		fail(diags, title, "The Cloud SQL Admin API cannot be called.", err)
		return
	}
	live, err := client.Change(ctx, plan.Project.ValueString(), plan.Instance.ValueString(),
		func(live *sqladmin.DatabaseInstance) (*sqladmin.Settings, error) {
			if err := checkInstance(live); err != nil {
				return nil, err
			}
			return policy.Settings(live.Settings), nil
		},
		func(operation *sqladmin.Operation, waited time.Duration) {
			tflog.Info(ctx, "waiting for Cloud SQL", map[string]any{
				"instance": plan.Instance.ValueString(), "operation": operation.Name, "type": operation.OperationType,
				"status": operation.Status, "waited": waited.Round(time.Second).String(),
			})
		})
	switch {
	case cloudsql.IsNotFound(err):
		failAt(diags, path.Root("instance"), title, missingInstance(plan.label()), err)
	case err != nil:
		at, detail := blame(err, policy, plan.label())
		failAt(diags, at, title, detail, err)
	default:
		diags.Append(plan.settle(ctx, live)...)
	}
}

func (r *haPolicyResource) read(ctx context.Context, m haPolicyModel) (*sqladmin.DatabaseInstance, error) {
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return nil, err
	}
	return client.Get(ctx, m.Project.ValueString(), m.Instance.ValueString())
}
