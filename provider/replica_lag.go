package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
)

// Metrics are there to be looked at, and not every caller may: when they cannot be had, nothing fails, and nothing is known.

// lagPatience is how long a refresh waits for them. A Cloud Monitoring that is silent must not slow every plan down.
const lagPatience = 2 * time.Second

// replicaLag is the seconds that replicas are behind, by name. It asks nobody when there are none.
func (c *clients) replicaLag(ctx context.Context, project string, replicas ...*sqladmin.DatabaseInstance) (map[string]float64, error) {
	if len(replicas) == 0 {
		return nil, nil
	}
	client, err := c.Monitoring(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(replicas))
	for _, r := range replicas {
		names = append(names, r.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	measured, err := client.ReplicaLag(ctx, project, names)
	if err != nil {
		return nil, err
	}
	lag := make(map[string]float64, len(measured))
	for name, m := range measured {
		lag[name] = m.Seconds
	}
	return lag, nil
}

// lagProblem says why no lag could be read, and what helps.
func lagProblem(project string, err error) string {
	switch said := cloudsql.Message(err); {
	case err == nil:
		return ""
	case gcp.KindOf(err) == gcp.Denied:
		if said != "" {
			said = " Google says: " + said
		}
		return fmt.Sprintf("Cloud Monitoring does not let the caller read metrics of the project %s, which takes the role %s there.%s", project, monitoring.Role, said)
	case said != "":
		return "Cloud Monitoring says: " + said
	}
	return "Cloud Monitoring could not be asked: " + err.Error()
}

func lagOrNull(lag map[string]float64, name string) types.Float64 {
	if seconds, known := lag[name]; known {
		return types.Float64Value(seconds)
	}
	return types.Float64Null()
}

// lag is how far behind the policy's replica is, null when it has none.
func (r *haPolicyResource) lag(ctx context.Context, now seen) types.Float64 {
	if !replicates(now.replica, now.live) {
		return types.Float64Null()
	}
	lag, err := r.clients.replicaLag(ctx, now.live.Project, now.replica)
	if err != nil {
		tflog.Debug(ctx, "the replica's lag was not read", map[string]any{"instance": now.replica.Name, "error": err.Error()})
	}
	return lagOrNull(lag, now.replica.Name)
}
