package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

// openToken opens an august_runtime_token as Terraform does.
func (p *protocol) openToken(audience string) (map[string]tftypes.Value, *tfprotov6.OpenEphemeralResourceResponse) {
	p.t.Helper()
	of := p.schemas.EphemeralResourceSchemas["august_runtime_token"].ValueType()
	resp, err := p.server.OpenEphemeralResource(p.t.Context(), &tfprotov6.OpenEphemeralResourceRequest{
		TypeName: "august_runtime_token", Config: p.value(of, map[string]any{"audience": audience}),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.Result == nil {
		return nil, resp
	}
	result, err := resp.Result.Unmarshal(of)
	if err != nil {
		p.t.Fatal(err)
	}
	return object(p.t, result), resp
}

func TestRuntimeToken_opens(t *testing.T) {
	t.Parallel()
	iam := newFakeRuntime(t)
	p := newProtocol(t)
	account := localcloud.ServiceAccount("terraform", accProject)
	noErrors(t, p.configure(map[string]any{
		"access_token": "local", "impersonate_service_account": account, "endpoints": map[string]any{"iam_credentials": iam.url},
	}))
	for range 2 { // each plan and apply has a token of its own
		got, resp := p.openToken("august-sync:p:r:n")
		noErrors(t, resp.Diagnostics)
		for name, want := range map[string]string{
			"audience": "august-sync:p:r:n", "token": fakeIDToken, "expires_at": "2100-01-01T00:00:00Z", "email": account,
		} {
			var is string
			if err := got[name].As(&is); err != nil || is != want {
				t.Errorf("%s is %s", name, got[name])
			}
		}
		if !resp.RenewAt.IsZero() {
			t.Errorf("to be renewed at %s, which nothing can do", resp.RenewAt)
		}
	}
	if want := "august-sync:p:r:n august-sync:p:r:n"; strings.Join(iam.audiences, " ") != want {
		t.Errorf("tokens were asked for for %q", iam.audiences)
	}
}

func TestRuntimeToken_needsAnIdentity(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"access_token": "secret-token"}))
	_, resp := p.openToken("august-sync:p:r:n")
	wantDiagnostic(t, resp.Diagnostics, "audience", "Runtime token not made", "Set impersonate_service_account", "august-sync:p:r:n")
	for _, d := range resp.Diagnostics {
		if strings.Contains(d.Detail, "secret-token") {
			t.Error("the error holds the access token")
		}
	}
}

// While the provider waits for something that the same apply makes, so does the token.
func TestRuntimeToken_unknownWithTheProvider(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"impersonate_service_account": unknown{}}))
	got, resp := p.openToken("august-sync:p:r:n")
	noErrors(t, resp.Diagnostics)
	if got["token"].IsKnown() || !got["audience"].IsKnown() {
		t.Errorf("opened as %v", got)
	}
}

func TestClients_delegates(t *testing.T) {
	t.Setenv("AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES", "ci@p.iam.gserviceaccount.com, deploy@p.iam.gserviceaccount.com")
	p := newProtocol(t)
	wantDiagnostic(t, p.configure(nil), "impersonate_service_account_delegates", "Nobody to act as", "Set impersonate_service_account")
	noErrors(t, p.configure(map[string]any{"impersonate_service_account": unknown{}}))
	var c clients
	c.configure(providerModel{})
	if got := c.delegates.values(); strings.Join(got, "|") != "ci@p.iam.gserviceaccount.com|deploy@p.iam.gserviceaccount.com" {
		t.Errorf("delegates %q", got)
	}
	t.Setenv("AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES", "ci@p.iam.gserviceaccount.com,deploy")
	wantDiagnostic(t, p.configure(map[string]any{"impersonate_service_account": "a@p.iam.gserviceaccount.com"}),
		"impersonate_service_account_delegates", "AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES", "e-mail")
	wantDiagnostic(t, p.validateProvider(map[string]any{"impersonate_service_account_delegates": []any{"deploy"}}),
		"impersonate_service_account_delegates[0]", "e-mail")
	t.Setenv("AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES", "")
	for name, config := range map[string]map[string]any{
		"list":    {"impersonate_service_account_delegates": unknown{}},
		"element": {"impersonate_service_account_delegates": []any{unknown{}}},
	} {
		noErrors(t, p.configure(config))
		if _, resp := p.openToken("a"); len(resp.Diagnostics) > 0 {
			t.Errorf("%s: %s", name, resp.Diagnostics[0].Detail)
		}
	}
}
