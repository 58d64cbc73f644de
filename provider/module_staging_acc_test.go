package provider

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// Production's module makes the bucket and publishes, staging's takes in: all of it for real, but for what keeps the two
// apart at Google (policies of the organisation, firewall rules), which the local cloud does not have.
func TestAccHashicorpGoogle_moduleStaging(t *testing.T) {
	t.Parallel()
	const name = "module-staging"
	cloud := localtest.Shared(t)
	g := googleBeside(t, map[string]string{
		"sql_custom_endpoint":            cloud.Endpoints.CloudSQL + "sql/v1beta4/",
		"storage_custom_endpoint":        cloud.Endpoints.Storage + "storage/v1/",
		"secret_manager_custom_endpoint": cloud.Endpoints.SecretManager + "v1/",
	})
	modules, err := filepath.Abs("../modules")
	if err != nil {
		t.Fatal(err)
	}
	r := &runtimeRig{t: t, cloud: cloud, name: "rt-" + name}
	image := pushedImage(t, cloud, "august-sync", localtest.Runtime(t))
	runtime := strings.Replace(r.resource(image, ""), `name            = "august"`, `name            = "`+name+`"`, 1)
	g.Write("runtime.tf", runtime)

	inStaging := strings.NewReplacer(`provider "august" {`, "provider \"august\" {\n  alias = \"staging\"", accProject, localtest.Staging).Replace(providerBlock(cloud))
	declare := func(anonymization, staging string) {
		g.Write("main.tf", providerBlock(cloud)+inStaging+fmt.Sprintf(`
module "policy" {
  source      = "%[4]s/staging/policy"
  attestation = { by = "Privacy Officer", expires = "2099-12-31" }
}

resource "google_sql_database" "this" {
  for_each = toset([%[1]q, %[2]q])
  project  = each.value
  instance = "platform"
  name     = %[3]q
}

module "source" {
  source              = "%[4]s/staging/source"
  project             = %[1]q
  region              = %[5]q
  name                = "%[1]s-module"
  location            = %[5]q
  service_account     = %[6]q
  deletion_protection = false
  planners            = { terraform = %[7]q }
  staging = {
    project = %[2]q
    readers = { import = %[8]q }
  }
  %[9]s
}
%[10]s
`, accProject, localtest.Staging, name, modules, localtest.Region, localcloud.ServiceAccount("august-sync", accProject),
			localcloud.ServiceAccount("terraform", accProject), localcloud.ServiceAccount("august-sync", localtest.Staging), anonymization, staging))
	}
	get := func() {
		if out, code := g.Terraform("get"); code != 0 {
			t.Fatalf("get: %s", out)
		}
	}
	const database = `{ name = "module-staging", user = "august-sync", password_secret = "august-db-password", direct = true }`

	declare("", "")
	get()
	g.Apply()
	g.Settled("the bucket")

	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	h := &handover{t: t, cloud: cloud}
	for project, at := range map[string]*string{accProject: &h.source, localtest.Staging: &h.target} {
		instance, err := sql.Instances.Get(project, "platform").Do()
		if err != nil {
			t.Fatal(err)
		}
		*at = strings.Replace(databaseOf(instance, secretOf(t, cloud, project, "august-db-password")), "dbname=august", "dbname="+name, 1)
	}
	h.query(h.source, `insert into drchrono.patients (id, first_name, last_name, email, cell_phone, date_of_birth, zip_code, raw, content_hash, observed_at)
		select n, 'Zebediah' || n, 'Quillfeather' || n, 'zebediah' || n || '@clinic.test', '(312) 867-53' || n, date '1950-02-03' + n::int, '60601', '{"first_name":"Zebediah"}', '\x00', now()
		from generate_series(10, 49) n`)

	declare(fmt.Sprintf(`anonymization = {
    image              = %q
    endpoint           = august_sync_runtime.test.uri
    audience           = august_sync_runtime.test.audience
    database           = merge({ instance = "platform" }, %s)
    signing_key_secret = "anonymization-signing-key"
    memory             = "512Mi"
    policy             = module.policy.policy
    triggers           = { refresh = "2027-01" }
  }`, image, database), fmt.Sprintf(`
module "staging" {
  source                = "%[1]s/staging"
  providers             = { august = august.staging, google = google }
  project               = %[2]q
  region                = %[3]q
  production            = { project = %[4]q }
  organization_policies = false
  services              = []
  database = {
    project         = %[2]q
    instance        = "platform"
    connection_name = "%[2]s:%[3]s:platform"
    environment     = "staging"
  }
  dataset = {
    image           = %[5]q
    service_account = %[6]q
    bucket          = module.source.source.bucket
    public_key      = module.source.source.public_key
    export          = module.source.source.export
    memory          = "512Mi"
    database        = %[7]s
  }
}

output "verdict" { value = module.source.evidence.verdict }
output "rows" { value = module.staging.staging.dataset.rows }
`, modules, localtest.Staging, localtest.Region, accProject, image, localcloud.ServiceAccount("august-sync", localtest.Staging), database))
	get()
	g.Apply()
	g.Settled("the handover")
	if out, _ := g.Terraform("output", "-raw", "verdict"); !strings.Contains(out, "passed") {
		t.Errorf("the verdict is %s", out)
	}
	h.staged(nil)
	g.Destroy()
}
