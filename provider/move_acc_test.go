package provider

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// A service and a secret that hashicorp/google has made become ours in one apply, without being made anew: the service keeps its
// identity and its address, the secret its version.
func TestAccHashicorpGoogle_moved(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-moved")
	s := newSecretRig(t, "acc-secret-moved")
	g := googleBeside(t, map[string]string{
		"cloud_run_v2_custom_endpoint": r.cloud.Endpoints.CloudRun + "v2/", "secret_manager_custom_endpoint": r.cloud.Endpoints.SecretManager + "v1/",
	})
	value := secretValue(t, r.cloud, "drchrono-oauth")
	g.Write("main.tf", providerBlock(r.cloud)+fmt.Sprintf(`
resource "google_secret_manager_secret" "oauth" {
  secret_id           = %q
  deletion_protection = false
  replication {
    auto {}
  }
}
resource "google_secret_manager_secret_version" "oauth" {
  secret      = google_secret_manager_secret.oauth.id
  secret_data = %q
}
resource "google_cloud_run_v2_service" "sync" {
  name                = %q
  location            = %q
  deletion_protection = false
  depends_on          = [google_secret_manager_secret_version.oauth]
  template {
    service_account = %q
    containers {
      image = %q
%s    }
  }
}
`, s.name, value, r.name, localtest.Region, localcloud.ServiceAccount("august-sync", accProject), r.image, r.environment(s.name)))
	g.Apply()
	g.Settled("hashicorp/google has made them")
	before := r.get()

	ours := strings.Replace(r.resource(r.image, ""), `"drchrono-oauth"`, "august_secret.test.reference", 1) + strings.TrimPrefix(s.config(value, ""), providerBlock(r.cloud))
	g.Write("main.tf", providerBlock(r.cloud)+ours+`
moved {
  from = google_cloud_run_v2_service.sync
  to   = august_sync_runtime.test
}
moved {
  from = google_secret_manager_secret.oauth
  to   = august_secret.test
}
removed {
  from = google_secret_manager_secret_version.oauth
  lifecycle { destroy = false }
}
`)
	if out, _ := g.Terraform("plan"); !strings.Contains(out, "0 to add") || !strings.Contains(out, "0 to destroy") {
		t.Fatalf("the plan is not to move them alone: %s", out)
	}
	g.Apply()
	g.Settled("the move")
	if after := r.get(); after.Uid != before.Uid || after.Uri != before.Uri {
		t.Errorf("the service %s at %s has become %s at %s", before.Uid, before.Uri, after.Uid, after.Uri)
	}
	if states := s.states(); states != "1 enabled" {
		t.Errorf("the secret's versions are now %s", states)
	}
	g.Destroy()
	r.gone()
}

// environment is what the runtime needs, as somebody writes it for hashicorp/google.
func (r *runtimeRig) environment(oauth string) string {
	r.t.Helper()
	sql, err := sqladmin.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
	instance, err := sql.Instances.Get(accProject, "platform").Do()
	if err != nil {
		r.t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range [][2]string{
		{envDatabaseInstance, instance.ConnectionName}, {envDatabaseName, "august"}, {envDatabaseUser, "august-sync"}, {envDatabasePoolMax, "4"},
		{envDatabaseHost, cloudsql.Address(instance)}, {envDatabasePort, "5432"}, {envDrChronoURL, r.cloud.Endpoints.DrChrono},
		{envControlAudience, strings.Join([]string{"august-sync", accProject, localtest.Region, r.name}, ":")},
		{envControlCallers, localcloud.ServiceAccount("terraform", accProject)}, {envIssuer, r.cloud.Endpoints.OIDCIssuer},
	} {
		fmt.Fprintf(&all, "      env {\n        name  = %q\n        value = %q\n      }\n", e[0], e[1])
	}
	for _, e := range [][2]string{{envDatabasePassword, "august-db-password"}, {envDrChronoOAuth, oauth}} {
		fmt.Fprintf(&all, "      env {\n        name = %q\n        value_source {\n          secret_key_ref {\n            secret  = %q\n            version = \"latest\"\n          }\n        }\n      }\n", e[0], e[1])
	}
	return all.String()
}
