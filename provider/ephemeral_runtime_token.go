package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/auth"
)

var _ ephemeral.EphemeralResourceWithConfigure = (*runtimeTokenEphemeral)(nil)

// NewRuntimeTokenEphemeralResource makes the august_runtime_token ephemeral resource: a token for a runtime's control API.
//
// It has no Renew, since a renewal cannot give a new result, and an ID token cannot live longer than it says; and no Close,
// since it cannot be revoked. Terraform opens it anew for every plan and apply.
func NewRuntimeTokenEphemeralResource() ephemeral.EphemeralResource { return &runtimeTokenEphemeral{} }

type runtimeTokenEphemeral struct{ configuredEphemeral }

type runtimeTokenModel struct {
	Audience  types.String `tfsdk:"audience"`
	Token     types.String `tfsdk:"token"`
	ExpiresAt types.String `tfsdk:"expires_at"`
	Email     types.String `tfsdk:"email"`
}

// Metadata implements ephemeral.EphemeralResource.
func (e *runtimeTokenEphemeral) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_runtime_token"
}

// Schema implements ephemeral.EphemeralResource.
func (e *runtimeTokenEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An ID token for the control API of a sync runtime, for other providers to call it with. It is made for each plan and each apply, and comes into neither state nor plan. " +
			"The account of `impersonate_service_account` signs it; without one, a service account that the provider runs as. The runtime has to list that account in `control.allowed_callers`.\n\n" +
			"It lives for an hour, and can be neither renewed nor revoked: an apply that still needs it after that fails there, and goes on when it is applied again.",
		Attributes: map[string]schema.Attribute{
			"audience": schema.StringAttribute{
				MarkdownDescription: "Whom the token is for: the `audience` of an `august_sync_runtime`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "The token, for the header `Authorization: Bearer …`.",
				Computed:            true,
				Sensitive:           true,
			},
			"expires_at": schema.StringAttribute{
				MarkdownDescription: "When it ceases to be valid, in RFC 3339, as the token itself says.",
				Computed:            true,
			},
			"email": schema.StringAttribute{
				MarkdownDescription: "The service account that it names, which is to be in the runtime's `control.allowed_callers`.",
				Computed:            true,
			},
		},
	}
}

// Open implements ephemeral.EphemeralResource.
func (e *runtimeTokenEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	const title = "Runtime token not made"
	var m runtimeTokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	token, err := e.clients.NewIDToken(ctx, m.Audience.ValueString())
	if isUnknown(err) {
		// The plan goes on; the apply opens it again, and knows by then.
		m.Token, m.ExpiresAt, m.Email = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Result.Set(ctx, m)...)
		return
	}
	var claims auth.IDToken
	if err == nil {
		claims, err = auth.ReadIDToken(token)
	}
	if err != nil {
		failAt(&resp.Diagnostics, path.Root("audience"), title, "No ID token for "+m.Audience.ValueString()+" could be had.", err)
		return
	}
	m.Token = types.StringValue(token)
	m.ExpiresAt = types.StringValue(claims.Expiry.Format(time.RFC3339))
	m.Email = stringOrNull(claims.Email)
	resp.Diagnostics.Append(resp.Result.Set(ctx, m)...)
}
