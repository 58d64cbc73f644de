// Package monitoring is a thin client of the Cloud Monitoring API: the measurements that the Cloud SQL Admin API lacks.
package monitoring

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"
)

// Names of Google's list of Cloud SQL metrics (Google Cloud metrics, cloudsql) and of its list of monitored resources.
const (
	// replicaLag is the seconds that a read replica is behind its primary, a gauge that is sampled every minute.
	replicaLag = "cloudsql.googleapis.com/database/replication/replica_lag"
	// database is what the metrics of an instance are about; its label database_id is "project:instance".
	database   = "cloudsql_database"
	databaseID = "database_id"
)

// Recent is how old a measurement may be. A sample is taken each minute, and takes a few minutes more to be seen.
const Recent = 10 * time.Minute

// Role lets somebody read metrics.
const Role = "roles/monitoring.viewer"

// Client calls the Cloud Monitoring API.
type Client struct{ api *monitoring.Service }

// New makes a client. It dials nothing.
func New(ctx context.Context, options ...option.ClientOption) (*Client, error) {
	api, err := monitoring.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("cloud monitoring client: %w", err)
	}
	return &Client{api}, nil
}

// Lag is how far a replica was behind its primary.
type Lag struct {
	Seconds float64
	At      time.Time
}

// ReplicaLag is the newest lag that was measured of each replica within Recent. Those without one are not in the map. It is
// asked for once: a figure to look at is not worth waiting for.
func (c *Client) ReplicaLag(ctx context.Context, project string, instances []string) (map[string]Lag, error) {
	if len(instances) == 0 {
		return nil, nil
	}
	ids := make([]string, 0, len(instances))
	for _, name := range instances {
		ids = append(ids, strconv.Quote(project+":"+name))
	}
	filter := fmt.Sprintf("metric.type = %q AND resource.type = %q AND resource.labels.%s = one_of(%s)",
		replicaLag, database, databaseID, strings.Join(ids, ", "))
	now := time.Now().UTC()
	found := map[string]Lag{}
	err := c.api.Projects.TimeSeries.List("projects/"+project).Filter(filter).
		IntervalStartTime(now.Add(-Recent).Format(time.RFC3339)).IntervalEndTime(now.Format(time.RFC3339)).
		Pages(ctx, func(page *monitoring.ListTimeSeriesResponse) error {
			for _, series := range page.TimeSeries {
				take(found, project, series)
			}
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read metric %s of project %s: %w", replicaLag, project, err)
	}
	return found, nil
}

// take keeps a series' newest point, unless a newer one of the same instance is there: an instance that was made anew in
// another region has two series for a while.
func take(found map[string]Lag, project string, series *monitoring.TimeSeries) {
	if series.Resource == nil {
		return
	}
	name, ours := strings.CutPrefix(series.Resource.Labels[databaseID], project+":")
	if !ours {
		return
	}
	for _, point := range series.Points {
		if point.Interval == nil || point.Value == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, point.Interval.EndTime)
		if err != nil || !at.After(found[name].At) {
			continue
		}
		switch v := point.Value; {
		case v.DoubleValue != nil:
			found[name] = Lag{*v.DoubleValue, at}
		case v.Int64Value != nil:
			found[name] = Lag{float64(*v.Int64Value), at}
		}
	}
}
