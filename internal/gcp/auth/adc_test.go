package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// Application Default Credentials are found through the environment, which belongs to the whole process: these tests are not
// parallel.

const audience = "https://runtime.example.test"

// tokenEndpoint answers as Google's does, to a person's refresh token and to a key's signed assertion.
func tokenEndpoint(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"access_token": "of-" + r.FormValue("refresh_token"), "token_type": "Bearer", "expires_in": 3600}
		switch r.FormValue("grant_type") {
		case "refresh_token":
			if r.FormValue("refresh_token") == "revoked" {
				w.WriteHeader(http.StatusBadRequest)
				answer = map[string]any{"error": "invalid_grant"}
			}
		case "urn:ietf:params:oauth:grant-type:jwt-bearer":
			raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(r.FormValue("assertion"), ".")[1])
			var claims struct {
				Issuer   string `json:"iss"`
				Audience string `json:"target_audience"`
			}
			_ = json.Unmarshal(raw, &claims)
			answer["access_token"] = "of-" + claims.Issuer
			if claims.Audience != "" {
				answer = map[string]any{"id_token": idToken(time.Now().Add(time.Hour)), "for": claims.Audience}
			}
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// useCredentials makes a file the Application Default Credentials.
func useCredentials(t *testing.T, file map[string]string) {
	t.Helper()
	raw, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "adc.json")
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", at)
	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "")
}

func person(endpoint, refresh string) map[string]string {
	return map[string]string{
		"type": "authorized_user", "client_id": "id", "client_secret": "s", "refresh_token": refresh, "token_uri": endpoint,
		"quota_project_id": "feel-august-quota",
	}
}

func wantToken(t *testing.T, c Config, want string) {
	t.Helper()
	ts, err := TokenSource(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := ts.Token(); err != nil || token.AccessToken != want {
		t.Errorf("got %v, %v; want %s", token, err, want)
	}
}

func wantQuota(t *testing.T, c Config, want string) {
	t.Helper()
	if got, err := QuotaProject(t.Context(), c); err != nil || got != want {
		t.Errorf("quota project %q, %v; want %q", got, err, want)
	}
}

func TestADC_person(t *testing.T) {
	useCredentials(t, person(tokenEndpoint(t), "refresh"))
	wantToken(t, Config{}, "of-refresh")
	wantQuota(t, Config{}, "feel-august-quota")
	if _, err := IDTokenSource(t.Context(), Config{}, audience); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("an ID token of a person: %v", err)
	}

	// As a service account: the person's project is for the call that makes the token, and for nothing else.
	url, asked := iam(t)
	c := Config{Impersonate: account, IAMCredentials: url}
	wantToken(t, c, "impersonated")
	wantQuota(t, c, "")
	if len(*asked) != 1 || !strings.Contains((*asked)[0], "Bearer of-refresh ") || !strings.HasSuffix((*asked)[0], " feel-august-quota") {
		t.Errorf("asked %q", *asked)
	}

	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "feel-august-other")
	wantQuota(t, Config{}, "feel-august-other")
	wantQuota(t, Config{AccessToken: "given"}, "")
}

func TestADC_revoked(t *testing.T) {
	useCredentials(t, person(tokenEndpoint(t), "revoked"))
	ts, err := TokenSource(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ts.Token(); gcp.KindOf(err) != gcp.Denied {
		t.Errorf("got %v, want what says that access is denied", err)
	}
}

func TestADC_serviceAccountKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	useCredentials(t, map[string]string{
		"type": "service_account", "client_email": account, "private_key_id": "1", "token_uri": tokenEndpoint(t),
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	wantToken(t, Config{}, "of-"+account)
	wantQuota(t, Config{}, "")
	wantIDToken(t)
}

func TestADC_metadataServer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		switch strings.TrimPrefix(r.URL.Path, "/computeMetadata/v1/instance/service-accounts/default/") {
		case "token":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"of-the-machine","expires_in":3600,"token_type":"Bearer"}`))
		case "identity":
			if r.URL.Query().Get("audience") != audience || r.URL.Query().Get("format") != "full" {
				t.Errorf("asked for %s: without the full format, the token names nobody", r.URL.RawQuery)
			}
			_, _ = w.Write([]byte(idToken(time.Now().Add(time.Hour))))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(srv.URL, "http://"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("CLOUDSDK_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	wantToken(t, Config{}, "of-the-machine")
	wantQuota(t, Config{}, "")
	wantIDToken(t)
}

func wantIDToken(t *testing.T) {
	t.Helper()
	ts, err := IDTokenSource(t.Context(), Config{}, audience)
	if err != nil {
		t.Fatal(err)
	}
	token, err := ts.Token()
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := ReadIDToken(token.AccessToken); err != nil || claims.Email != account {
		t.Errorf("got %+v, %v", claims, err)
	}
}
