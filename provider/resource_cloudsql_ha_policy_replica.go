package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
)

// A policy can demand a replica in another region. It makes one or takes one over, keeps it fit to stand in for the
// primary, and never deletes one: what holds a copy of the data is for a person to delete. When the replica has been
// promoted, or has changed roles with its primary, the disaster that all this is for has probably happened, and the policy
// stands still and says so, instead of failing every plan until somebody has time to edit it.

type replicaModel struct {
	Name               types.String `tfsdk:"name"`
	Region             types.String `tfsdk:"region"`
	Tier               types.String `tfsdk:"tier"`
	KMSKeyName         types.String `tfsdk:"kms_key_name"`
	FailoverTarget     types.Bool   `tfsdk:"failover_target"`
	DeletionProtection types.Bool   `tfsdk:"deletion_protection"`
	ConnectionName     types.String `tfsdk:"connection_name"`
	FlagsMatch         types.Bool   `tfsdk:"flags_match"`
}

var replicaTypes = map[string]attr.Type{
	"name": types.StringType, "region": types.StringType, "tier": types.StringType, "kms_key_name": types.StringType,
	"failover_target": types.BoolType, "deletion_protection": types.BoolType, "connection_name": types.StringType, "flags_match": types.BoolType,
}

var replicaPath = path.Root("cross_region_replica")

// replicates tells whether replica is one of primary's.
func replicates(replica, primary *sqladmin.DatabaseInstance) bool {
	return replica != nil && cloudsql.IsReplica(replica) && cloudsql.Primary(replica) == primary.Name
}

// flattenReplica takes the replica from its instance and its primary. flags are the policy's own.
func flattenReplica(ctx context.Context, replica, primary *sqladmin.DatabaseInstance, flags map[string]string, diags *diag.Diagnostics) types.Object {
	if replica == nil {
		return types.ObjectNull(replicaTypes)
	}
	key := ""
	if replica.DiskEncryptionConfiguration != nil {
		key = replica.DiskEncryptionConfiguration.KmsKeyName
	}
	want := cloudsql.Replica{DeletionProtection: replica.Settings.DeletionProtectionEnabled, Flags: flags}
	return objectOf(ctx, replicaTypes, replicaModel{
		Name: types.StringValue(replica.Name), Region: types.StringValue(replica.Region), Tier: types.StringValue(replica.Settings.Tier),
		KMSKeyName: stringOrNull(key), ConnectionName: types.StringValue(replica.ConnectionName),
		FailoverTarget:     types.BoolValue(cloudsql.Designated(primary) == replica.Name),
		DeletionProtection: types.BoolValue(replica.Settings.DeletionProtectionEnabled),
		FlagsMatch:         types.BoolValue(want.Settings(replica.Settings, primary.Settings.DatabaseFlags) == nil),
	}, diags)
}

// resolveReplica fills in what the configuration of a replica leaves out. found is the replica itself when it has been
// read just now; primary may be nil, when it has not been.
func (m *haPolicyModel) resolveReplica(ctx context.Context, config, was haPolicyModel, primary, found *sqladmin.DatabaseInstance, diags *diag.Diagnostics) {
	m.CrossRegionReplica = config.CrossRegionReplica
	m.ReplicaLagSeconds = was.ReplicaLagSeconds
	if !sameReplica(ctx, config.CrossRegionReplica, was.CrossRegionReplica, diags) {
		m.ReplicaLagSeconds = types.Float64Unknown() // another one's
	}
	replica := objectAs[replicaModel](ctx, config.CrossRegionReplica, diags)
	if config.CrossRegionReplica.IsNull() {
		m.ReplicaLagSeconds = types.Float64Null()
	}
	if replica == nil {
		return
	}
	prior := objectAs[replicaModel](ctx, was.CrossRegionReplica, diags)
	if prior != nil && !prior.Name.Equal(replica.Name) {
		prior = nil
	}
	if found != nil && primary != nil {
		prior = objectAs[replicaModel](ctx, flattenReplica(ctx, found, primary, nil, diags), diags)
	}
	if prior == nil {
		prior = &replicaModel{Tier: types.StringUnknown(), KMSKeyName: types.StringNull(), FailoverTarget: types.BoolUnknown()}
		if primary != nil {
			prior.Tier = types.StringValue(primary.Settings.Tier)
		} else {
			prior.KMSKeyName = types.StringUnknown()
		}
	}
	replica.Tier = known(replica.Tier, prior.Tier)
	replica.KMSKeyName = known(replica.KMSKeyName, prior.KMSKeyName)
	if replica.FailoverTarget.IsNull() {
		switch edition := m.Edition.ValueString(); {
		case m.Edition.IsUnknown():
			replica.FailoverTarget = types.BoolUnknown()
		case edition != cloudsql.EnterprisePlus:
			replica.FailoverTarget = types.BoolValue(false)
		case primary != nil:
			designated := cloudsql.Designated(primary)
			replica.FailoverTarget = types.BoolValue(designated == "" || designated == replica.Name.ValueString())
		default:
			replica.FailoverTarget = prior.FailoverTarget
		}
	}
	if replica.DeletionProtection.IsNull() {
		replica.DeletionProtection = types.BoolValue(true)
	}
	replica.ConnectionName = types.StringUnknown()
	if !m.Project.IsUnknown() && !replica.Name.IsUnknown() && !replica.Region.IsUnknown() {
		replica.ConnectionName = types.StringValue(m.Project.ValueString() + ":" + replica.Region.ValueString() + ":" + replica.Name.ValueString())
	}
	replica.FlagsMatch = types.BoolValue(true)
	m.CrossRegionReplica = objectOf(ctx, replicaTypes, replica, diags)
}

