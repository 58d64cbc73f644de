package cloudsql

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// restoreBackup replaces an instance's data by a backup, its own or another instance's. The instance
// keeps its settings, its address and its backups; users, passwords and databases are the backup's,
// and point-in-time recovery begins anew.
func (f *Face) restoreBackup(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	req, err := decode[sqladmin.InstancesRestoreBackupRequest](doc)
	if err != nil {
		return nil, err
	}
	want := req.RestoreBackupContext
	switch {
	case req.Backup != "" || req.BackupdrBackup != "":
		return nil, unimplemented("restores by a backup's name: use restoreBackupContext")
	case req.RestoreInstanceSettings != nil || len(req.RestoreInstanceClearOverridesFieldNames) > 0:
		return nil, gapi.Invalid("Invalid request: Overrides are only supported for a restore to a new instance by a backup's name.")
	case want == nil || want.BackupRunId == 0:
		return nil, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: restoreBackupContext.backupRunId.")
	}
	fill(&want.Project, c.project)
	fill(&want.InstanceId, c.instance)

	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.idle(c)
	if err != nil {
		return nil, err
	}
	source := f.instances[want.Project+"/"+want.InstanceId]
	if source == nil {
		return nil, gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "instanceDoesNotExist", "The Cloud SQL instance %s does not exist.", want.InstanceId)
	}
	b := source.backupRun(strconv.FormatInt(want.BackupRunId, 10))
	if b == nil {
		return nil, noBackupRun(want.BackupRunId)
	}
	if err := f.checkRestore(i, source, b); err != nil {
		return nil, err
	}
	op := f.operate(c, i, "RESTORE_VOLUME", func(ctx context.Context) error {
		err := f.restore(ctx, i, source, b)
		f.mu.Lock()
		defer f.mu.Unlock()
		if saved := i.save(); err == nil {
			err = saved
		}
		return err
	})
	stored := f.operations[len(f.operations)-1]
	stored.BackupContext = &sqladmin.BackupContext{Kind: "sql#backupContext", BackupId: b.Id}
	op.BackupContext = stored.BackupContext
	return op, nil
}

// checkRestore refuses what Cloud SQL refuses. The face's mutex is held.
func (f *Face) checkRestore(i, source *instance, b *sqladmin.BackupRun) error {
	stopped := i.settings().ActivationPolicy != policyAlways
	if i.Instance.State != stateRunnable || stopped { // one that does not start can be restored
		return notRunning()
	}
	if b.Status != "SUCCESSFUL" {
		return gapi.Invalid("Invalid request: The backup run %d is %s: only a successful one can be restored.", b.Id, b.Status)
	}
	if i.isReplica() {
		return gapi.Invalid("Invalid request: A backup cannot be restored to a read replica.")
	}
	if len(f.replicasOf(i)) > 0 {
		return gapi.Invalid("Invalid request: Instance %s has replicas: delete them before restoring a backup, and create them again afterwards.", i.Instance.Name)
	}
	if b.DatabaseVersion != i.Instance.DatabaseVersion {
		return gapi.Invalid("Invalid request: The backup is of %s and the instance of %s: the database versions must be the same.",
			b.DatabaseVersion, i.Instance.DatabaseVersion)
	}
	if has, needs := i.settings().DataDiskSizeGb, source.settings().DataDiskSizeGb; has < needs {
		return gapi.Invalid("Invalid request: The instance has %d GB of storage and the backup's instance %d GB: it must have at least as much.", has, needs)
	}
	return nil
}

func (f *Face) restore(ctx context.Context, i, source *instance, b *sqladmin.BackupRun) error {
	before := i.cluster.Primary()
	err := i.cluster.Restore(ctx, source.cluster, strconv.FormatInt(b.Id, 10))
	serving := i.cluster.Serving()
	f.mu.Lock()
	i.broken = !serving
	if i.cluster.Primary() != before { // the data moved from one node to the other; the zones did not
		i.Zones = map[string]string{"a": i.Zones["b"], "b": i.Zones["a"]}
	}
	if err == nil && source != i {
		i.Users, i.Databases = source.Users, maps.Clone(source.Databases)
	}
	f.mu.Unlock()
	if err == nil {
		err = f.recallUsers(ctx, i)
	}
	if err == nil && archives(i.Instance) {
		err = f.runBackup(ctx, i, newBackup(i, automated, ""))
	}
	return err
}
