package cloudsql

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// A read replica is an instance of its own that follows its primary. Its record names the primary; the
// primary's list of replicas is read off the others' records.

func (i *instance) isReplica() bool { return i.Instance.MasterInstanceName != "" }

// master answers a replica's primary, nil when there is none. The face's mutex is held.
func (f *Face) master(d *sqladmin.DatabaseInstance) *instance {
	if d.MasterInstanceName == "" {
		return nil
	}
	return f.instances[strings.Replace(d.MasterInstanceName, ":", "/", 1)]
}

// replicasOf lists an instance's replicas by name. The face's mutex is held.
func (f *Face) replicasOf(i *instance) []*instance {
	var all []*instance
	for _, x := range f.instances {
		if f.master(x.Instance) == i {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *instance) int { return strings.Compare(a.Instance.Name, b.Instance.Name) })
	return all
}

// fullName is how instances refer to each other: project:name.
func (i *instance) fullName() string { return i.Instance.Project + ":" + i.Instance.Name }

// feedFor is where a replica of i gets its data from.
func (i *instance) feedFor(replica *instance) engine.Source {
	return i.cluster.Feed(strconv.FormatUint(hash(replica.key()), 36))
}

// origin is the instance whose users and databases i shows: a replica's are its primary's.
func (i *instance) origin() *instance {
	if m := i.face.master(i.Instance); m != nil {
		return m
	}
	return i
}

// showReplication adds what the API shows of an instance's part in replication.
func (i *instance) showReplication(v *sqladmin.DatabaseInstance) {
	for _, x := range i.face.replicasOf(i) {
		v.ReplicaNames = append(v.ReplicaNames, x.Instance.Name)
	}
	if m := i.face.master(i.Instance); m != nil && m.failoverReplica() == i.fullName() {
		v.ReplicationCluster = &sqladmin.ReplicationCluster{DrReplica: true}
	}
}

// failoverReplica is the full name of the replica that is designated for disaster recovery.
func (i *instance) failoverReplica() string {
	if c := i.Instance.ReplicationCluster; c != nil {
		return c.FailoverDrReplicaName
	}
	return ""
}

// catchUp brings the record of a replica up to date whose promotion was cut off after the fact.
func (f *Face) catchUp(i *instance) error {
	if i.isReplica() && i.Instance.State == stateRunnable && i.Succeeds == "" && !i.cluster.Replica() {
		return f.emancipate(i)
	}
	return nil
}

// bind tells a loaded instance's cluster whom it follows and who follows it.
func (f *Face) bind(i *instance) error {
	var slots []string
	for _, x := range f.replicasOf(i) {
		slots = append(slots, i.feedFor(x).Slot)
	}
	i.cluster.Expect(slots)
	if m := f.master(i.Instance); m != nil {
		return i.cluster.Follow(context.Background(), m.feedFor(i)) // does not run yet: nothing to wait for
	}
	return nil
}

func (f *Face) insertReplica(c *call, want *sqladmin.DatabaseInstance) (any, error) {
	f.mu.Lock()
	m, err := f.primaryFor(c, want)
	if err == nil {
		inherit(want, m.Instance)
	}
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	major, flags, err := f.vet(c, want)
	if err != nil {
		return nil, err
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if m, err = f.primaryFor(c, want); err != nil {
		return nil, err
	}
	if err := checkReplica(want, m.Instance, flags); err != nil {
		return nil, err
	}
	i, err := f.enter(c.Context(), want, major)
	if err != nil {
		return nil, err
	}
	spec := f.specOf(want, flags)
	return f.operate(c, i, "CREATE_REPLICA", func(ctx context.Context) error {
		source := m.feedFor(i)
		err := m.cluster.Admit(ctx, source)
		if err == nil {
			err = i.cluster.CreateReplica(ctx, source, spec)
		}
		return f.settle(ctx, i, err)
	}), nil
}

// primaryFor finds the instance that a new replica is to follow. The face's mutex is held.
func (f *Face) primaryFor(c *call, want *sqladmin.DatabaseInstance) (*instance, error) {
	if want.InstanceType != "" && want.InstanceType != typeReplica {
		return nil, gapi.Invalid("Invalid request: An instance with masterInstanceName must be of type %s.", typeReplica)
	}
	if want.MasterInstanceName == "" {
		return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: masterInstanceName.")
	}
	if !strings.Contains(want.MasterInstanceName, ":") {
		want.MasterInstanceName = c.project + ":" + want.MasterInstanceName
	}
	m := f.master(want)
	if m == nil || m.Instance.Project != c.project {
		return nil, gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "instanceDoesNotExist", "The Cloud SQL instance %s does not exist.", want.MasterInstanceName)
	}
	switch {
	case m.isReplica():
		return nil, unimplemented("replicas of replicas")
	case m.busy != "":
		return nil, inProgress()
	case !m.running():
		return nil, notRunning()
	}
	return m, nil
}

