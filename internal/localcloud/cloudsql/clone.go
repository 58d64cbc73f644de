package cloudsql

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// cloneInstance makes a new instance out of another one, as that was at a moment or is now. The source
// is not touched: it needs to run only for a clone of now without point-in-time recovery.
func (f *Face) cloneInstance(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	req, err := decode[sqladmin.InstancesCloneRequest](doc)
	if err != nil {
		return nil, err
	}
	want := req.CloneContext
	moment, err := checkClone(c, want)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	source, err := f.cloneable(c, want)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	major, days, archived := source.Major, source.settings().BackupConfiguration.TransactionLogRetentionDays, archives(source.Instance)
	running := source.running()
	f.mu.Unlock()
	if moment.IsZero() {
		if !running && !archived {
			return nil, notRunning()
		}
	} else if err := within(c.Context(), source, moment, days, archived); err != nil {
		return nil, err
	}
	flags, err := f.catalogue(c.Context(), major)
	if err != nil {
		return nil, err
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.cloneable(c, want); err != nil { // things may have changed meanwhile
		return nil, err
	}
	d := likeness(source, want)
	f.complete(d, nil, major)
	if err := check(d, nil, flags); err != nil {
		return nil, err
	}
	i, err := f.enter(c.Context(), d, major)
	if err != nil {
		return nil, err
	}
	i.Databases, i.Users = maps.Clone(source.Databases), slices.Clone(source.Users)
	spec := specOf(d, flags)
	return f.operate(c, i, "CLONE", func(ctx context.Context) error {
		return f.born(ctx, i, func() error {
			if err := i.cluster.Clone(ctx, source.cluster, moment, spec); err != nil {
				return err
			}
			return f.recallUsers(ctx, i)
		})
	}), nil
}

// born ends the making of an instance: what create makes gets its first base backup and its certificate,
// and is RUNNABLE; or FAILED, when something of that fails.
func (f *Face) born(ctx context.Context, i *instance, create func() error) error {
	err := create()
	if err == nil && archives(i.Instance) { // recovery needs a base backup to begin with
		err = f.runBackup(ctx, i, newBackup(i, automated, ""))
	}
	return f.settle(ctx, i, err)
}

// checkClone refuses a request that no instance could fulfil, and answers the moment that it asks for.
func checkClone(c *call, want *sqladmin.CloneContext) (moment time.Time, err error) {
	if want == nil {
		return moment, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: cloneContext.")
	}
	if want.DestinationInstanceName == "" {
		return moment, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: cloneContext.destinationInstanceName.")
	}
	fill(&want.DestinationProject, c.project)
	if !projectPattern.MatchString(want.DestinationProject) {
		return moment, gapi.Invalid("Invalid request: Invalid project (%s).", want.DestinationProject)
	}
	if name := want.DestinationInstanceName; !namePattern.MatchString(name) || len(name)+len(want.DestinationProject)+1 > longestName {
		return moment, gapi.Invalid("Invalid request: Invalid instance name (%s).", name)
	}
	switch {
	case want.BinLogCoordinates != nil:
		return moment, gapi.Invalid("Invalid request: cloneContext.binLogCoordinates is for MySQL instances only.")
	case len(want.DatabaseNames) > 0:
		return moment, gapi.Invalid("Invalid request: cloneContext.databaseNames is for SQL Server instances only.")
	case want.PitrTimestampMs != 0:
		return moment, gapi.Invalid("Invalid request: cloneContext.pitrTimestampMs is reserved, use cloneContext.pointInTime.")
	case want.SourceInstanceDeletionTime != "":
		return moment, unimplemented("clones of deleted instances")
	case want.PointInTime == "":
		return moment, nil
	}
	moment, err = time.Parse(time.RFC3339, want.PointInTime)
	if err != nil {
		return moment, gapi.Invalid("Invalid value at 'body.clone_context.point_in_time' (type.googleapis.com/google.protobuf.Timestamp), %q", want.PointInTime)
	}
	return moment, nil
}

// cloneable answers the call's instance if a clone can be made of it. The face's mutex is held.
func (f *Face) cloneable(c *call, want *sqladmin.CloneContext) (*instance, error) {
	source, err := f.find(c)
	if err != nil {
		return nil, err
	}
	if source.Instance.State != stateRunnable {
		return nil, gapi.Errorf(http.StatusConflict, "ABORTED", "invalidState",
			"The instance or operation is not in an appropriate state to handle the request.")
	}
	if source.isReplica() {
		return nil, gapi.Invalid("Invalid request: Instance %s is a read replica: clone its primary.", source.Instance.Name)
	}
	if f.instances[want.DestinationProject+"/"+want.DestinationInstanceName] != nil {
		return nil, alreadyExists()
	}
	return source, nil
}

func alreadyExists() error {
	return gapi.Errorf(http.StatusConflict, "ALREADY_EXISTS", "instanceAlreadyExists",
		"The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted instance until one week from the deletion date.")
}

// within refuses a moment that the source cannot be recovered to.
func within(ctx context.Context, source *instance, moment time.Time, days int64, archived bool) error {
	if !archived {
		return gapi.Invalid("Invalid request: Point-in-time recovery is not enabled for instance %s.", source.Instance.Name)
	}
	if moment.After(time.Now()) {
		return gapi.Invalid("Invalid request: The point in time %s is in the future.", stamp(moment))
	}
	earliest, latest, err := source.cluster.Window(ctx, retention(days)+slack)
	if err != nil {
		return err
	}
	if earliest.IsZero() || moment.Before(earliest) {
		return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "errorBackupNotFound", "A successful backup that's required for carrying out "+
			"the CLONE operation can't be found, or a backup that was created before the restored timestamp can't be found. "+
			"Modify the ID or timestamp for the backup.%s", since(earliest))
	}
	if moment.After(latest) {
		return gapi.Invalid("Invalid request: The point in time %s is later than the latest recovery time %s of instance %s.",
			stamp(moment), stamp(latest), source.Instance.Name)
	}
	return nil
}

