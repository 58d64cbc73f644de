package runtimeapi

import (
	"context"
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// PathCatalog is what the runtime's database is made of, without any value of a row: what a policy is checked against.
const PathCatalog = "/v1/catalog"

// Catalog asks what the runtime's database is made of.
func (c *Client) Catalog(ctx context.Context) (*catalog.Catalog, error) {
	is, err := call[catalog.Catalog](ctx, c, http.MethodGet, PathCatalog, nil)
	return &is, err
}
