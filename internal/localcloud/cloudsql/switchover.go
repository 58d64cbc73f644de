package cloudsql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// replica answers the call's instance if it is an idle replica. The face's mutex is held.
func (f *Face) replica(c *call) (*instance, error) {
	i, err := f.idle(c)
	if err != nil {
		return nil, err
	}
	if !i.isReplica() {
		return nil, gapi.Invalid("Invalid request: The requested operation is valid for read replicas only; %s is not one.", i.Instance.Name)
	}
	if !i.running() {
		return nil, notRunning()
	}
	return i, nil
}

// designated answers the call's DR replica and its primary, which both have nothing to do.
func (f *Face) designated(c *call) (i, m *instance, err error) {
	if i, err = f.replica(c); err != nil {
		return nil, nil, err
	}
	m = f.master(i.Instance)
	if m == nil || m.settings().Edition != plus || i.settings().Edition != plus {
		return nil, nil, gapi.Invalid("Invalid request: Advanced disaster recovery is only supported for instances of the Enterprise Plus edition.")
	}
	if m.failoverReplica() != i.fullName() {
		return nil, nil, gapi.Invalid("Invalid request: %s is not the designated DR replica of %s.", i.Instance.Name, m.Instance.Name)
	}
	for _, x := range f.replicasOf(m) {
		if x.busy != "" {
			return nil, nil, inProgress()
		}
	}
	if m.busy != "" {
		return nil, nil, inProgress()
	}
	return i, m, nil
}

// promoteReplica makes a replica an instance of its own, or, as a failover, the primary of its primary.
func (f *Face) promoteReplica(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.EqualFold(c.FormValue("failover"), "true") {
		i, m, err := f.designated(c)
		if err != nil {
			return nil, err
		}
		return f.swap(c, i, m, "PROMOTE_REPLICA", m.cluster.Depose), nil
	}
	i, err := f.replica(c)
	if err != nil {
		return nil, err
	}
	return f.operate(c, i, "PROMOTE_REPLICA", func(ctx context.Context) error {
		if err := i.cluster.Promote(ctx); err != nil {
			return err
		}
		f.mu.Lock()
		m := f.master(i.Instance)
		err := f.emancipate(i)
		f.mu.Unlock()
		if err != nil || m == nil {
			return err
		}
		return m.cluster.Dismiss(ctx, m.feedFor(i))
	}), nil
}

// switchover changes the roles of a primary and its DR replica. No commit is lost: the replica takes over once
// it has everything.
func (f *Face) switchover(c *call) (any, error) {
	patience := 10 * time.Minute
	if text := c.FormValue("dbTimeout"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > 24*time.Hour {
			return nil, gapi.Invalid("Invalid value at 'db_timeout' (type.googleapis.com/google.protobuf.Duration), %q", text)
		}
		patience = d
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, m, err := f.designated(c)
	if err != nil {
		return nil, err
	}
	if !m.running() {
		return nil, notRunning()
	}
	return f.swap(c, i, m, "SWITCHOVER", func(ctx context.Context) error {
		return m.cluster.StepDown(ctx, func(ctx context.Context, lsn string) error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return i.cluster.Reach(ctx, lsn)
		})
	}), nil
}

// swap has replica i take over the role of its primary m, which gives it up by stepDown. The face's mutex is held.
func (f *Face) swap(c *call, i, m *instance, kind string, stepDown func(context.Context) error) *sqladmin.Operation {
	op := f.operate(c, i, kind, func(ctx context.Context) error {
		// On disk before the primary steps down: there is one primary at the end whenever this is cut off.
		f.mu.Lock()
		i.Succeeds = m.key()
		err := i.save()
		f.mu.Unlock()
		if err == nil {
			err = stepDown(ctx)
		}
		if err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			i.Succeeds = ""
			return errors.Join(err, i.save())
		}
		return f.succeed(context.WithoutCancel(ctx), i, m)
	})
	for _, x := range append(f.replicasOf(m), m) { // the other replicas are to follow i: none may go meanwhile
		x.busy = op.Name
	}
	return op
}

