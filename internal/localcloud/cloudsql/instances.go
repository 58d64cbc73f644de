package cloudsql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func (f *Face) insertInstance(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	want, err := decode[sqladmin.DatabaseInstance](doc)
	if err != nil {
		return nil, err
	}
	if want.Project == "" {
		want.Project = c.project
	}
	if want.MasterInstanceName != "" || want.InstanceType == typeReplica {
		return f.insertReplica(c, want)
	}
	password := want.RootPassword
	major, flags, err := f.vet(c, want)
	if err != nil {
		return nil, err
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.enter(c.Context(), want, major)
	if err != nil {
		return nil, err
	}
	template, err := f.template(major)
	if err != nil {
		return nil, err
	}
	spec := specOf(want, flags)
	return f.operate(c, i, "CREATE", func(ctx context.Context) error {
		return f.born(ctx, i, func() error {
			err := i.cluster.Create(ctx, template, spec)
			if err == nil && password != "" {
				err = i.setPassword(ctx, "postgres", password)
			}
			return err
		})
	}), nil
}

// vet completes a new instance, or refuses what Cloud SQL would refuse, and answers its version and that one's flags.
func (f *Face) vet(c *call, want *sqladmin.DatabaseInstance) (major int, flags catalogue, err error) {
	if major, err = checkInsert(c, want); err != nil {
		return 0, nil, err
	}
	if flags, err = f.catalogue(c.Context(), major); err != nil {
		return 0, nil, err
	}
	f.complete(want, nil, major)
	return major, flags, check(want, nil, flags)
}

// enter gives a new instance its place. The face's mutex is held.
func (f *Face) enter(ctx context.Context, want *sqladmin.DatabaseInstance, major int) (*instance, error) {
	if f.instances[want.Project+"/"+want.Name] != nil {
		return nil, alreadyExists()
	}
	i := &instance{
		record: record{Instance: want, Major: major, Zones: chooseZones(want)},
		dir:    filepath.Join(f.opt.Dir, "instances", want.Project, want.Name),
	}
	if err := f.place(ctx, &i.record); err != nil {
		return nil, err
	}
	if err := f.attach(i); err != nil {
		return nil, err
	}
	want.State = statePending
	want.CreateTime = now()
	want.IpAddresses = []*sqladmin.IpMapping{{Type: "PRIMARY", IpAddress: i.Host}}
	i.Users = []userRecord{{Name: "postgres", Type: userBuiltIn}}
	if err := os.MkdirAll(i.dir, 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return nil, err
	}
	if err := i.save(); err != nil {
		return nil, err
	}
	f.instances[i.key()] = i
	return i, nil
}

// settle ends the creation of an instance, which failed with err if that is not nil.
func (f *Face) settle(ctx context.Context, i *instance, err error) error {
	ca := ""
	if err == nil {
		ca, err = i.cluster.Authority()
	}
	if err != nil || i.settings().ActivationPolicy != policyAlways {
		i.cluster.Stop(context.WithoutCancel(ctx))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i.Instance.State = stateRunnable
	if err != nil {
		i.Instance.State = stateFailed
	} else {
		i.Instance.ServerCaCert, err = describeCert(ca, i.Instance.Name)
	}
	if saved := i.save(); err == nil {
		err = saved
	}
	return err
}

func (f *Face) getInstance(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	return c.show(i), nil
}

// show is the instance as this API version answers it.
func (c *call) show(i *instance) *sqladmin.DatabaseInstance {
	v := i.view()
	v.SelfLink = c.link("projects", v.Project, "instances", v.Name)
	forceBooleans(v.Settings)
	return v
}

func (f *Face) listInstances(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []*sqladmin.DatabaseInstance
	for _, i := range f.instances {
		if i.Instance.Project == c.project {
			items = append(items, c.show(i))
		}
	}
	slices.SortFunc(items, func(a, b *sqladmin.DatabaseInstance) int { return strings.Compare(a.Name, b.Name) })
	items, next, err := page(c, items)
	if err != nil {
		return nil, err
	}
	return &sqladmin.InstancesListResponse{Kind: "sql#instancesList", Items: items, NextPageToken: next}, nil
}

// patchInstance merges: what the body does not name stays. Arrays are replaced whole.
func (f *Face) patchInstance(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	return f.change(c, func(now *sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error) {
		if err := checkVersion(doc, now, false); err != nil {
			return nil, err
		}
		return decode[sqladmin.DatabaseInstance](merge(encode(now), doc))
	})
}

// updateInstance replaces the settings whole; they must be based on the settings as they are.
func (f *Face) updateInstance(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	return f.change(c, func(now *sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error) {
		if err := checkVersion(doc, now, true); err != nil {
			return nil, err
		}
		base := encode(now)
		base["settings"] = document{"databaseReplicationEnabled": now.Settings.DatabaseReplicationEnabled} // has methods of its own
		return decode[sqladmin.DatabaseInstance](merge(base, doc))
	})
}

// change carries out what edit makes of the instance.
func (f *Face) change(c *call, edit func(*sqladmin.DatabaseInstance) (*sqladmin.DatabaseInstance, error)) (any, error) {
	f.mu.Lock()
	i, err := f.find(c)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	major := i.Major
	f.mu.Unlock()
	flags, err := f.catalogue(c.Context(), major) // may take a moment the first time: outside the mutex
	if err != nil {
		return nil, err
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if i, err = f.idle(c); err != nil {
		return nil, err
	}
	was := clone(i.Instance)
	want, err := edit(clone(i.Instance))
	if err != nil {
		return nil, err
	}
	keepOutput(want, was)
	f.complete(want, was, major)
	if err := check(want, was, flags); err != nil {
		return nil, err
	}
	if err := f.checkReplication(want, i, flags); err != nil {
		return nil, err
	}
	if i.Instance.State != stateRunnable || i.broken {
		return nil, notRunning()
	}
	spec := f.specOf(want, flags)
	followers := f.raised(i, want, flags)
	awake, wake := was.Settings.ActivationPolicy == policyAlways, want.Settings.ActivationPolicy == policyAlways
	if !awake && !wake && !sameSpec(spec, f.specOf(was, flags)) {
		return nil, notRunning()
	}
	want.Settings.SettingsVersion = was.Settings.SettingsVersion + 1
	zones := moveZones(i, want, was)
	return f.operate(c, i, "UPDATE", func(ctx context.Context) error {
		if wake && !awake {
			if err := i.cluster.Start(ctx); err != nil {
				return err
			}
		}
		for _, follower := range followers { // a replica's limits are raised before its primary's
			if err := follower.cluster.Apply(ctx, follower.spec); err != nil {
				return err
			}
		}
		if wake || awake {
			if err := i.cluster.Apply(ctx, spec); err != nil {
				return err
			}
		}
		if paused := !want.Settings.DatabaseReplicationEnabled; i.isReplica() && paused == was.Settings.DatabaseReplicationEnabled {
			if err := i.cluster.Pause(ctx, paused); err != nil {
				return err
			}
		}
		if wake && archives(want) && !archives(was) {
			if err := f.runBackup(ctx, i, newBackup(i, automated, "")); err != nil {
				return err
			}
		}
		if awake && !wake {
			i.cluster.Stop(ctx)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		i.Instance, i.Zones = want, zones
		return i.save()
	}), nil
}

// keepOutput puts back what only the server decides, whatever a client sent along.
func keepOutput(want, was *sqladmin.DatabaseInstance) {
	want.Kind, want.Name, want.Project, want.Region = was.Kind, was.Name, was.Project, was.Region
	want.State, want.CreateTime, want.ConnectionName = was.State, was.CreateTime, was.ConnectionName
	want.IpAddresses, want.ServerCaCert, want.BackendType = was.IpAddresses, was.ServerCaCert, was.BackendType
	want.MasterInstanceName, want.ReplicaConfiguration, want.ReplicaNames = was.MasterInstanceName, was.ReplicaConfiguration, nil
	want.InstanceType, want.ServiceAccountEmailAddress = was.InstanceType, was.ServiceAccountEmailAddress
	want.Etag, want.SelfLink, want.GceZone, want.SecondaryGceZone, want.RootPassword = "", "", "", "", ""
}

func (f *Face) deleteInstance(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.idle(c)
	if err != nil {
		return nil, err
	}
	if i.settings().DeletionProtectionEnabled {
		return nil, gapi.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "invalid",
			"The instance is protected. Please disable the deletion protection and try again. To disable deletion protection, "+
				"update the instance settings with deletionProtectionEnabled set to false.")
	}
	if len(f.replicasOf(i)) > 0 {
		return nil, notForPrimaries()
	}
	i.Instance.State = stateDeleting
	return f.operate(c, i, "DELETE", func(ctx context.Context) error {
		// Without its record the instance is gone, also when the removal of its files is cut off.
		if err := os.Remove(filepath.Join(i.dir, "instance.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := i.cluster.Destroy(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("remove the instance's files: %w", err)
		}
		f.mu.Lock()
		delete(f.instances, i.key())
		f.mu.Unlock()
		return f.dismiss(ctx, i)
	}), nil
}

func (f *Face) restartInstance(c *call) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.awake(c)
	if err != nil {
		return nil, err
	}
	return f.operate(c, i, "RESTART", i.cluster.Restart), nil
}
