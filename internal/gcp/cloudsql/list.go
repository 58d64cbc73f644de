package cloudsql

import (
	"context"
	"iter"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// List goes through the instances of a project.
func (c *Client) List(ctx context.Context, project string) iter.Seq2[*sqladmin.DatabaseInstance, error] {
	return gcp.Pages(ctx, func(ctx context.Context, token string) ([]*sqladmin.DatabaseInstance, string, error) {
		page, err := c.api.Instances.List(project).PageToken(token).Context(ctx).Do()
		if err != nil {
			return nil, "", err
		}
		return page.Items, page.NextPageToken, nil
	})
}