// succeed completes a swap after the primary has stepped down. It may be called again after any interruption.
func (f *Face) succeed(ctx context.Context, i, m *instance) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	f.mu.Lock()
	followers := f.replicasOf(m)
	f.mu.Unlock()
	if err := i.cluster.Promote(ctx); err != nil {
		return err
	}
	// Everybody else follows the new primary, the old one too.
	for _, x := range append(followers, m) {
		if x == i {
			continue
		}
		if err := i.cluster.Admit(ctx, i.feedFor(x)); err != nil {
			return err
		}
		if err := x.cluster.Follow(ctx, i.feedFor(x)); err != nil {
			return err
		}
	}
	if err := f.changeRoles(i, m, followers); err != nil {
		return err
	}
	rejoined := m.cluster.Rejoin(ctx, i.feedFor(m))
	f.mu.Lock()
	m.broken = rejoined != nil
	want := clone(i.Instance)
	f.mu.Unlock()
	flags, err := f.catalogue(ctx, i.Major)
	if err == nil {
		err = i.cluster.Apply(ctx, specOf(want, flags))
	}
	if err == nil && archives(want) {
		err = f.runBackup(ctx, i, newBackup(i, automated, ""))
	}
	if rejoined != nil {
		err = errors.Join(err, fmt.Errorf("%s is the primary instance now, but %s could not be made its replica: %w", i.Instance.Name, m.Instance.Name, rejoined))
	}
	return err
}

// changeRoles brings the records up to date, each by itself, so that it can be done again.
func (f *Face) changeRoles(i, m *instance, followers []*instance) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i.isReplica() {
		i.Users, i.Databases = slices.Clone(m.Users), maps.Clone(m.Databases)
		d := i.Instance
		d.MasterInstanceName, d.ReplicaConfiguration, d.InstanceType = "", nil, typeInstance
		d.ReplicationCluster = &sqladmin.ReplicationCluster{FailoverDrReplicaName: m.fullName()}
		d.Settings.BackupConfiguration = clone(m.settings().BackupConfiguration)
		d.Settings.SettingsVersion++
		if err := i.save(); err != nil {
			return err
		}
	}
	if !m.isReplica() {
		d := m.Instance
		d.MasterInstanceName, d.InstanceType = i.fullName(), typeReplica
		d.ReplicaConfiguration = &sqladmin.ReplicaConfiguration{Kind: "sql#replicaConfiguration"}
		d.ReplicationCluster = nil
		b := d.Settings.BackupConfiguration
		b.Enabled, b.PointInTimeRecoveryEnabled = false, false
		b.ReplicationLogArchivingEnabled, b.TransactionalLogStorageState = false, ""
		d.Settings.SettingsVersion++
		if err := m.save(); err != nil {
			return err
		}
	}
	for _, x := range followers {
		if x != i && x != m {
			x.Instance.MasterInstanceName = i.fullName()
			if err := x.save(); err != nil {
				return err
			}
		}
	}
	i.Succeeds = ""
	return i.save()
}

// resume completes the swaps that the end of the last process cut off after the primary had stepped down, and
// forgets the others.
func (f *Face) resume(ctx context.Context) {
	f.each(func(i *instance) {
		f.mu.Lock()
		m := f.instances[i.Succeeds]
		cut := i.Succeeds != ""
		f.mu.Unlock()
		if !cut {
			return
		}
		var err error
		if m != nil && m.cluster.Replica() {
			err = f.succeed(ctx, i, m)
		} else {
			f.mu.Lock()
			i.Succeeds = ""
			err = i.save()
			f.mu.Unlock()
		}
		if err != nil {
			f.opt.Log.Error("Cloud SQL switchover cannot be completed", "instance", i.key(), "error", err)
		}
	})
}

func (f *Face) startReplica(c *call) (any, error) { return f.replicate(c, "START_REPLICA", true) }

func (f *Face) stopReplica(c *call) (any, error) { return f.replicate(c, "STOP_REPLICA", false) }

// replicate lets a replica follow its primary, or stay as it is.
func (f *Face) replicate(c *call, kind string, on bool) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.replica(c)
	if err != nil {
		return nil, err
	}
	return f.operate(c, i, kind, func(ctx context.Context) error {
		if err := i.cluster.Pause(ctx, !on); err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		i.settings().DatabaseReplicationEnabled = on
		return i.save()
	}), nil
}
