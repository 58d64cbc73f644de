package provider

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// The token that another provider is configured with is one that the runtime lets in.
func TestAccRuntimeToken(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-token")
	servers := maps.Clone(providers)
	servers["echo"] = echoprovider.NewProviderServer()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: servers,
		Steps: []resource.TestStep{{
			Config: r.config(r.image, "") + `
ephemeral "august_runtime_token" "test" {
  audience = august_sync_runtime.test.audience
}
provider "echo" { data = ephemeral.august_runtime_token.test }
resource "echo" "test" { depends_on = [august_sync_runtime.test] }
`,
			Check: func(s *terraform.State) error {
				got := s.RootModule().Resources["echo.test"].Primary.Attributes
				if got["data.email"] != localcloud.ServiceAccount("terraform", accProject) {
					return fmt.Errorf("the token names %q", got["data.email"])
				}
				expiry, err := time.Parse(time.RFC3339, got["data.expires_at"])
				if left := time.Until(expiry); err != nil || left <= 0 || left > time.Hour {
					return fmt.Errorf("expires at %q, %w", got["data.expires_at"], err)
				}
				call := func(token string) error {
					client := runtimeapi.NewClient(r.get().Uri, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}), nil)
					_, err := client.Info(t.Context())
					return err
				}
				if call("none") == nil {
					return errors.New("the runtime lets anybody in")
				}
				r.wantListed()
				return call(got["data.token"])
			},
		}},
	})
}

// wantListed looks for the runtime among those that `terraform query` finds, as it would be imported.
func (r *runtimeRig) wantListed() {
	r.t.Helper()
	p := newProtocol(r.t)
	noErrors(r.t, p.configure(map[string]any{
		"project": accProject, "region": localtest.Region, "access_token": "local", "endpoints": map[string]any{"cloud_run": r.cloud.Endpoints.CloudRun},
	}))
	for _, one := range p.list("august_sync_runtime", map[string]any{}, 0, true) {
		noErrors(r.t, one.diags)
		if one.name != r.name {
			continue
		}
		if image := one.resource["image"]; !image.Equal(goValue(image.Type(), r.image)) {
			r.t.Errorf("listed with the image %s", image)
		}
		return
	}
	r.t.Error("not listed")
}
