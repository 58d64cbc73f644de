package cloudrun

import (
	"context"
	"iter"

	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// List goes through the services of a location that this provider has made.
func (c *Client) List(ctx context.Context, project, location string) iter.Seq2[*run.GoogleCloudRunV2Service, error] {
	all := gcp.Pages(ctx, func(ctx context.Context, token string) ([]*run.GoogleCloudRunV2Service, string, error) {
		page, err := c.api.Projects.Locations.Services.List("projects/" + project + "/locations/" + location).PageToken(token).Context(ctx).Do()
		if err != nil {
			return nil, "", err
		}
		return page.Services, page.NextPageToken, nil
	})
	return func(yield func(*run.GoogleCloudRunV2Service, error) bool) {
		for live, err := range all {
			if (err != nil || Managed(live)) && !yield(live, err) {
				return
			}
		}
	}
}
