package cloudsql

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// MetricReplicaLag is Google's name of the seconds that a read replica is behind its primary.
const MetricReplicaLag = "cloudsql.googleapis.com/database/replication/replica_lag"

// Metrics are those that Gauges measures.
func Metrics() []string { return []string{MetricReplicaLag} }

// lagPatience is how long a replica may take to say how far it is. One that does not has no figure, as at Google.
const lagPatience = 5 * time.Second

// Gauges measures the replicas of a project, now.
func (f *Face) Gauges(ctx context.Context, project string) []face.Gauge {
	type asked struct {
		*instance
		gauge   face.Gauge
		stopped bool
		ok      bool
	}
	var replicas []*asked
	f.mu.Lock()
	for _, i := range f.instances {
		if i.Instance.Project == project && i.isReplica() && i.running() {
			replicas = append(replicas, &asked{instance: i, stopped: !i.settings().DatabaseReplicationEnabled, gauge: face.Gauge{
				Metric: MetricReplicaLag, Unit: "s", Resource: "cloudsql_database",
				Labels: map[string]string{"project_id": project, "database_id": i.fullName(), "region": i.Instance.Region},
			}})
		}
	}
	f.mu.Unlock()
	slices.SortFunc(replicas, func(a, b *asked) int {
		return strings.Compare(a.gauge.Labels["database_id"], b.gauge.Labels["database_id"])
	})
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range replicas {
		wg.Go(func() {
			lag, ok, err := r.cluster.Lag(ctx, r.stopped)
			if err != nil {
				f.opt.Log.Debug("replica does not tell its lag", "instance", r.gauge.Labels["database_id"], "error", err)
			}
			r.gauge.Value, r.gauge.At, r.ok = lag, time.Now(), ok
		})
	}
	wg.Wait()
	var all []face.Gauge
	for _, r := range replicas {
		if r.ok {
			all = append(all, r.gauge)
		}
	}
	return all
}
