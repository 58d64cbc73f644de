package cloudsql

import (
	"net/http"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

func (f *Face) failoverInstance(c *call) (any, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	req, err := decode[sqladmin.InstancesFailoverRequest](doc)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.awake(c)
	if err != nil {
		return nil, err
	}
	if req.FailoverContext == nil || req.FailoverContext.SettingsVersion == 0 {
		return nil, gapi.Invalid("Invalid request: failoverContext.settingsVersion is required.")
	}
	if req.FailoverContext.SettingsVersion != i.settings().SettingsVersion {
		return nil, stale()
	}
	if i.isReplica() {
		return nil, notForReplicas()
	}
	if i.settings().AvailabilityType != regional {
		return nil, gapi.Invalid("Invalid request: Failover is not supported for instance %s because it is not configured for high availability.", i.Instance.Name)
	}
	return f.operate(c, i, "FAILOVER", i.cluster.Failover), nil
}

// failedOver shows a failover that nobody asked for as an operation, which has no user.
func (f *Face) failedOver(i *instance, result <-chan error) {
	f.noted.Go(func() {
		f.mu.Lock()
		op := f.note(i, "FAILOVER", "")
		op.Status, op.StartTime = statusRunning, op.InsertTime
		if i.busy == "" {
			i.busy = op.Name
		}
		f.saveOperations()
		f.mu.Unlock()
		err := <-result
		f.mu.Lock()
		defer f.mu.Unlock()
		f.finish(i, op, err)
	})
}

// notForReplicas is how Cloud SQL refuses what only a primary can do.
func notForReplicas() error {
	return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "errorReplicaInvalidOperation",
		"The requested operation is not valid for a replica instance.")
}

// notForPrimaries is how it refuses what an instance with replicas cannot do.
func notForPrimaries() error {
	return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "errorReplicationMasterInvalidOperation",
		"The requested operation is not valid for a replication master instance.")
}
