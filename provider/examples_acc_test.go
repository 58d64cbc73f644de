package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// What the documentation shows is applied as it is printed: on a local cloud, which a file beside it names, as Google's addresses
// are named nowhere either. The second plan is empty, everything is imported again in every way that is shown, and destroyed.

// onThisMachine overrides what in the examples is an address: Terraform lays a file of this name over the others. The local cloud
// is reached directly, without the Cloud SQL connector.
func onThisMachine(c *localtest.Cloud) string {
	return fmt.Sprintf(`
resource "august_runtime_image" "sync" {
  repository = "%s/feel-august-platform/august/august-sync"
}

resource "august_secret" "coda" {
  deletion_protection = false
}

resource "august_sync_runtime" "sync" {
  database = {
    instance        = august_cloudsql_ha_policy.platform.instance
    name            = "august"
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
    pool_max        = 4
  }
  drchrono = {
    url            = %q
    oauth_secret   = "drchrono-oauth"
    webhook_secret = "drchrono-webhook"
  }
  coda = {
    url            = %q
    token_secret   = august_secret.coda.reference
    writes_per_10s = 2
  }
  control = {
    allowed_callers = ["terraform@feel-august-platform.iam.gserviceaccount.com"]
    issuer          = %q
  }
}

resource "august_staging_anonymization" "staging" {
  policy = local.anonymization_policy # the whole of it
  database = {
    instance        = august_cloudsql_ha_policy.platform.instance
    name            = "august"
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
  }
}

resource "august_staging_dataset" "clinic" {
  database = {
    instance        = "platform"
    name            = "clinic"
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
  }
}
`, c.Endpoints.Registry, c.Endpoints.DrChrono, c.Endpoints.Coda, c.Endpoints.OIDCIssuer)
}

// notRead is what an import cannot bring back, as it is in configurations and nowhere else: rules that set nothing, and Terraform's
// own protection; and what a drill measured, so that the drill is run again.
var notRead = map[string]string{
	"august_secret.coda":                 "deletion_protection",
	"august_sync_runtime.sync":           "rollout",
	"august_cloudsql_ha_policy.platform": "low_traffic_hours",
	"august_recovery_drill.restore":      "", // everything

	"august_staging_anonymization.staging": "audience endpoint", // where it was planned from
}

func TestAccExamples(t *testing.T) {
	t.Parallel()
	cloud := localtest.Start(t) // the drills take its database away
	env := slices.DeleteFunc(cloud.ProjectEnviron(accProject), func(kv string) bool { return strings.HasPrefix(kv, "AUGUST_IMPERSONATE") })
	tf := newCLI(t, append(env, "TF_VAR_coda_token="+secretValue(t, cloud, "coda-token"))...)
	removeSecret(t, cloud, "coda-token") // which the example makes
	copyExample(t, tf.dir, "../examples/provider/provider.tf", "provider.tf")
	for pattern, file := range map[string]string{"../examples/resources/*": "resource.tf", "../examples/data-sources/*": "data-source.tf"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil || len(dirs) == 0 {
			t.Fatalf("no examples in %s: %v", pattern, err)
		}
		for _, dir := range dirs {
			copyExample(t, tf.dir, filepath.Join(dir, file), strings.TrimSuffix(file, ".tf")+"_"+filepath.Base(dir)+".tf")
		}
	}
	copyExample(t, tf.dir, "../modules/staging/policy/rules.tf", "policy.tf")
	tf.write("machine_override.tf", onThisMachine(cloud))
	makeBucket(t, cloud, "feel-august-audit")
	tf.apply()
	tf.changes(nil)
	if *writeStates != "" {
		tf.saveStates(*writeStates, cloud.Endpoints.Registry)
	}

	live := tf.placeholders()
	tf.withoutDataSources(t) // they are not imported, and each plan would ask them anew
	tf.importsByCommand(t, live)
	tf.importsByBlock(t, live)
	sameHowever(t, cloud, live)
	waitForHead(t, cloud, "gs://feel-august-audit/production")
	tf.destroyed()

	tf.tests(t, cloud)

	functions, err := filepath.Glob("../examples/functions/*")
	if err != nil || len(functions) == 0 {
		t.Fatalf("no examples of functions: %v", err)
	}
	for _, dir := range functions {
		of := tf.beside()
		of.write("versions.tf", requireAugust)
		copyExample(t, of.dir, filepath.Join(dir, "function.tf"), "function.tf")
		of.apply()
		of.changes(nil)
		of.destroyed()
	}
}

