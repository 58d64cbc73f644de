package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// handover is a production and a staging of their own: each a database on its project's instance, and a folder of Terraform's.
type handover struct {
	t                   *testing.T
	cloud               *localtest.Cloud
	image               string
	production, staging *cli
	source, target      string // how the databases are reached
	bucket              string
}

const handoverName = "handover"

func newHandover(t *testing.T) *handover {
	t.Helper()
	cloud := localtest.Shared(t)
	h := &handover{t: t, cloud: cloud, image: pushedImage(t, cloud, "august-sync", localtest.Runtime(t)), bucket: "gs://feel-august-anonymised/" + handoverName}
	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	in := func(project string) (*cli, string) {
		operation, err := sql.Databases.Insert(project, "platform", &sqladmin.Database{Name: handoverName}).Do()
		for err == nil && operation.Status != "DONE" {
			operation, err = sql.Operations.Get(project, operation.Name).Do()
		}
		if err != nil {
			t.Fatal(err)
		}
		instance, err := sql.Instances.Get(project, "platform").Do()
		if err != nil {
			t.Fatal(err)
		}
		tf := newCLI(t, cloud.ProjectEnviron(project)...)
		tf.write("versions.tf", requireAugust)
		return tf, strings.Replace(databaseOf(instance, secretOf(t, cloud, project, "august-db-password")), "dbname=august", "dbname="+handoverName, 1)
	}
	h.production, h.source = in(localtest.Production)
	h.staging, h.target = in(localtest.Staging)
	policy, err := os.ReadFile("../modules/staging/policy/rules.tf")
	if err != nil {
		t.Fatal(err)
	}
	h.production.write("policy.tf", string(policy))
	return h
}

// database is the part of a configuration that names the database of either side.
const handoverDatabase = `
  database = {
    instance        = "platform"
    name            = "handover"
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
  }
`

// runtime is production's, of which nothing but the control API is used.
func (h *handover) runtime() string {
	r := &runtimeRig{t: h.t, cloud: h.cloud, name: "rt-" + handoverName}
	return strings.Replace(r.resource(h.image, ""), `name            = "august"`, `name            = "handover"`, 1)
}

// export is production's half, with a policy and more attributes.
func (h *handover) export(policy, more string) string {
	return fmt.Sprintf(`
resource "august_staging_anonymization" "clinic" {
  name               = "export-handover"
  image              = %q
  service_account    = "august-sync@feel-august-platform.iam.gserviceaccount.com"
  endpoint           = august_sync_runtime.test.uri
  audience           = august_sync_runtime.test.audience
  bucket             = %q
  signing_key_secret = "anonymization-signing-key"
  memory             = "512Mi"
  policy             = %s
  %s
  %s
}
`, h.image, h.bucket, policy, handoverDatabase, more)
}

// dataset is staging's half, which trusts a key.
func (h *handover) dataset(key, more string) string {
	return fmt.Sprintf(`
resource "august_staging_dataset" "clinic" {
  name            = "import-handover"
  image           = %q
  service_account = "august-sync@feel-august-platform-staging.iam.gserviceaccount.com"
  bucket          = %q
  public_key      = %q
  %s
  %s
}
`, h.image, h.bucket, key, handoverDatabase, more)
}

// held is what the state holds of one of either half, without the policy, which is long.
func (c *cli) held(kind string) map[string]any {
	c.t.Helper()
	body, err := os.ReadFile(filepath.Join(c.dir, "terraform.tfstate"))
	if err != nil {
		c.t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Type      string
			Instances []struct{ Attributes map[string]any }
		}
	}
	if err := json.Unmarshal(body, &state); err != nil {
		c.t.Fatal(err)
	}
	for _, r := range state.Resources {
		if r.Type == kind {
			delete(r.Instances[0].Attributes, "policy")
			return r.Instances[0].Attributes
		}
	}
	c.t.Fatalf("the state holds no %s", kind)
	return nil
}

// refused is what a command that has to fail says.
func (c *cli) refused(args ...string) string {
	c.t.Helper()
	out, err := c.run(append(args, "-no-color", "-input=false")...)
	if err == nil {
		c.t.Fatalf("%s went through:\n%s", strings.Join(args, " "), out)
	}
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(out)), " ")
}

