package provider

import (
	"context"
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Runtime is a client of a runtime's control API. The provider's own identity is what the runtime checks.
func (c *clients) Runtime(ctx context.Context, endpoint, audience string) (*runtimeapi.Client, error) {
	tokens, err := c.IDToken(ctx, audience)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: c.transport()}
	return runtimeapi.NewClient(endpoint, tokens, client).WithUserAgent(c.UserAgent()), nil
}