func sameReplica(ctx context.Context, a, b types.Object, diags *diag.Diagnostics) bool {
	x, y := objectAs[replicaModel](ctx, a, diags), objectAs[replicaModel](ctx, b, diags)
	return x != nil && y != nil && x.Name.Equal(y.Name) && x.Region.Equal(y.Region)
}

// readReplica reads the replica that the model names: nil when there is none, and when there is nothing of that name.
func (r *haPolicyResource) readReplica(ctx context.Context, m haPolicyModel) (*sqladmin.DatabaseInstance, error) {
	var diags diag.Diagnostics
	named := objectAs[replicaModel](ctx, m.CrossRegionReplica, &diags)
	if named == nil || named.Name.IsUnknown() || diags.HasError() {
		return nil, nil
	}
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return nil, err
	}
	replica, err := client.Get(ctx, m.Project.ValueString(), named.Name.ValueString())
	if cloudsql.IsNotFound(err) {
		return nil, nil
	}
	return replica, err
}

// findReplica finds the replica that an import is to take over: the one that is designated for failover, else the only
// one in another region. With several it takes none, because nobody can tell which is meant.
func (r *haPolicyResource) findReplica(ctx context.Context, m haPolicyModel, primary *sqladmin.DatabaseInstance) *sqladmin.DatabaseInstance {
	client, err := r.clients.CloudSQL(ctx)
	if err != nil {
		return nil
	}
	var found *sqladmin.DatabaseInstance
	several := false
	for _, name := range primary.ReplicaNames {
		replica, err := client.Get(ctx, m.Project.ValueString(), cloudsql.BareName(name))
		if err != nil || replica.Region == primary.Region {
			continue
		}
		if cloudsql.Designated(primary) == replica.Name {
			return replica
		}
		several = several || found != nil
		found = replica
	}
	if several {
		return nil
	}
	return found
}

// wantReplica is the replica that the plan asks for, nil when it asks for none. What only the plan's defaults say about
// one that exists is left as it is.
func wantReplica(ctx context.Context, config, plan haPolicyModel, policy cloudsql.Policy, diags *diag.Diagnostics) (*cloudsql.Replica, *replicaModel) {
	named := objectAs[replicaModel](ctx, config.CrossRegionReplica, diags)
	if named == nil {
		return nil, nil
	}
	planned := objectAs[replicaModel](ctx, plan.CrossRegionReplica, diags)
	if planned == nil { // the plan knew nothing of it
		planned = named
	}
	return &cloudsql.Replica{
		Name: named.Name.ValueString(), Region: named.Region.ValueString(),
		Tier: named.Tier.ValueString(), KMSKey: named.KMSKeyName.ValueString(),
		DeletionProtection: named.DeletionProtection.IsNull() || named.DeletionProtection.ValueBool(),
		Flags:              policy.Flags, ResetFlags: policy.ResetFlags,
	}, planned
}

// applyReplicaFlags brings a replica that exists into line before its primary is: it must never have less of what sizes
// PostgreSQL than the primary. It returns the replica, nil when there is none yet.
func (r *haPolicyResource) applyReplicaFlags(
	ctx context.Context, client *cloudsql.Client, plan *haPolicyModel, want *cloudsql.Replica, policy cloudsql.Policy, standing bool, diags *diag.Diagnostics,
) *sqladmin.DatabaseInstance {
	const title = "Cross-region replica not brought into line"
	project := plan.Project.ValueString()
	primary, err := client.Get(ctx, project, plan.Instance.ValueString())
	if cloudsql.IsNotFound(err) {
		return nil // the change of the primary itself says it
	}
	if err != nil { // raising its flags would leave the replica behind
		failAt(diags, path.Root("instance"), title, "What "+plan.label()+" is could not be read.", err)
		return nil
	}
	replica, err := client.Get(ctx, project, want.Name)
	if cloudsql.IsNotFound(err) {
		return nil
	}
	if err != nil {
		failAt(diags, replicaPath.AtName("name"), title, "What "+project+"/"+want.Name+" is could not be read.", err)
		return nil
	}
	if problem := replicaProblem(want, replica, primary); problem != "" {
		if standing {
			warnAt(diags, replicaPath, replicaGoneTitle, problem, nil)
		} else {
			failAt(diags, replicaPath.AtName("name"), title, problem, nil)
		}
		return replica
	}
	// An apply that was cut off may have left it half made.
	if _, err = client.Made(ctx, project, want.Name); err != nil {
		failAt(diags, replicaPath.AtName("name"), title, "The replica "+project+"/"+want.Name+" is being made, and did not get there.", err)
		return nil
	}
	after := policy.FlagsAfter(primary.Settings)
	replica, err = client.Change(ctx, project, want.Name, func(live *sqladmin.DatabaseInstance) (*sqladmin.Settings, error) {
		return want.Settings(live.Settings, after), nil
	}, logProgress(ctx, want.Name))
	if err != nil {
		failAt(diags, replicaPath.AtName("name"), title, "Cloud SQL did not change the replica "+project+"/"+want.Name+".", err)
	}
	return replica
}