// withoutDataSources takes the examples of data sources out of the configuration.
func (c *cli) withoutDataSources(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "data-source_*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no data sources in %s: %v", c.dir, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// tests runs the tests of the demo's configuration: those that need no cloud, and then the others.
func (c *cli) tests(t *testing.T, cloud *localtest.Cloud) {
	t.Helper()
	demo := c.beside()
	copyLocalExample(t, demo)
	e := cloud.Endpoints
	demo.env = append(slices.Clone(demo.env), "TF_WORKSPACE=staging", "AUGUST_PROJECT="+localtest.Staging, "TF_VAR_registry="+e.Registry,
		"TF_VAR_drchrono_url="+e.DrChrono, "TF_VAR_coda_url="+e.Coda, "TF_VAR_oidc_issuer="+e.OIDCIssuer)
	for _, dir := range []string{"tests", "tests/cloud"} {
		out := demo.must("test", "-no-color", "-test-directory="+dir)
		if !strings.Contains(out, "Success!") || !strings.Contains(out, " 0 failed") || strings.Contains(out, " 0 passed") {
			t.Errorf("%s:\n%s", dir, out)
		}
	}
}

// changes holds a plan to changing nothing but these attributes of each of these resources; none stands for any.
func (c *cli) changes(allowed map[string]string) {
	c.t.Helper()
	for address, attributes := range c.planned() {
		only, ok := allowed[address]
		if len(attributes) == 0 || strings.HasPrefix(address, "data.") || ok && (only == "" || strings.Join(attributes, " ") == only) {
			continue
		}
		c.t.Errorf("the plan changes %q of %s:\n%s", attributes, address, c.output("show", "-no-color", "plan.bin"))
	}
}

// placeholders is what the examples of imports cannot know, and what it is here.
func (c *cli) placeholders() *strings.Replacer {
	c.t.Helper()
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(c.output("output", "-json")), &outputs); err != nil {
		c.t.Fatal(err)
	}
	uri, _ := outputs["uri"].Value.(string)
	image, _ := outputs["image"].Value.(string)
	at, digest, ok := strings.Cut(image, "@")
	if !ok || uri == "" {
		c.t.Fatalf("outputs: %v", outputs)
	}
	return strings.NewReplacer("https://august-sync-abcdefghij-uc.a.run.app", uri,
		"us-central1-docker.pkg.dev/feel-august-platform/august/august-sync", at,
		"sha256:"+strings.Repeat("0123456789abcdef", 4), digest)
}

// shown is the text of an example's file of every resource, with what it cannot know filled in.
func shown(t *testing.T, file string, live *strings.Replacer) map[string]string {
	t.Helper()
	dirs, err := filepath.Glob("../examples/resources/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no examples of resources: %v", err)
	}
	texts := map[string]string{}
	for _, dir := range dirs {
		body, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(dir)] = live.Replace(string(body))
	}
	return texts
}

var importLine = regexp.MustCompile(`(?m)^terraform import (\S+) '?([^'\s]+)'?$`)

// importsByCommand runs the first line of every import.sh; sameHowever has the others.
func (c *cli) importsByCommand(t *testing.T, live *strings.Replacer) {
	t.Helper()
	ids := map[string]string{}
	for name, text := range shown(t, "import.sh", live) {
		line := importLine.FindStringSubmatch(text)
		if line == nil {
			t.Fatalf("no import in the import.sh of %s", name)
		}
		ids[line[1]] = line[2]
	}
	c.must(append([]string{"state", "rm"}, slices.Collect(maps.Keys(ids))...)...)
	for address, id := range ids {
		c.must("import", "-input=false", "-no-color", address, id)
	}
	c.changes(notRead)
}

// importsByBlock imports everything at once, as the blocks say.
func (c *cli) importsByBlock(t *testing.T, live *strings.Replacer) {
	t.Helper()
	to := regexp.MustCompile(`(?m)^\s*to = (\S+)$`)
	var addresses []string
	changed := 0
	for name, text := range shown(t, "import-by-string-id.tf", live) {
		address := to.FindStringSubmatch(text)
		if address == nil {
			t.Fatalf("the import of %s has no address:\n%s", name, text)
		}
		only, partly := notRead[address[1]]
		if partly && only == "" {
			continue // running it takes a while
		}
		if partly {
			changed++
		}
		c.write("import_"+name+".tf", text)
		addresses = append(addresses, address[1])
	}
	c.must(append([]string{"state", "rm"}, addresses...)...)
	out := c.apply("-target=august_index.open_claims", "-target=august_sync_pipeline.billing", "-target=august_sync_pipeline.labs", "-target=august_staging_dataset.clinic")
	if want := fmt.Sprintf("%d imported, 0 added, %d changed, 0 destroyed", len(addresses), changed); !strings.Contains(out, want) {
		t.Errorf("want %s:\n%s", want, out)
	}
}

