package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// Making an instance REGIONAL copies its disk into a second zone, which takes Cloud SQL up to half an hour; switching on
// point-in-time recovery and changing flags may each add a restart of a few minutes; a replica in another region takes as
// long as copying the data there does, half an hour for some hundred gigabytes; the rest is for waiting until somebody else's
// operation on the instance has ended.
const haPolicyTimeout = 90 * time.Minute

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
	var err error
	if plan.Project, err = r.clients.project.atApply(plan.Project); err != nil {
		failAt(&resp.Diagnostics, path.Root("project"), "HA policy not applied", "The instance's project is not known.", err)
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, haPolicyTimeout, &resp.Diagnostics)
	defer cancel()
	r.apply(ctx, config, &plan, nil, nil, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, haPolicyIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedFlagsKey, ownedFlags(plan.flagNames()))...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedPartsKey, ownedParts{DenyPeriod: !config.DenyMaintenancePeriod.IsNull()}.json())...)
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
	now, err := r.observe(ctx, state)
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
	if r.standsStill(ctx, state, now, &resp.Diagnostics) {
		return
	}
	resp.Diagnostics.Append(state.flatten(ctx, now)...)
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
	parts, diags := readOwnedParts(ctx, req.Private)
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
	named := ownedParts{DenyPeriod: !config.DenyMaintenancePeriod.IsNull()}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedPartsKey, ownedParts{DenyPeriod: parts.DenyPeriod || named.DenyPeriod}.json())...)
	r.apply(ctx, config, &plan, &state, owned, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		r.saveAnew(whole, plan, state, resp)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, haPolicyIdentity, plan.identity())...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedFlagsKey, ownedFlags(plan.flagNames()))...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, ownedPartsKey, named.json())...)
}

// saveAnew brings the state up to date after an update that failed: some of it may have been done, and a flag that it has
// set must be known to be taken back later. The time for the update may be what ran out, so this has its own.
func (r *haPolicyResource) saveAnew(ctx context.Context, plan, state haPolicyModel, resp *resource.UpdateResponse) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	keep := state
	keep.DatabaseFlags = mapsTogether(state.DatabaseFlags, plan.DatabaseFlags)
	now, err := r.observe(ctx, keep)
	if err != nil {
		return // the next refresh tells
	}
	if d := keep.flatten(ctx, now); !d.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, keep)...)
	}
}

// Delete implements resource.Resource. Taking protection away from a database is not what removing a resource block should
// do, so the instance keeps every setting and only Terraform forgets the policy; unless the policy says on_destroy =
// "relax": then deletion protection comes off, and nothing else.
func (r *haPolicyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state haPolicyModel
	if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); resp.Diagnostics.HasError() {
		return
	}
	if state.OnDestroy.ValueString() != onDestroyRelax {
		tflog.Info(ctx, "the HA policy is forgotten; the instance keeps its settings", map[string]any{"instance": state.Instance.ValueString()})
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, haPolicyTimeout, &resp.Diagnostics)
	defer cancel()
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		fail(&resp.Diagnostics, "Instance not relaxed", "The Cloud SQL Admin API cannot be called.", err)
		return
	}
	names := []string{state.Instance.ValueString()}
	if replica := objectAs[replicaModel](ctx, state.CrossRegionReplica, &resp.Diagnostics); replica != nil {
		names = append(names, replica.Name.ValueString())
	}
	for _, name := range names {
		_, err := client.Change(ctx, state.Project.ValueString(), name, func(live *sqladmin.DatabaseInstance) (*sqladmin.Settings, error) {
			promoted := name != names[0] && (!cloudsql.IsReplica(live) || cloudsql.Primary(live) != names[0]) // and may hold what nothing else does
			if !live.Settings.DeletionProtectionEnabled || promoted {
				return nil, nil //nolint:nilnil // nothing to do
			}
			return &sqladmin.Settings{ForceSendFields: []string{"DeletionProtectionEnabled"}}, nil
		}, logProgress(ctx, name))
		if err != nil && !cloudsql.IsNotFound(err) {
			fail(&resp.Diagnostics, "Instance not relaxed", "Deletion protection could not be taken off "+state.Project.ValueString()+"/"+name+
				", so the policy stays in the state.", err)
			return
		}
	}
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

