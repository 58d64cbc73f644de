package cloudsql

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/api/sqladmin/v1"
)

// Sizing is the flags of which a standby must have as much as its primary: with less, PostgreSQL stops replaying.
var Sizing = []string{
	"max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_wal_senders", "max_worker_processes",
}

// Replica is what a policy wants of a read replica in another region, which is to stand in for the primary some day.
type Replica struct {
	Name               string
	Region             string
	Tier               string // empty: the primary's when it is made, as it is afterwards
	KMSKey             string // of a primary with a key of its own; empty: Google's key
	DeletionProtection bool
	Flags              map[string]string // those that the policy sets on the primary
	ResetFlags         []string
}

// IsReplica tells whether an instance replicates another one.
func IsReplica(live *sqladmin.DatabaseInstance) bool {
	return live.InstanceType == "READ_REPLICA_INSTANCE" || live.MasterInstanceName != ""
}

// Primary is the name of the instance that live replicates.
func Primary(live *sqladmin.DatabaseInstance) string { return BareName(live.MasterInstanceName) }

// BareName takes the project off a name that may have one: project:name.
func BareName(name string) string { return name[strings.LastIndex(name, ":")+1:] }

// Designated is the name of the replica that is to take over when the primary's region fails, if one is named.
func Designated(live *sqladmin.DatabaseInstance) string {
	if live.ReplicationCluster == nil {
		return ""
	}
	return BareName(live.ReplicationCluster.FailoverDrReplicaName)
}

// Instance is the replica as it is to be made: a likeness of its primary, in what a stand-in needs.
func (r Replica) Instance(primary *sqladmin.DatabaseInstance) *sqladmin.DatabaseInstance {
	like := primary.Settings
	settings := &sqladmin.Settings{
		Tier:                      like.Tier,
		Edition:                   like.Edition,
		AvailabilityType:          Zonal, // it becomes REGIONAL when it has taken over, by a policy of its own
		ActivationPolicy:          "ALWAYS",
		DataDiskType:              like.DataDiskType,
		DataDiskSizeGb:            like.DataDiskSizeGb,
		StorageAutoResize:         like.StorageAutoResize,
		ConnectorEnforcement:      like.ConnectorEnforcement,
		UserLabels:                like.UserLabels,
		DeletionProtectionEnabled: r.DeletionProtection,
		IpConfiguration:           likeNetwork(like.IpConfiguration),
	}
	if r.Tier != "" {
		settings.Tier = r.Tier
	}
	for _, flag := range like.DatabaseFlags {
		settings.DatabaseFlags = append(settings.DatabaseFlags, newFlag(flag.Name, flag.Value))
	}
	made := &sqladmin.DatabaseInstance{
		Name: r.Name, Region: r.Region, DatabaseVersion: primary.DatabaseVersion,
		InstanceType: "READ_REPLICA_INSTANCE", MasterInstanceName: primary.Name, Settings: settings,
	}
	if r.KMSKey != "" {
		made.DiskEncryptionConfiguration = &sqladmin.DiskEncryptionConfiguration{KmsKeyName: r.KMSKey}
	}
	return made
}

// likeNetwork is the network settings that hold in any region. An allocated address range does not: it belongs to one.
func likeNetwork(like *sqladmin.IpConfiguration) *sqladmin.IpConfiguration {
	if like == nil {
		return nil
	}
	network := &sqladmin.IpConfiguration{
		Ipv4Enabled: like.Ipv4Enabled, PrivateNetwork: like.PrivateNetwork, SslMode: like.SslMode, ServerCaMode: like.ServerCaMode,
		EnablePrivatePathForGoogleCloudServices: like.EnablePrivatePathForGoogleCloudServices,
		ForceSendFields:                         []string{"Ipv4Enabled"},
	}
	for _, n := range like.AuthorizedNetworks {
		network.AuthorizedNetworks = append(network.AuthorizedNetworks, &sqladmin.AclEntry{Name: n.Name, Value: n.Value, ExpirationTime: n.ExpirationTime})
	}
	if psc := like.PscConfig; psc != nil && psc.PscEnabled {
		network.PscConfig = &sqladmin.PscConfig{PscEnabled: true, AllowedConsumerProjects: psc.AllowedConsumerProjects}
	}
	return network
}

// Settings returns the change that keeps a replica fit to stand in for its primary, or nil when it is. primary is the
// primary's flags as they are to be. Of the flags that size PostgreSQL's memory a replica may have more than its primary,
// so that they are raised and never lowered: whatever order things happen in, the replica goes on replaying.
func (r Replica) Settings(live *sqladmin.Settings, primary []*sqladmin.DatabaseFlags) *sqladmin.Settings {
	change := &sqladmin.Settings{}
	if r.Tier != "" && live.Tier != r.Tier {
		change.Tier = r.Tier
	}
	if live.DeletionProtectionEnabled != r.DeletionProtection {
		change.DeletionProtectionEnabled = r.DeletionProtection
		change.ForceSendFields = append(change.ForceSendFields, "DeletionProtectionEnabled")
	}
	flags := Policy{Flags: map[string]string{}}
	for name, value := range r.Flags {
		if !slices.Contains(Sizing, name) {
			flags.Flags[name] = value
		}
	}
	for _, name := range r.ResetFlags {
		if !slices.Contains(Sizing, name) {
			flags.ResetFlags = append(flags.ResetFlags, name)
		}
	}
	for _, flag := range Short(live.DatabaseFlags, primary) {
		flags.Flags[flag.Name] = flag.Value
	}
	if list, differ := flags.flags(live.DatabaseFlags); differ {
		change.DatabaseFlags = list
		change.ForceSendFields = append(change.ForceSendFields, "DatabaseFlags")
	}
	if change.Tier == "" && len(change.ForceSendFields) == 0 {
		return nil
	}
	return change
}

// Short is the primary's sizing flags of which a replica has less, or has not been told.
func Short(replica, primary []*sqladmin.DatabaseFlags) []*sqladmin.DatabaseFlags {
	has := map[string]string{}
	for _, flag := range replica {
		has[flag.Name] = flag.Value
	}
	var short []*sqladmin.DatabaseFlags
	for _, flag := range primary {
		if !slices.Contains(Sizing, flag.Name) {
			continue
		}
		want, err := strconv.ParseInt(flag.Value, 10, 64)
		if err != nil {
			continue // Cloud SQL would not have taken it
		}
		if got, err := strconv.ParseInt(has[flag.Name], 10, 64); err != nil || got < want {
			short = append(short, flag)
		}
	}
	return short
}

// FlagsAfter is the primary's flags when the policy has been applied to them.
func (p Policy) FlagsAfter(live *sqladmin.Settings) []*sqladmin.DatabaseFlags {
	list, _ := p.flags(live.DatabaseFlags)
	return list
}