func since(earliest time.Time) string {
	if earliest.IsZero() {
		return ""
	}
	return " The earliest recovery time is " + stamp(earliest) + "."
}

// slack is for how long a moment that the window was shown to begin with can still be recovered: the
// window moves on while its reader makes up a request.
const slack = time.Hour

// retention is for how long logs are retained.
func retention(days int64) time.Duration { return time.Duration(days) * 24 * time.Hour }

// likeness is a clone's description: its source's settings, but for what belongs to the source alone.
// Deletion protection is not passed on: it guards data that are there once.
func likeness(source *instance, want *sqladmin.CloneContext) *sqladmin.DatabaseInstance {
	from := clone(source.Instance)
	d := &sqladmin.DatabaseInstance{
		Name: want.DestinationInstanceName, Project: want.DestinationProject, Region: from.Region,
		DatabaseVersion: from.DatabaseVersion, MaintenanceVersion: from.MaintenanceVersion, Settings: from.Settings,
		DiskEncryptionConfiguration: from.DiskEncryptionConfiguration,
	}
	s := d.Settings
	s.SettingsVersion, s.DeletionProtectionEnabled, s.ActivationPolicy = 0, false, policyAlways
	s.LocationPreference = &sqladmin.LocationPreference{Zone: source.Zones[source.primary()]}
	if s.AvailabilityType == regional {
		s.LocationPreference.SecondaryZone = source.Zones[otherNode(source.primary())]
	}
	if p := want.PreferredZone; p != "" {
		s.LocationPreference.Zone = p
		if p == s.LocationPreference.SecondaryZone {
			s.LocationPreference.SecondaryZone = ""
		}
	}
	if p := want.PreferredSecondaryZone; p != "" {
		s.LocationPreference.SecondaryZone = p
	}
	if want.AllocatedIpRange != "" {
		s.IpConfiguration.AllocatedIpRange = want.AllocatedIpRange
	}
	if want.DestinationNetwork != "" {
		s.IpConfiguration.PrivateNetwork = want.DestinationNetwork
	}
	return d
}

// recallUsers makes the record of users what the recovered database has: there may be users that were
// deleted since, and not yet those that were made since.
func (f *Face) recallUsers(ctx context.Context, i *instance) error {
	conn, err := i.cluster.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	kinds := slices.Sorted(maps.Values(iamRoles))
	rows, err := conn.Query(ctx, `SELECT r.rolname, ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
		WHERE m.member = r.oid AND g.rolname = ANY($1))
		FROM pg_roles r WHERE r.rolcanlogin AND r.rolname !~ '^(cloudsql|pg_)' ORDER BY r.oid`, kinds)
	if err != nil {
		return err
	}
	var found []userRecord
	var name string
	var marks []string
	_, err = pgx.ForEachRow(rows, []any{&name, &marks}, func() error {
		u := userRecord{Name: name, Type: userBuiltIn}
		for kind, role := range iamRoles {
			if slices.Contains(marks, role) {
				u.Type = kind
			}
		}
		found = append(found, u)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the recovered users: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, u := range found {
		if known := i.user(u.Name); known >= 0 && i.Users[known].Type == u.Type {
			found[n] = i.Users[known]
		}
	}
	i.Users = found
	return i.save()
}