// apply brings the instance into line with config, and fills in what plan does not know yet. prior is the state before an
// update. A replica that exists comes first, because it must never have less than its primary; one that does not is made
// last, because it takes a primary that archives its log.
func (r *haPolicyResource) apply(ctx context.Context, config haPolicyModel, plan, prior *haPolicyModel, owned []string, diags *diag.Diagnostics) {
	const title = "HA policy not applied"
	policy, d := config.expand(ctx, owned)
	config.expandParts(ctx, *plan, &policy, &d)
	policy.DropDenyPeriod = plan.DenyMaintenancePeriod.IsNull()
	want, planned := wantReplica(ctx, config, *plan, policy, &d)
	if diags.Append(d...); diags.HasError() {
		return
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		fail(diags, title, "The Cloud SQL Admin API cannot be called.", err)
		return
	}
	var replica *sqladmin.DatabaseInstance
	if want != nil {
		standing := prior != nil && sameReplica(ctx, prior.CrossRegionReplica, plan.CrossRegionReplica, diags)
		if replica = r.applyReplicaFlags(ctx, client, plan, want, policy, standing, diags); diags.HasError() {
			return
		}
	}
	live, err := client.ChangeInstance(ctx, plan.Project.ValueString(), plan.Instance.ValueString(),
		func(live *sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error) {
			if err := checkInstance(live); err != nil {
				return nil, err
			}
			settings := policy.Settings(live.Settings)
			if settings == nil {
				return nil, nil //nolint:nilnil // nothing to do
			}
			patch := &sqladmin.DatabaseInstance{Settings: settings}
			if cloudsql.PoolingOn(live.Settings) || cloudsql.PoolingOn(settings) {
				patch.DatabaseVersion = live.DatabaseVersion // Cloud SQL refuses changes of an instance with poolers that lack it
			}
			return patch, nil
		}, logProgress(ctx, plan.Instance.ValueString()))
	switch {
	case cloudsql.IsNotFound(err):
		failAt(diags, path.Root("instance"), title, missingInstance(plan.label()), err)
		return
	case err != nil:
		at, detail := blame(err, policy, plan.label())
		failAt(diags, at, title, detail, err)
		return
	}
	if want != nil {
		if live, replica = r.applyReplica(ctx, client, want, planned, live, replica, diags); diags.HasError() {
			return
		}
	}
	after := seen{live: live, replica: replica}
	after.earliest, after.latest = r.recovery(ctx, client, live)
	after.lag = r.lag(ctx, after)
	diags.Append(plan.settle(ctx, after)...)
}

// observe reads everything that the state shows.
func (r *haPolicyResource) observe(ctx context.Context, m haPolicyModel) (seen, error) {
	live, err := r.read(ctx, m)
	if err != nil {
		return seen{}, err
	}
	now := seen{live: live}
	if m.ID.IsNull() {
		now.replica = r.findReplica(ctx, m, live)
	} else if now.replica, err = r.readReplica(ctx, m); err != nil {
		return seen{}, err
	}
	now.stray = now.replica != nil && !replicates(now.replica, live)
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return seen{}, err
	}
	now.earliest, now.latest = r.recovery(ctx, client, live)
	now.lag = r.lag(ctx, now)
	return now, nil
}

// recovery is how far back the instance can go. It is there to be looked at: when it cannot be had, nothing fails.
func (r *haPolicyResource) recovery(ctx context.Context, client *cloudsql.Client, live *sqladmin.DatabaseInstance) (earliest, latest string) {
	if b := live.Settings.BackupConfiguration; b == nil || !b.PointInTimeRecoveryEnabled || cloudsql.IsReplica(live) {
		return "", ""
	}
	earliest, latest, err := client.Recovery(ctx, live.Project, live.Name)
	if err != nil {
		tflog.Debug(ctx, "the recovery window was not read", map[string]any{"instance": live.Name, "error": err.Error()})
	}
	return earliest, latest
}

// standsStill says whether the state is to stay as it is, because the instance has become a replica: somebody has changed
// the roles of the two. It also says when the replica is none any more, which only the part about the replica survives.
func (r *haPolicyResource) standsStill(ctx context.Context, state haPolicyModel, now seen, diags *diag.Diagnostics) bool {
	named := objectAs[replicaModel](ctx, state.CrossRegionReplica, diags)
	if !cloudsql.IsReplica(now.live) {
		if now.stray && named != nil {
			want := &cloudsql.Replica{Name: named.Name.ValueString(), Region: named.Region.ValueString()}
			warnAt(diags, replicaPath, replicaGoneTitle, replicaProblem(want, now.replica, now.live), nil)
		}
		return false
	}
	if state.ID.IsNull() {
		failAt(diags, path.Root("instance"), "HA policy not imported", "The policy does not fit the instance "+state.label()+".", checkInstance(now.live))
		return true
	}
	primary := cloudsql.Primary(now.live)
	detail := fmt.Sprintf("The instance %s is a read replica of %s now. The policy is for a primary, so it stands still and plans nothing. "+
		"Put it on the new primary: instance = %[2]q", now.live.Name, primary)
	if named != nil && named.Name.ValueString() == primary {
		detail += fmt.Sprintf(", and cross_region_replica = { name = %q, region = %q }", now.live.Name, now.live.Region)
	}
	warnAt(diags, path.Root("instance"), "Roles have changed", detail+". Or switch the two back.", nil)
	return true
}

func (r *haPolicyResource) read(ctx context.Context, m haPolicyModel) (*sqladmin.DatabaseInstance, error) {
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return nil, err
	}
	return client.Get(ctx, m.Project.ValueString(), m.Instance.ValueString())
}
