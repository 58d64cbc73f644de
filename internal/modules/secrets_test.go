package modules

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/pubsub"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/secrets"
	"github.com/feel-august/terraform-provider-august/provider"
)

// The module secrets as it is, by both providers, on the local cloud: what is applied is found again, and a rotation that was
// scheduled once is not put off by the applies after it.
func TestHashicorpGoogleSecretsApplied(t *testing.T) {
	t.Parallel()
	plugins := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link(t, self, filepath.Join(plugins, augustProgram))
	url := serveSecrets(t)
	g := conformance.NewGoogle(t, conformance.Setup{Project: "august-test", Region: "us-central1",
		Endpoints: map[string]string{"pubsub_custom_endpoint": url + "/v1/", "secret_manager_custom_endpoint": url + "/v1/"},
		Beside:    map[string]string{provider.Address: plugins}})
	for file, body := range texts(t, repository+"/modules/secrets/*.tf") {
		if name := filepath.Base(file); name != "versions.tf" { // provider.tf says what is required
			g.Write(name, body)
		}
	}
	g.Write("august.tf", `
provider "august" {
  project      = "august-test"
  access_token = "fake"

  endpoints = {
    secret_manager = "`+url+`"
  }
}
`)
	config := func(days, token string) {
		g.Write("terraform.tfvars", `
project             = "august-test"
project_number      = "123456789012"
deletion_protection = false

secrets = {
  drchrono-oauth = { rotation_days = `+days+`, accessors = { sync = "serviceAccount:august-sync@august-test.iam.gserviceaccount.com" } }
  coda-token     = { managed = true, accessors = { sync = "serviceAccount:august-sync@august-test.iam.gserviceaccount.com" } }
}

values = { coda-token = "`+token+`" }
`)
	}
	config("90", "one")
	g.Apply()
	g.Settled("create")
	config("30", "two")
	g.Apply()
	g.Settled("a rotation")
	g.Destroy()
}

// serveSecrets serves Secret Manager and Pub/Sub, and answers where.
func serveSecrets(t *testing.T) string {
	t.Helper()
	vault, err := secrets.New(secrets.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	topics, err := pubsub.New(pubsub.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	vault.Register(mux)
	topics.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := topics.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}