func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

func (h *handover) query(at, sql string, to ...any) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if len(to) == 0 {
		_, err = conn.Exec(ctx, sql)
	} else {
		err = conn.QueryRow(ctx, sql).Scan(to...)
	}
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

// published are the exports in the bucket.
func (h *handover) published() []string {
	h.t.Helper()
	var all []string
	for name, err := range h.objects().List(h.t.Context(), "manifests", "") {
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, strings.TrimSuffix(name, ".json"))
	}
	return all
}

func (h *handover) objects() bucket.Bucket {
	h.t.Helper()
	b, err := bucket.Open(h.t.Context(), h.bucket, bucket.Options{Endpoint: strings.TrimSuffix(h.cloud.Endpoints.Storage, "/")})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// The whole way: production → bucket → staging, in two projects that share nothing but the bucket; and what happens on the way when
// production changes, when somebody meddles, and at the end. What a plan says of a bucket is in TestStagingDataset_plan, and imports are
// in TestAccExamples.
func TestAccStaging_handover(t *testing.T) {
	t.Parallel()
	h := newHandover(t)
	production, staging := h.production, h.staging
	production.write("runtime.tf", h.runtime())
	production.apply()
	h.query(h.source, `insert into drchrono.patients (id, first_name, last_name, email, cell_phone, date_of_birth, zip_code, raw, content_hash, observed_at)
		select n, 'Zebediah' || n, 'Quillfeather' || n, 'zebediah' || n || '@clinic.test', '(312) 867-53' || n, date '1950-02-03' + n::int, '60601', '{"first_name":"Zebediah"}', '\x00', now()
		from generate_series(10, 49) n`)

	production.write("export.tf", h.export("local.anonymization_policy", ""))
	production.apply()
	first := production.held(anonymization)
	if first["verdict"] != "passed" || first["method"] != "safe_harbor" || first["verified"] != true || first["problem"] != nil || !slices.Equal(h.published(), []string{first["export"].(string)}) {
		t.Errorf("evidence %v, published %q", first, h.published())
	}
	if rows := first["tables"].(map[string]any)["drchrono.patients"]; rows != 40.0 {
		t.Errorf("%v rows of patients", rows)
	}
	staging.write("dataset.tf", h.dataset(first["public_key"].(string), ""))
	staging.apply()
	staging.plansNothing()
	h.staged(first)

	// A column that somebody adds to production fails each plan, until it is said what becomes of it.
	h.query(h.source, `alter table drchrono.patients add column maiden_name text`)
	says(t, production.refused("plan"), "Columns not mapped", `policy.tables["drchrono.patients"].columns`, "maiden_name = { transformer = \"name\"", "# text, class A")
	production.write("export.tf", h.export(with(`maiden_name = { transformer = "name", part = "last" }`), ""))
	if changed := production.planned()["august_staging_anonymization.clinic"]; !slices.Contains(changed, "export") || !slices.Contains(changed, "policy") {
		t.Errorf("planned %q", changed)
	}
	h.query(h.source, `alter table drchrono.patients drop column maiden_name`) // the structure of staging comes from the runtime, and not from the bucket

	h.leak(first)
	h.meddle()

	// A new export shows in staging by itself.
	production.write("export.tf", h.export("local.anonymization_policy", `triggers = { by = "hand" }`))
	production.apply()
	second := production.held(anonymization)
	if second["export"] == first["export"] || second["key_id"] == first["key_id"] || second["policy_hash"] != first["policy_hash"] || second["public_key"] != first["public_key"] || len(h.published()) != 2 {
		t.Errorf("after %v: %v", first, second)
	}
	staging.apply()
	h.staged(second)

	// A manifest that is gone is no reason to read production again; that it is gone is told, and staging does not go back to an older one.
	if err := h.objects().Delete(t.Context(), "manifests/"+second["export"].(string)+".json"); err != nil {
		t.Fatal(err)
	}
	if out := production.apply(); !strings.Contains(out, "Evidence gone") || production.held(anonymization)["verified"] != false {
		t.Errorf("the manifest is gone, and: %s", out)
	}
	staging.plansNothing()

	staging.destroyed()
	production.destroyed()
	if published := h.published(); !slices.Equal(published, []string{first["export"].(string)}) {
		t.Errorf("left in the bucket: %q", published)
	}
	h.staged(nil)
}

// staged looks at what staging has: all rows, and nobody who is real, of the export that has this evidence.
func (h *handover) staged(evidence map[string]any) {
	h.t.Helper()
	var rows, known int
	h.query(h.target, `select count(*), count(*) filter (where first_name like 'Zebediah%' or email like '%@clinic.test' or raw::text like '%Zebediah%') from drchrono.patients`, &rows, &known)
	if rows != 40 || known != 0 {
		h.t.Errorf("%d patients in staging, %d of them real", rows, known)
	}
	if evidence == nil {
		return
	}
	got := h.staging.held(dataset)
	for _, fact := range []string{"export", "manifest_sha256", "policy_hash", "snapshot", "method"} {
		if got[fact] != evidence[fact] {
			h.t.Errorf("imported with the %s %v, not %v", fact, got[fact], evidence[fact])
		}
	}
}

// leak has identifiers where nobody expects them, in a column that is kept: the scan finds them. Nothing is published, the error says
// where and not what, and the evidence of before stays.
func (h *handover) leak(before map[string]any) {
	t, production := h.t, h.production
	t.Helper()
	production.write("export.tf", h.export(with(`city = { transformer = "keep", class = "none", type = "text", reason = "said to be nobody's" }`), ""))
	h.query(h.source, `update drchrono.patients set city = email`)
	out := production.refused("apply", "-auto-approve")
	says(t, out, "Anonymised export not published", "the evidence of before stays", "drchrono.patients.city", "email", "40")
	if strings.Contains(strings.ToLower(out), "zebediah10@") {
		t.Errorf("the error holds a value:\n%s", out)
	}
	if got := production.held(anonymization); got["export"] != before["export"] || got["manifest_sha256"] != before["manifest_sha256"] || got["problem"] == nil || len(h.published()) != 1 {
		t.Errorf("after a scan that failed: %v, published %q", got, h.published())
	}
	if changed := production.planned()["august_staging_anonymization.clinic"]; !slices.Contains(changed, "export") || !slices.Contains(changed, "problem") {
		t.Errorf("the next plan changes %q", changed)
	}
	// The policy of before has its evidence already.
	production.write("export.tf", h.export("local.anonymization_policy", ""))
	production.apply()
	production.plansNothing()
	if got := production.held(anonymization); got["export"] != before["export"] || got["problem"] != nil || len(h.published()) != 1 {
		t.Errorf("back at the policy of before: %v", got)
	}
}

// meddle changes behind Terraform's back what it has made: each is seen and named, and set right without another run.
func (h *handover) meddle() {
	t := h.t
	t.Helper()
	api, err := run.NewService(t.Context(), option.WithEndpoint(h.cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	rig := &runtimeRig{t: t, cloud: h.cloud, api: api}
	jobs := api.Projects.Locations.Jobs
	export := cloudrun.JobPath(localtest.Production, localtest.Region, "export-handover")
	job, err := jobs.Get(export).Do()
	if err != nil {
		t.Fatal(err)
	}
	job.Template.Template.Timeout = "60s"
	rig.wait(jobs.Patch(export, job).Do())
	says(t, h.production.apply(), "Changed behind Terraform's back: timeout")
	for tf, path := range map[*cli]string{h.production: export, h.staging: cloudrun.JobPath(localtest.Staging, localtest.Region, "import-handover")} {
		rig.wait(jobs.Delete(path).Do())
		says(t, tf.apply(), "The job is gone.")
		if _, err := jobs.Get(path).Do(); err != nil {
			t.Error(err)
		}
	}
	if len(h.published()) != 1 {
		t.Errorf("published %q: setting a job right made an export", h.published())
	}
}

// with is the policy with another rule for a column of the patients.
func with(rule string) string {
	return fmt.Sprintf(`merge(local.anonymization_policy, {
    tables = merge(local.anonymization_policy.tables, {
      "drchrono.patients" = merge(local.anonymization_policy.tables["drchrono.patients"], {
        columns = merge(local.anonymization_policy.tables["drchrono.patients"].columns, {
          %s
        })
      })
    })
  })`, rule)
}