// sameHowever imports in each form of an id, and by identity, for which Terraform before 1.12 has no block, and holds what comes of it to
// what comes of the id whose plan is known to be empty.
func sameHowever(t *testing.T, cloud *localtest.Cloud, live *strings.Replacer) {
	t.Helper()
	p := newProtocol(t)
	e := cloud.Endpoints
	noErrors(t, p.configure(map[string]any{
		"project": accProject, "region": localtest.Region, "access_token": "local",
		"impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints": map[string]any{
			"cloud_sql": e.CloudSQL, "cloud_run": e.CloudRun, "secret_manager": e.SecretManager,
			"iam_credentials": e.IAMCredentials, "monitoring": e.Monitoring, "logging": e.Logging, "storage": e.Storage, "pubsub": e.PubSub,
		},
	}))
	ids := shown(t, "import-by-string-id.tf", live)
	part := regexp.MustCompile(`(?m)^ {4}(\w+) *= "(.*)"$`)
	id := regexp.MustCompile(`(?m)^\s*id = "(.*)"$`)
	commands := shown(t, "import.sh", live)
	for name, text := range shown(t, "import-by-identity.tf", live) {
		identity := map[string]any{}
		for _, found := range part.FindAllStringSubmatch(text, -1) {
			identity[found[1]] = found[2]
		}
		byID, diags := p.importByID(name, id.FindStringSubmatch(ids[name])[1])
		p.noDiagnostics(name+" by id", diags)
		same := func(form string, other tftypes.Value, diags []*tfprotov6.Diagnostic) {
			p.noDiagnostics(name+" by "+form, diags)
			if differ, err := byID.Diff(still(t, other, byID)); err != nil || len(differ) > 0 || byID.IsNull() {
				t.Errorf("%s: by id and by %s differ: %v, %v", name, form, differ, err)
			}
		}
		byIdentity, _, diags := p.importByIdentity(name, identity)
		same("identity", byIdentity, diags)
		for _, line := range importLine.FindAllStringSubmatch(commands[name], -1) {
			other, diags := p.importByID(name, line[2])
			same(line[2], other, diags)
		}
	}
}

// still is a state with the times of another, which go by between two looks.
func still(t *testing.T, state, other tftypes.Value) tftypes.Value {
	t.Helper()
	attributes, from := object(t, state), object(t, other)
	for _, name := range []string{"earliest_recovery_time", "latest_recovery_time"} {
		if _, ok := attributes[name]; ok {
			attributes[name] = from[name]
		}
	}
	return tftypes.NewValue(state.Type(), attributes)
}

func (p *protocol) importByID(resource, id string) (tftypes.Value, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	resp, err := p.server.ImportResourceState(p.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: resource, ID: id})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(resp.Diagnostics) > 0 || len(resp.ImportedResources) != 1 {
		return tftypes.NewValue(p.typeOf(resource), nil), resp.Diagnostics
	}
	imported := resp.ImportedResources[0]
	read, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: resource, CurrentState: imported.State, Private: imported.Private, CurrentIdentity: imported.Identity,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.open(resource, read.NewState), read.Diagnostics
}

// makeBucket makes a bucket of production's, as the configuration of the audit trail's own project would.
func makeBucket(t *testing.T, cloud *localtest.Cloud, name string) {
	t.Helper()
	api, err := storage.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.Storage+"storage/v1/"), option.WithoutAuthentication())
	if err == nil {
		_, err = api.Buckets.Insert(accProject, &storage.Bucket{Name: name}).Do()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// waitForHead waits until the runtime has written a head of its audit trail.
func waitForHead(t *testing.T, cloud *localtest.Cloud, address string) {
	t.Helper()
	b, err := bucket.Open(t.Context(), address, bucket.Options{Endpoint: cloud.Endpoints.Storage})
	if err != nil {
		t.Fatal(err)
	}
	for range 300 { // it is there long since, but on a machine that stands still
		for name, err := range b.List(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			if name != "" {
				return
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Error("no head of the audit trail is in " + address)
}