// inherit gives a new replica what it takes over from its primary unless it is told otherwise.
func inherit(want, m *sqladmin.DatabaseInstance) {
	want.InstanceType = typeReplica
	want.ReplicaConfiguration = &sqladmin.ReplicaConfiguration{Kind: "sql#replicaConfiguration", FailoverTarget: failoverTarget(want)}
	fill(&want.DatabaseVersion, m.DatabaseVersion)
	fill(&want.Region, m.Region)
	if want.Settings == nil {
		want.Settings = &sqladmin.Settings{}
	}
	s := want.Settings
	s.DatabaseReplicationEnabled = true
	fill(&s.Edition, m.Settings.Edition)
	fill(&s.Tier, m.Settings.Tier)
	fill(&s.DataDiskType, m.Settings.DataDiskType)
	if s.DataDiskSizeGb == 0 {
		s.DataDiskSizeGb = m.Settings.DataDiskSizeGb
	}
}

func failoverTarget(d *sqladmin.DatabaseInstance) bool {
	return d.ReplicaConfiguration != nil && d.ReplicaConfiguration.FailoverTarget
}

// checkReplica refuses a replica that its primary cannot have. was is nil at creation.
func checkReplica(d, m *sqladmin.DatabaseInstance, flags catalogue) error {
	switch {
	case failoverTarget(d):
		return gapi.Invalid("Invalid request: Failover replicas are not supported for PostgreSQL instances.")
	case d.DatabaseVersion != m.DatabaseVersion:
		return gapi.Invalid("Invalid request: The database version of a read replica must be that of its primary instance, %s.", m.DatabaseVersion)
	case !m.Settings.BackupConfiguration.Enabled || !archives(m):
		return gapi.Invalid("Invalid request: Automated backups and point-in-time recovery must be enabled on the primary instance %s for it to have a read replica.", m.Name)
	case m.Settings.Edition == plus && d.Settings.Edition != plus:
		return gapi.Invalid("Invalid request: A read replica of an Enterprise Plus edition instance must be of the Enterprise Plus edition.")
	case d.Settings.DataDiskSizeGb < m.Settings.DataDiskSizeGb:
		return gapi.Invalid("Invalid request: The disk of a read replica cannot be smaller than that of its primary instance, %d GB.", m.Settings.DataDiskSizeGb)
	}
	return checkLimits(d, m, flags)
}

// limits are the flags that a replica must not have lower than its primary, with their defaults: it replays
// what the primary has done with them.
var limits = map[string]int{
	"max_connections": 0, "max_worker_processes": 8, "max_wal_senders": 10, "max_prepared_transactions": 0, "max_locks_per_transaction": 64,
}

func limit(params map[string]string, name string) int {
	if n, err := strconv.Atoi(params[name]); err == nil {
		return n
	}
	return limits[name]
}

func checkLimits(d, m *sqladmin.DatabaseInstance, flags catalogue) error {
	of := specOf(m, flags).Params
	for _, given := range d.Settings.DatabaseFlags {
		name := strings.ToLower(given.Name)
		if _, ok := limits[name]; !ok {
			continue
		}
		if value, err := strconv.Atoi(given.Value); err == nil && value < limit(of, name) {
			return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalidFlagValue",
				"Value requested is not valid. Failed to set %s: %d of the read replica %s is less than %d of its primary instance %s.",
				name, value, d.Name, limit(of, name), m.Name)
		}
	}
	return nil
}

// specOf translates an instance for the engine. A replica that was not told otherwise has its primary's limits.
// The face's mutex is held.
func (f *Face) specOf(d *sqladmin.DatabaseInstance, flags catalogue) engine.Spec {
	spec := specOf(d, flags)
	if m := f.master(d); m != nil {
		floor(spec.Params, specOf(m.Instance, flags).Params)
	}
	return spec
}

