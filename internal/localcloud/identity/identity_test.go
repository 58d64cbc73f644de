package identity

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/compute/metadata"
	"github.com/coreos/go-oidc/v3/oidc"
	"google.golang.org/api/iamcredentials/v1"
	"google.golang.org/api/impersonate"
	"google.golang.org/api/option"
)

const audience = "https://runtime.test"

const account = "terraform@august-test.iam.gserviceaccount.com"

// serve starts the face over dir on a server whose address is in its issuer.
func serve(t *testing.T, dir string) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	url := "http://" + srv.Listener.Addr().String()
	f, err := New(Options{Dir: dir, Issuer: url + "/identity"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(mux)
	srv.Config.Handler = mux
	srv.Start()
	t.Cleanup(srv.Close)
	return url
}

func verify(t *testing.T, url, token string) (*oidc.IDToken, string) {
	t.Helper()
	issuer, err := oidc.NewProvider(t.Context(), url+"/identity")
	if err != nil {
		t.Fatal(err)
	}
	id, err := issuer.Verifier(&oidc.Config{ClientID: audience}).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Verified != (claims.Email != "") {
		t.Errorf("email %q, verified %v", claims.Email, claims.Verified)
	}
	return id, claims.Email
}

// What IAM Credentials signs is what an independent verifier accepts.
func TestGenerateIdToken(t *testing.T) {
	url := serve(t, t.TempDir())
	c, err := iamcredentials.NewService(t.Context(), option.WithEndpoint(url+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	accounts, name := c.Projects.ServiceAccounts, "projects/-/serviceAccounts/"+account

	got, err := accounts.GenerateIdToken(name, &iamcredentials.GenerateIdTokenRequest{Audience: "https://runtime.test", IncludeEmail: true}).Do()
	if err != nil {
		t.Fatal(err)
	}
	id, email := verify(t, url, got.Token)
	if email != account || time.Until(id.Expiry) < 50*time.Minute {
		t.Errorf("token of %q until %v", email, id.Expiry)
	}

	got, err = accounts.GenerateIdToken(name, &iamcredentials.GenerateIdTokenRequest{Audience: "https://runtime.test"}).Do()
	if err != nil {
		t.Fatal(err)
	}
	if _, email := verify(t, url, got.Token); email != "" {
		t.Errorf("the token names %q without having been asked to", email)
	}
	if _, err := accounts.GenerateIdToken(name, &iamcredentials.GenerateIdTokenRequest{}).Do(); err == nil {
		t.Error("a token without an audience")
	}

	access, err := accounts.GenerateAccessToken(name, &iamcredentials.GenerateAccessTokenRequest{
		Scope: []string{"https://www.googleapis.com/auth/cloud-platform"}, Lifetime: "600s",
	}).Do()
	if err != nil {
		t.Fatal(err)
	}
	if at, err := time.Parse(time.RFC3339, access.ExpireTime); err != nil || time.Until(at) > 601*time.Second || access.AccessToken == "" {
		t.Errorf("access token until %q (%v)", access.ExpireTime, err)
	}
}

// Google's own impersonation library gets its tokens here, when told where.
func TestImpersonate(t *testing.T) {
	url := serve(t, t.TempDir())
	tokens, err := impersonate.IDTokenSource(t.Context(), impersonate.IDTokenConfig{
		Audience: "https://runtime.test", TargetPrincipal: account, IncludeEmail: true,
	}, option.WithHTTPClient(&http.Client{Transport: redirect(url)}))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token()
	if err != nil {
		t.Fatal(err)
	}
	if _, email := verify(t, url, token.AccessToken); email != account {
		t.Errorf("token of %q", email)
	}
}

// redirect sends every request to the local address, as an endpoint setting would.
type redirect string

func (to redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(string(to), "http://")
	return http.DefaultTransport.RoundTrip(r)
}

// A process that Google's metadata library runs in finds its project, account and tokens.
func TestMetadata(t *testing.T) {
	url := serve(t, t.TempDir())
	base := strings.TrimPrefix(url, "http://")
	t.Setenv("GCE_METADATA_HOST", MetadataHost(base, "august-test", account))
	ctx, c := t.Context(), metadata.NewClient(nil)

	if got, err := c.ProjectIDWithContext(ctx); err != nil || got != "august-test" {
		t.Errorf("project %q, %v", got, err)
	}
	if got, err := c.EmailWithContext(ctx, "default"); err != nil || got != account {
		t.Errorf("email %q, %v", got, err)
	}
	if got, err := c.ZoneWithContext(ctx); err != nil || got != "us-central1-a" {
		t.Errorf("zone %q, %v", got, err)
	}
	if got, err := c.GetWithContext(ctx, "instance/service-accounts/default/token"); err != nil || !strings.Contains(got, `"token_type":"Bearer"`) {
		t.Errorf("token: %v", err)
	}
	token, err := c.GetWithContext(ctx, "instance/service-accounts/default/identity?audience=https://runtime.test&format=full")
	if err != nil {
		t.Fatal(err)
	}
	if _, email := verify(t, url, token); email != account {
		t.Errorf("token of %q", email)
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/computeMetadata/v1/instance/service-accounts/default/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden || res.Header.Get("Metadata-Flavor") != "Google" {
		t.Errorf("without the header: %s", res.Status)
	}
}

// A token signed before a restart is good after it, and the key is its owner's alone.
func TestKeySurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	before, err := New(Options{Dir: dir, Issuer: "http://127.0.0.1:1/identity"})
	if err != nil {
		t.Fatal(err)
	}
	after, err := New(Options{Dir: dir, Issuer: "http://127.0.0.1:1/identity"})
	if err != nil {
		t.Fatal(err)
	}
	if before.keyID != after.keyID {
		t.Errorf("key %s became %s", before.keyID, after.keyID)
	}
	if info, err := os.Stat(filepath.Join(dir, "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info.Mode(), err)
	}
}
