package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/pubsub"
)

// called is a call that a server got.
type called struct{ what, agent, project, token string }

// callEverybody makes a call with every client there is, and returns what the server got, by a word of its path.
func callEverybody(t *testing.T, m providerModel) map[string]called {
	t.Helper()
	var mu sync.Mutex
	calls := map[string]called{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got := called{r.Method + " " + r.URL.Path, r.UserAgent(), r.Header.Get("X-Goog-User-Project"), r.Header.Get("Authorization")}
		for _, word := range []string{"instances", "services", "secrets", "timeSeries", "topics", "evidence", "generateAccessToken", "generateIdToken", "manifests", "info", "oauth"} {
			if strings.Contains(r.URL.Path, word) {
				calls[word] = got
			}
		}
		answer := map[string]any{}
		switch {
		case strings.Contains(r.URL.Path, "generateIdToken"):
			answer["token"] = fakeIDToken
		case strings.Contains(r.URL.Path, "generateAccessToken"):
			answer["accessToken"], answer["expireTime"] = "impersonated", "2100-01-01T00:00:00Z"
		case strings.Contains(r.URL.Path, "oauth"):
			w.Header().Set("Content-Type", "application/json")
			answer["access_token"], answer["token_type"], answer["expires_in"] = "of-a-person", "Bearer", 3600
		case r.URL.Path == "/v2/":
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	credentials, err := json.Marshal(map[string]string{
		"type": "authorized_user", "client_id": "id", "client_secret": "s", "refresh_token": "r", "token_uri": server.URL + "/oauth", "quota_project_id": "feel-august-quota",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "adc.json")
	if err := os.WriteFile(file, credentials, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "")

	at := types.StringValue(server.URL)
	m.Endpoints = &endpointsModel{at, at, at, at, at, at, at, at}
	c := &clients{userAgent: userAgent("1.2.3", "1.11.4")}
	c.configure(m)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sql, err := c.CloudSQL(ctx)
	must(err)
	_, _ = sql.Get(ctx, accProject, "platform") // everything is not found
	run, err := c.CloudRun(ctx)
	must(err)
	_, _ = run.Projects.Locations.Services.Get("projects/p/locations/l/services/s").Do()
	secrets, err := c.Secrets(ctx)
	must(err)
	_, _ = secrets.Projects.Secrets.Get("projects/p/secrets/s").Do()
	metrics, err := c.Monitoring(ctx)
	must(err)
	_, _ = metrics.ReplicaLag(ctx, accProject, []string{"platform"})
	queue, err := c.PubSub(ctx)
	must(err)
	_, _ = queue.Check(ctx, pubsub.Ref{Kind: pubsub.Topic, Project: "p", Name: "t"}, pubsub.Ref{})
	exports, err := c.Bucket(ctx, "gs://exports")
	must(err)
	_, _ = exports.Open(ctx, "evidence")
	registry, err := c.Registry(ctx)
	must(err)
	_, _ = registry.Exists(ctx, strings.TrimPrefix(server.URL, "http://")+"/r/i@sha256:"+strings.Repeat("0", 64))
	if runtime, err := c.Runtime(ctx, server.URL, "audience"); err == nil {
		_, _ = runtime.WithPatience(0).Info(ctx)
	}
	return calls
}

// Credentials belong to the whole process, so these are not parallel.

// Everybody hears who calls. A person's calls to Google name the project that they count against, and nobody else's.
func TestClients_callAsAPerson(t *testing.T) {
	calls := callEverybody(t, providerModel{})
	for _, word := range []string{"instances", "services", "secrets", "timeSeries", "topics", "evidence", "manifests"} {
		got := calls[word]
		if got.agent != "terraform-provider-august/1.2.3 Terraform/1.11.4" {
			t.Errorf("%s: %+v: another user agent", word, got)
		}
		google := word != "manifests"
		if want := map[bool]string{true: "feel-august-quota"}[google]; got.project != want {
			t.Errorf("%s: %+v, want the project %q", word, got, want)
		}
		if want := map[bool]string{true: "Bearer of-a-person"}[google]; got.token != want {
			t.Errorf("%s: %+v, want the token %q", word, got, want)
		}
	}
	if got, is := calls["info"]; is {
		t.Errorf("a person has no ID token, and yet %+v", got)
	}
}

func TestClients_callAsAnAccount(t *testing.T) {
	calls := callEverybody(t, providerModel{ImpersonateServiceAccount: types.StringValue("terraform@feel-august-platform.iam.gserviceaccount.com")})
	for _, word := range []string{"instances", "services", "secrets", "timeSeries", "topics", "evidence", "manifests", "info", "generateAccessToken", "generateIdToken"} {
		got, is := calls[word]
		if !is || got.agent != "terraform-provider-august/1.2.3 Terraform/1.11.4" {
			t.Errorf("%s: %+v: another user agent", word, got)
		}
		signing := strings.HasPrefix(word, "generate")
		if want := map[bool]string{true: "feel-august-quota"}[signing]; got.project != want {
			t.Errorf("%s: %+v, want the project %q", word, got, want)
		}
		want := map[string]string{"manifests": "", "info": "Bearer " + fakeIDToken, "generateAccessToken": "Bearer of-a-person", "generateIdToken": "Bearer of-a-person"}
		if token, special := want[word]; special && got.token != token || !special && got.token != "Bearer impersonated" {
			t.Errorf("%s: %+v: another token", word, got)
		}
	}
}