// applyReplica makes the replica when there is none yet, and designates it. primary is as the policy has made it.
func (r *haPolicyResource) applyReplica(
	ctx context.Context, client *cloudsql.Client, want *cloudsql.Replica, planned *replicaModel, primary, replica *sqladmin.DatabaseInstance, diags *diag.Diagnostics,
) (*sqladmin.DatabaseInstance, *sqladmin.DatabaseInstance) {
	const title = "Cross-region replica not created"
	var err error
	if replica == nil {
		tflog.Info(ctx, "creating the cross-region replica", map[string]any{"instance": primary.Name, "replica": want.Name, "region": want.Region})
		replica, err = client.Insert(ctx, primary.Project, want.Instance(primary), logProgress(ctx, want.Name))
		if err != nil {
			failAt(diags, replicaPath, title, fmt.Sprintf("The instance %s follows the policy, but its replica %s in %s was not made. "+
				"If there is half of one, the next apply takes it over.", primary.Name, want.Name, want.Region), err)
			return primary, nil
		}
	}
	if !replicates(replica, primary) || planned.FailoverTarget.IsNull() || planned.FailoverTarget.IsUnknown() {
		return primary, replica
	}
	target := planned.FailoverTarget.ValueBool()
	primary, err = client.ChangeInstance(ctx, primary.Project, primary.Name, func(live *sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error) {
		if (cloudsql.Designated(live) == want.Name) == target {
			return nil, nil //nolint:nilnil // nothing to do
		}
		cluster := &sqladmin.ReplicationCluster{ForceSendFields: []string{"FailoverDrReplicaName"}}
		if target {
			cluster.FailoverDrReplicaName = live.Project + ":" + want.Name
		}
		return &sqladmin.DatabaseInstance{ReplicationCluster: cluster}, nil
	}, logProgress(ctx, primary.Name))
	if err != nil {
		failAt(diags, replicaPath.AtName("failover_target"), "Failover replica not designated",
			"The replica "+want.Name+" is there, but Cloud SQL did not take it as the one to fail over to.", err)
		return nil, replica
	}
	return primary, replica
}

const replicaGoneTitle = "Replica does not replicate"

// replicaProblem says why an instance cannot be the replica that is wanted; empty: it is that.
func replicaProblem(want *cloudsql.Replica, found, primary *sqladmin.DatabaseInstance) string {
	switch {
	case !cloudsql.IsReplica(found):
		return fmt.Sprintf("The instance %s stands alone: it is no replica of %s, or has been promoted. It may hold what %[2]s does not, so the policy leaves it alone. "+
			"If it has taken over, put the policy on it: instance = %[1]q, and name a new replica. If it is not needed any more, delete it, and the policy makes it anew. "+
			"Or give the replica another name.", found.Name, primary.Name)
	case !replicates(found, primary):
		return fmt.Sprintf("The instance %s is a replica of %s, not of %s. Give the replica another name.", found.Name, cloudsql.Primary(found), primary.Name)
	case found.Region != want.Region:
		return fmt.Sprintf("The replica %s is in %s, not in %s, and instances do not move. Give the new replica another name; the old one stays until you delete it.",
			found.Name, found.Region, want.Region)
	case found.State == "FAILED":
		return fmt.Sprintf("The replica %s has failed, and cannot be repaired from here. Delete it, and the policy makes it anew.", found.Name)
	}
	return ""
}

func logProgress(ctx context.Context, instance string) cloudsql.Progress {
	return func(operation *sqladmin.Operation, waited time.Duration) {
		tflog.Info(ctx, "waiting for Cloud SQL", map[string]any{
			"instance": instance, "operation": operation.Name, "type": operation.OperationType,
			"status": operation.Status, "waited": waited.Round(time.Second).String(),
		})
	}
}