func floor(params, primary map[string]string) {
	for name := range limits {
		if low := limit(primary, name); limit(params, name) < low {
			params[name] = strconv.Itoa(low)
		}
	}
}

// follower is a replica with the specification that a change of its primary asks for.
type follower struct {
	*instance
	spec engine.Spec
}

// raised lists the running replicas whose limits rise with those that are wanted of their primary.
func (f *Face) raised(i *instance, want *sqladmin.DatabaseInstance, flags catalogue) []follower {
	var all []follower
	for _, x := range f.replicasOf(i) {
		was, spec := f.specOf(x.Instance, flags), specOf(x.Instance, flags)
		floor(spec.Params, was.Params)
		floor(spec.Params, specOf(want, flags).Params)
		if x.running() && !sameSpec(was, spec) {
			all = append(all, follower{x, spec})
		}
	}
	return all
}

// checkReplication refuses a change that replication does not bear. The face's mutex is held.
func (f *Face) checkReplication(want *sqladmin.DatabaseInstance, i *instance, flags catalogue) error {
	stops := want.Settings.ActivationPolicy != policyAlways
	if m := f.master(i.Instance); m != nil {
		if stops {
			return notForReplicas()
		}
		if want.ReplicationCluster != nil {
			if want.ReplicationCluster.FailoverDrReplicaName != "" {
				return gapi.Invalid("Invalid request: failoverDrReplicaName can be set for a primary instance only.")
			}
			want.ReplicationCluster = nil // what it was shown
		}
		return checkReplica(want, m.Instance, flags)
	}
	replicas := f.replicasOf(i)
	if len(replicas) > 0 && stops {
		return notForPrimaries()
	}
	for _, x := range replicas {
		if err := checkReplica(x.Instance, want, flags); err != nil {
			return err
		}
	}
	return f.checkDesignation(want, i)
}

// checkDesignation refuses a replica for disaster recovery that could not take over.
func (f *Face) checkDesignation(want *sqladmin.DatabaseInstance, i *instance) error {
	if want.ReplicationCluster == nil || want.ReplicationCluster.FailoverDrReplicaName == "" {
		want.ReplicationCluster = nil
		return nil
	}
	name := want.ReplicationCluster.FailoverDrReplicaName
	if !strings.Contains(name, ":") {
		name = want.Project + ":" + name
	}
	want.ReplicationCluster = &sqladmin.ReplicationCluster{FailoverDrReplicaName: name}
	x := f.instances[strings.Replace(name, ":", "/", 1)]
	why := ""
	switch {
	case want.Settings.Edition != plus:
		why = "the primary instance is not of the Enterprise Plus edition"
	case x == nil || f.master(x.Instance) != i:
		why = "it is not a read replica of this instance"
	case x.settings().Edition != plus:
		why = "it is not of the Enterprise Plus edition"
	case x.Instance.Region == want.Region:
		why = "it is in the region of the primary instance"
	case !archives(want):
		why = "the primary instance has no point-in-time recovery"
	}
	if why != "" {
		return gapi.Invalid("Invalid request: %s cannot be the DR replica of %s: %s.", name, want.Name, why)
	}
	return nil
}

// emancipate makes the record of a replica that of an instance of its own. The face's mutex is held.
func (f *Face) emancipate(i *instance) error {
	if m := f.master(i.Instance); m != nil {
		i.Users, i.Databases = slices.Clone(m.Users), maps.Clone(m.Databases)
		if m.failoverReplica() == i.fullName() {
			m.Instance.ReplicationCluster = nil
			if err := m.save(); err != nil {
				return err
			}
		}
	}
	d := i.Instance
	d.MasterInstanceName, d.ReplicaConfiguration, d.InstanceType = "", nil, typeInstance
	return i.save()
}

// dismiss forgets a replica that is gone or follows no longer.
func (f *Face) dismiss(ctx context.Context, i *instance) error {
	f.mu.Lock()
	m := f.master(i.Instance)
	var err error
	if m != nil && m.failoverReplica() == i.fullName() {
		m.Instance.ReplicationCluster = nil
		err = m.save()
	}
	f.mu.Unlock()
	if m == nil || err != nil {
		return err
	}
	if err := m.cluster.Dismiss(ctx, m.feedFor(i)); err != nil {
		return fmt.Errorf("let the primary instance go: %w", err)
	}
	return nil
}
