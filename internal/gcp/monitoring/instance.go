package monitoring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/api/monitoring/v3"
)

// Of Google's list of Cloud SQL metrics.
const (
	backends       = "cloudsql.googleapis.com/database/postgresql/num_backends"
	databaseCPU    = "cloudsql.googleapis.com/database/cpu/utilization"
	databaseMemory = "cloudsql.googleapis.com/database/memory/utilization"
)

// Instance is what Cloud SQL has measured of an instance. What nothing was written of is nil.
type Instance struct {
	Connections *Level // to all its databases
	CPU         *Level // share of the machine's processors: 0 to 1
	Memory      *Level // share of its memory: 0 to 1
}

// Instance reads what was measured of a Cloud SQL instance within a window that ends now, a minute at least.
func (c *Client) Instance(ctx context.Context, project, name string, window time.Duration) (Instance, error) {
	now := time.Now().UTC().Truncate(time.Second)
	q := question{
		project: project, from: now.Add(-max(window, period)), to: now, period: period,
		filter: fmt.Sprintf("resource.type = %q AND resource.labels.%s = %q", database, databaseID, project+":"+name),
	}
	var err error
	ask := func(metric, align, reduce string) []*monitoring.TimeSeries {
		q.metric, q.align, q.reduce = metric, align, reduce
		series, failed := c.read(ctx, q)
		err = errors.Join(err, failed)
		return series
	}
	var i Instance
	i.Connections, _ = level(ask(backends, "ALIGN_MEAN", "REDUCE_SUM"), q.from)
	most, _ := level(ask(backends, "ALIGN_MAX", "REDUCE_SUM"), q.from)
	if i.Connections != nil && most != nil {
		i.Connections.Most = most.Most
	}
	i.CPU, _ = level(ask(databaseCPU, "ALIGN_MEAN", "REDUCE_MAX"), q.from)
	i.Memory, _ = level(ask(databaseMemory, "ALIGN_MEAN", "REDUCE_MAX"), q.from)
	if err != nil {
		return Instance{}, err
	}
	return i, nil
}
