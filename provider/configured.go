package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// configured is embedded by everything that uses the provider's clients. Before the provider is configured, as in
// validate, clients is nil.
type configured struct {
	clients *clients
}

func (c *configured) set(data any, diags *diag.Diagnostics) {
	if data == nil {
		return
	}
	got, ok := data.(*clients)
	if !ok {
		diags.AddError("Provider data not understood", fmt.Sprintf("Expected *clients, not %T. This is a bug in the provider.", data))
		return
	}
	c.clients = got
}

// configuredResource is the base of every resource, and of every list of one. Data sources and ephemeral resources have one
// like it, and actions would: their Configure methods differ only in type.
type configuredResource struct{ configured }

// Configure implements resource.ResourceWithConfigure.
func (c *configuredResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	c.set(req.ProviderData, &resp.Diagnostics)
}

// configuredDataSource is the base of every data source.
type configuredDataSource struct{ configured }

// Configure implements datasource.DataSourceWithConfigure.
func (c *configuredDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	c.set(req.ProviderData, &resp.Diagnostics)
}

// configuredEphemeral is the base of every ephemeral resource.
type configuredEphemeral struct{ configured }

// Configure implements ephemeral.EphemeralResourceWithConfigure.
func (c *configuredEphemeral) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	c.set(req.ProviderData, &resp.Diagnostics)
}
