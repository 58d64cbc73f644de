package provider

import (
	"context"

	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
)

// Registry pushes images and looks them up, with the provider's own credentials on Google's hosts.
func (c *clients) Registry(context.Context) (*image.Registry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registry == nil {
		registry, err := image.NewRegistry(c.TokenSource, c.userAgent, c.transport())
		if err != nil {
			return nil, err
		}
		c.registry = registry
	}
	return c.registry, nil
}
