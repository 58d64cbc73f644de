package cloudsql

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Of Google's list of Cloud SQL metrics.
const (
	metricReplicaLag = "cloudsql.googleapis.com/database/replication/replica_lag" // seconds that a read replica is behind its primary
	metricBackends   = "cloudsql.googleapis.com/database/postgresql/num_backends"
	metricCPU        = "cloudsql.googleapis.com/database/cpu/utilization"
	metricMemory     = "cloudsql.googleapis.com/database/memory/utilization"
	databaseResource = "cloudsql_database"
)

var _ face.Meter = (*Face)(nil)

// Metrics are those of instances that are played.
func (f *Face) Metrics() []face.Metric {
	return []face.Metric{
		{Type: metricReplicaLag, Kind: face.Gauge, Value: face.Double, Unit: "s", Resource: databaseResource},
		{Type: metricBackends, Kind: face.Gauge, Value: face.Int64, Unit: "1", Resource: databaseResource},
		{Type: metricCPU, Kind: face.Gauge, Value: face.Double, Unit: "10^2.%", Resource: databaseResource},
		{Type: metricMemory, Kind: face.Gauge, Value: face.Double, Unit: "10^2.%", Resource: databaseResource},
	}
}

// Series is what was seen of a project's instances. A replica's lag is measured now.
func (f *Face) Series(ctx context.Context, project, metric string, since time.Time) []face.Series {
	if metric == metricReplicaLag {
		return f.lags(ctx, project)
	}
	return f.recorder.Series(project, metric, since)
}

// meter is an instance with how it was seen last.
type meter struct {
	cluster  *engine.Cluster
	project  string
	resource map[string]string
	cpus     int
	memory   int64
	replica  bool
	stopped  bool // a replica that receives nothing
}

// meters are those of the instances that serve, in order. The face's mutex is not held.
func (f *Face) meters() (all []meter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		if !i.running() {
			continue
		}
		s := i.settings()
		all = append(all, meter{
			cluster: i.cluster, project: i.Instance.Project, replica: i.isReplica(), stopped: !s.DatabaseReplicationEnabled,
			resource: map[string]string{"project_id": i.Instance.Project, "database_id": i.fullName(), "region": i.Instance.Region},
			cpus:     processors(s.Tier), memory: int64(memory(s.Tier, s.Edition)) << 20,
		})
	}
	slices.SortFunc(all, func(a, b meter) int { return strings.Compare(a.resource["database_id"], b.resource["database_id"]) })
	return all
}

// Look notes what the instances take of their machines, which are as large as their tiers say, and who is connected.
func (f *Face) Look(context.Context) {
	now := time.Now()
	if _, due := f.recorder.Due(now); !due {
		return
	}
	for _, m := range f.meters() {
		u, ok := m.cluster.Usage()
		if !ok {
			continue
		}
		keep := func(metric string, labels map[string]string, value float64) {
			f.recorder.Keep(m.project, metric, labels, m.resource, now, value)
		}
		at := time.Now() // not when the look began: a busy machine may be late
		before, ok := f.seen(m, u, at)
		for db := range before.databases { // those that nobody is connected to any more, too
			keep(metricBackends, map[string]string{"database": db}, float64(u.Backends[db]))
		}
		if m.memory > 0 {
			keep(metricMemory, nil, float64(u.Memory)/float64(m.memory))
		}
		if ok && m.cpus > 0 {
			keep(metricCPU, nil, (u.CPU-before.cpu).Seconds()/at.Sub(before.at).Seconds()/float64(m.cpus))
		}
	}
}

// usage is the CPU time that an instance had used at a moment, and which databases somebody has been connected to.
type usage struct {
	cpu       time.Duration
	at        time.Time
	databases map[string]bool
}

// seen notes how an instance is, and answers how it was before. Its CPU time counts from then, unless its server was started anew.
func (f *Face) seen(m meter, u engine.Usage, now time.Time) (before usage, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.usages == nil {
		f.usages = map[string]usage{}
	}
	id := m.resource["database_id"]
	before, ok = f.usages[id]
	if before.databases == nil {
		before.databases = map[string]bool{}
	}
	for db := range u.Backends {
		before.databases[db] = true
	}
	f.usages[id] = usage{u.CPU, now, before.databases}
	return before, ok && u.CPU >= before.cpu
}

// lagPatience is how long a replica may take to say how far it is. One that does not has no figure, as at Google.
const lagPatience = 5 * time.Second

// lags measures the replicas of a project, now.
func (f *Face) lags(ctx context.Context, project string) (all []face.Series) {
	replicas := slices.DeleteFunc(f.meters(), func(m meter) bool { return m.project != project || !m.replica })
	series := make([]face.Series, len(replicas))
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	var wg sync.WaitGroup
	for n, r := range replicas {
		wg.Go(func() {
			lag, ok, err := r.cluster.Lag(ctx, r.stopped)
			if err != nil {
				f.opt.Log.Debug("replica does not tell its lag", "instance", r.resource["database_id"], "error", err)
			}
			if now := time.Now(); ok {
				series[n] = face.Series{Resource: r.resource, Points: []face.Point{{From: now, To: now, Number: lag}}}
			}
		})
	}
	wg.Wait()
	for _, s := range series {
		if s.Points != nil {
			all = append(all, s)
		}
	}
	return all
}
