package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/option"
	runv2 "google.golang.org/api/run/v2"
	"google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

const testVersion = "0.0.1"

// TestPlan takes the example through its life with the real CLI: applied, applied again, leaking
// nothing, drifted in three ways and repaired, imported, destroyed.
func TestPlan(t *testing.T) {
	ctx := t.Context()
	cloud := localtest.Start(t)
	s := newStage(t, cloud)

	s.init(t)
	s.must(t, "plan", "-input=false", "-no-color", "-out=first.tfplan")
	s.must(t, "apply", "-input=false", "-no-color", "first.tfplan")
	r := report{environment: environments[0]}
	if err := s.tf.json(ctx, s.workspace, &r.outputs, "output", "-json"); err != nil {
		t.Fatal(err)
	}
	if err := r.awaitSync(ctx, cloud.Description, newProgress(io.Discard)); err != nil {
		t.Fatal(err)
	}
	s.checkSynced(t, &r, cloud.Description)

	t.Run("receives webhooks", func(t *testing.T) {
		if err := r.webhook(ctx, cloud.Description); err != nil {
			t.Fatal(err)
		}
		if r.arrival.status.LastDelivery == nil || r.arrival.status.P95Ms == nil || r.arrival.status.Parked != 0 {
			t.Errorf("the webhook stands as %+v", r.arrival.status)
		}
	})
	t.Run("advises", func(t *testing.T) { s.checkAdvice(t, &r) })
	t.Run("rehearses recovery", func(t *testing.T) { s.checkDrills(t, cloud.Description) })
	// Staging, which is applied next for the first time, is to be handed data and no more.
	if err := s.tf.set("drill", ""); err != nil {
		t.Fatal(err)
	}
	t.Run("hands anonymised data over", func(t *testing.T) { s.checkHandOver(t, cloud.Description) })
	t.Run("leaks nothing", func(t *testing.T) { s.checkLeaks(t, cloud) })
	t.Run("names drift and repairs it", func(t *testing.T) { s.checkDrift(t, cloud.Description) })
	t.Run("imports", func(t *testing.T) { s.checkImport(t) })

	s.must(t, "destroy", "-input=false", "-no-color", "-auto-approve")
	run := s.cloudRun(t, cloud.Description)
	services, err := run.Projects.Locations.Services.List("projects/" + localtest.Production + "/locations/us-central1").Do()
	if err != nil {
		t.Fatal(err)
	}
	if len(services.Services) != 0 {
		t.Errorf("%d services are left after destroy", len(services.Services))
	}
	for pid, args := range processes(t) {
		if strings.Contains(args, cloud.Dir) && strings.Contains(args, "august-sync") {
			t.Errorf("process %s runs after destroy: %s", pid, args)
		}
	}
}

// stage is the example, its provider and a CLI, in one workspace.
type stage struct {
	tf        *terraform
	workspace string
	work      string
	env       []string
	binaries  string
}

func newStage(t *testing.T, cloud *localtest.Cloud) *stage {
	t.Helper()
	cli, err := toolchain.FindTerraform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binaries := localtest.Provider(t)
	if err := os.Rename(filepath.Join(binaries, "terraform-provider-august"), filepath.Join(binaries, programs(testVersion)[0])); err != nil {
		t.Fatal(err)
	}
	s := &stage{workspace: "production", work: t.TempDir(), env: environ(cloud.Description), binaries: binaries}
	if err := copyExample(s.work, filepath.Join(moduleRoot, "examples", "local")); err != nil {
		t.Fatal(err)
	}
	if s.tf, err = newTerraform(cli.Path, s.work, binaries, testVersion, s.env); err != nil {
		t.Fatal(err)
	}
	return s
}

// moduleRoot is the repository, seen from this package.
var moduleRoot = filepath.Join("..", "..", "..")

func (s *stage) init(t *testing.T) {
	t.Helper()
	if err := s.tf.init(t.Context(), io.Discard, s.workspace); err != nil {
		t.Fatalf("%v\n%s", err, s.log("init"))
	}
}

func (s *stage) must(t *testing.T, args ...string) {
	t.Helper()
	if err := s.tf.must(t.Context(), io.Discard, s.workspace, args...); err != nil {
		t.Fatalf("%v\n%s", err, s.log(args[0]))
	}
}

func (s *stage) log(command string) string {
	body, _ := os.ReadFile(filepath.Join(s.tf.logs, s.workspace+"-"+command+".log")) // shown when there is one
	return string(body)
}

func (s *stage) wantNoChanges(t *testing.T, when string) {
	t.Helper()
	code, err := s.tf.run(t.Context(), io.Discard, s.workspace, "plan", "-input=false", "-no-color", "-detailed-exitcode")
	if err != nil || code != 0 {
		t.Fatalf("%s: plan ended with %d, %v\n%s", when, code, err, s.log("plan"))
	}
}

// checkSynced holds what the runtime says of itself against the services' own word.
func (s *stage) checkSynced(t *testing.T, r *report, cloud localcloud.Description) {
	t.Helper()
	if err := r.observe(t.Context(), cloud); err != nil {
		t.Fatal(err)
	}
	if r.instance.Settings.AvailabilityType != "REGIONAL" || r.instance.SecondaryGceZone == "" || r.instance.SecondaryGceZone == r.instance.GceZone {
		t.Errorf("instance is %s in %q and %q, want REGIONAL in two zones", r.instance.Settings.AvailabilityType, r.instance.GceZone, r.instance.SecondaryGceZone)
	}
	// Not the last run: at the turn of a quarter hour the schedule has begun another.
	if !r.status.FullRun.Full || r.status.FullRun.State != runtimeapi.RunSucceeded || r.status.Rows["appointments"] == 0 || r.status.Rows["transactions"] == 0 {
		t.Errorf("first sync: %+v, rows %v", r.status.FullRun, r.status.Rows)
	}
	for _, status := range []string{"submitted", "pending", "paid", "denied"} {
		if r.status.Claims[status] == 0 {
			t.Errorf("no claim is %s: %v", status, r.status.Claims)
		}
	}
	var page bytes.Buffer
	printPage(&page, []report{*r}, time.Second)
	lines := page.String()
	if r.mismatches(runtimeapi.MismatchWarning) == 0 || !strings.Contains(lines, "Mismatches\n  fault") || !strings.Contains(lines, "\n  warning") {
		t.Errorf("mismatches are %v, and the page shows:\n%s", r.status.Mismatches, lines)
	}
	if r.patients.Rows["patients"] == 0 {
		t.Errorf("no patient was synced: %+v", r.patients.FullRun)
	}
	if r.labs.Rows["lab_results"] == 0 || r.labs.Orders["results_received"] == 0 || r.labs.Reviews["open"] == 0 {
		t.Errorf("first sync of labs: %+v, rows %v, orders %v, reviews %v", r.labs.FullRun, r.labs.Rows, r.labs.Orders, r.labs.Reviews)
	}
	for table, told := range map[string][]runtimeapi.CodaStatus{summaryTable: r.status.Coda, resultsTable: r.labs.Coda} {
		if len(told) != 1 || r.coda[table] != told[0].Rows || r.coda[table] == 0 || !strings.Contains(lines, group(r.coda[table])) {
			t.Errorf("Coda holds %d rows in %s, the runtime says %+v, and the page shows:\n%s", r.coda[table], table, told, lines)
		}
	}
}

// checkDrills rehearses a failover and a restore, and holds what the state says of them against Cloud SQL.
func (s *stage) checkDrills(t *testing.T, cloud localcloud.Description) {
	if err := s.tf.set("drill", rehearsal); err != nil {
		t.Fatal(err)
	}
	r := report{environment: environments[0]}
	if err := r.observe(t.Context(), cloud); err != nil {
		t.Fatal(err)
	}
	from, to := r.instance.GceZone, r.instance.SecondaryGceZone
	if err := apply(t.Context(), s.tf, &r, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, s.log("apply"))
	}
	s.wantNoChanges(t, "after the drills")
	if d := r.outputs.Drills.Value.Failover; d == nil || !d.Passed || d.LostRows != 0 || d.AcknowledgedRows == 0 || d.RTOSeconds <= 0 || d.ZoneBefore != from || d.ZoneAfter != to {
		t.Errorf("failover from %s to %s: %+v", from, to, d)
	}
	if d := r.outputs.Drills.Value.Restore; d == nil || !d.Passed || d.LostRows != 0 || d.RTOSeconds <= 0 || d.TablesVerified == 0 {
		t.Errorf("restore: %+v", d)
	}
	if err := r.observe(t.Context(), cloud); err != nil {
		t.Fatal(err)
	}
	if r.instance.GceZone != to || r.instance.SecondaryGceZone != from {
		t.Errorf("after the failover the instance is in %s and %s, want %s and %s", r.instance.GceZone, r.instance.SecondaryGceZone, to, from)
	}
	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	all, err := sql.Instances.List(localtest.Production).Do()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all.Items {
		if strings.Contains(i.Name, "-drill-") {
			t.Errorf("the clone %s is left", i.Name)
		}
	}
}

// checkLeaks looks for patients and secrets where none may be.
func (s *stage) checkLeaks(t *testing.T, cloud *localtest.Cloud) {
	needles := secretValues(t, cloud.Description)
	needles = append(needles, clinic.Canaries()...)
	if len(needles) < 10 {
		t.Fatalf("only %d strings to look for", len(needles))
	}
	var plan json.RawMessage
	if err := s.tf.json(t.Context(), s.workspace, &plan, "show", "-json", "first.tfplan"); err != nil {
		t.Fatal(err)
	}
	look := func(what string, body []byte) {
		for _, needle := range needles {
			if bytes.Contains(body, []byte(needle)) {
				// Not the needle itself: this log may be kept.
				t.Errorf("%s holds a secret or a patient's data (%d characters, %.3s…)", what, len(needle), needle)
			}
		}
	}
	look("the plan", plan)
	for pid, args := range processes(t) {
		look("the arguments of process "+pid, []byte(args))
	}
	// Terraform's state and output; then what the cloud wrote, the unpacked image with it, except where
	// such data belongs: the database, Secret Manager, and the partners' own sandboxes.
	belongs := []string{"cloudsql", "secrets", "sandbox"}
	files := 0
	for _, root := range []string{s.work, cloud.Dir, filepath.Join(filepath.Dir(cloud.Dir), "console.log")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if filepath.Dir(path) == cloud.Dir && slices.Contains(belongs, entry.Name()) {
					return fs.SkipDir
				}
				return nil
			}
			if !entry.Type().IsRegular() {
				return nil
			}
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			look(path, body)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if state := filepath.Join(s.tf.dir, "terraform.tfstate.d", s.workspace, "terraform.tfstate"); !exists(state) {
		t.Errorf("no state at %s: nothing was checked", state)
	}
	if files < 20 {
		t.Errorf("only %d files were looked at", files)
	}
}

// secretValues are the values in the project's Secret Manager, and what JSON among them holds.
func secretValues(t *testing.T, cloud localcloud.Description) []string {
	t.Helper()
	service, err := secretmanager.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	list, err := service.Projects.Secrets.List("projects/" + localtest.Production).Do()
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, secret := range list.Secrets {
		version, err := service.Projects.Secrets.Versions.Access(secret.Name + "/versions/latest").Do()
		if err != nil {
			t.Fatal(err)
		}
		value, err := base64.StdEncoding.DecodeString(version.Payload.Data)
		if err != nil {
			t.Fatal(err)
		}
		var parts map[string]string
		if json.Unmarshal(value, &parts) != nil {
			values = append(values, string(value))
			continue
		}
		values = append(values, parts["client_secret"], parts["refresh_token"])
	}
	return slices.DeleteFunc(values, func(v string) bool { return len(v) < 8 })
}

// processes are the arguments of everything that runs, by process id.
func processes(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if body, err := os.ReadFile(path); err == nil { // one that has ended since is none
			found[filepath.Base(filepath.Dir(path))] = string(bytes.ReplaceAll(body, []byte{0}, []byte{' '}))
		}
	}
	return found
}

func (s *stage) cloudRun(t *testing.T, cloud localcloud.Description) *runv2.Service {
	t.Helper()
	run, err := runv2.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

const serviceName = "projects/" + localtest.Production + "/locations/us-central1/services/august-sync"

// checkDrift changes things behind Terraform's back: a flag of the database, the runtime stopped,
// the service deleted.
func (s *stage) checkDrift(t *testing.T, cloud localcloud.Description) {
	ctx := t.Context()
	sql, err := sqladmin.NewService(ctx, option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	op, err := sql.Instances.Patch(localtest.Production, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "log_lock_waits", Value: "off"}, {Name: "idle_in_transaction_session_timeout", Value: "60000"}},
	}}).Do()
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the change of the flag", func() (bool, error) {
		got, err := sql.Operations.Get(localtest.Production, op.Name).Do()
		return err == nil && got.Status == "DONE", err
	})
	run := s.cloudRun(t, cloud)
	stop, err := run.Projects.Locations.Services.Patch(serviceName, &runv2.GoogleCloudRunV2Service{
		Scaling: &runv2.GoogleCloudRunV2ServiceScaling{ScalingMode: "MANUAL", ManualInstanceCount: 0, ForceSendFields: []string{"ManualInstanceCount"}},
	}).UpdateMask("scaling").Do()
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the stop of the runtime", func() (bool, error) {
		got, err := run.Projects.Locations.Operations.Get(stop.Name).Do()
		return err == nil && got.Done, err
	})
	s.wantChanges(t, map[string]string{
		"august_cloudsql_ha_policy.platform":   "update",
		"module.sync.august_sync_runtime.sync": "update",
	})
	if !strings.Contains(s.log("plan"), `"log_lock_waits"`) {
		t.Errorf("the plan does not name the flag:\n%s", s.log("plan"))
	}
	s.must(t, "apply", "-input=false", "-no-color", driftPlan)
	s.wantNoChanges(t, "after the flag and the runtime were repaired")

	gone, err := run.Projects.Locations.Services.Delete(serviceName).Do()
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the deletion of the service", func() (bool, error) {
		got, err := run.Projects.Locations.Operations.Get(gone.Name).Do()
		return err == nil && got.Done, err
	})
	s.wantChanges(t, map[string]string{"module.sync.august_sync_runtime.sync": "create"})
	s.must(t, "apply", "-input=false", "-no-color", driftPlan)
	s.wantNoChanges(t, "after the service was made again")
}

// await polls until done says so.
func await(ctx context.Context, t *testing.T, what string, done func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		ok, err := done()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come about: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// driftPlan is what is applied: another plan would wait once more for a runtime that is stopped or gone.
const driftPlan = "drift.tfplan"

// wantChanges plans and holds the actions against those named; what depends on them may change too.
func (s *stage) wantChanges(t *testing.T, want map[string]string) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.tf.logs, s.workspace+"-plan.log")); err != nil {
		t.Fatal(err)
	}
	s.must(t, "plan", "-input=false", "-no-color", "-out="+driftPlan)
	got := s.actions(t, driftPlan)
	for address, action := range want {
		if got[address] != action {
			t.Errorf("plan for %s: %q, want %q\n%s", address, got[address], action, s.log("plan"))
		}
	}
}

// actions is what a saved plan does with each resource.
func (s *stage) actions(t *testing.T, plan string) map[string]string {
	t.Helper()
	var shown struct {
		ResourceChanges []struct {
			Address string `json:"address"`
			Change  struct {
				Actions   []string        `json:"actions"`
				Importing json.RawMessage `json:"importing"`
			} `json:"change"`
		} `json:"resource_changes"`
	}
	if err := s.tf.json(t.Context(), s.workspace, &shown, "show", "-json", plan); err != nil {
		t.Fatal(err)
	}
	actions := map[string]string{}
	for _, c := range shown.ResourceChanges {
		actions[c.Address] = strings.Join(c.Change.Actions, "+")
		if c.Change.Importing != nil {
			actions[c.Address] += " after import"
		}
	}
	return actions
}

// checkImport brings everything into a second, empty state: the plan imports and changes nothing.
func (s *stage) checkImport(t *testing.T) {
	second := &stage{workspace: s.workspace, work: t.TempDir()}
	if err := copyExample(second.work, s.tf.dir); err != nil {
		t.Fatal(err)
	}
	var err error
	if second.tf, err = newTerraform(s.tf.bin, second.work, s.binaries, testVersion, s.env); err != nil {
		t.Fatal(err)
	}
	var after outputs
	if err := s.tf.json(t.Context(), s.workspace, &after, "output", "-json"); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{
		"august_cloudsql_ha_policy.platform":                     localtest.Production + "/platform",
		"module.sync.august_runtime_image.sync":                  after.Image.Value,
		"module.sync.august_sync_runtime.sync":                   localtest.Production + "/us-central1/august-sync",
		`module.sync.august_sync_pipeline.pipelines["billing"]`:  after.Runtime.Value.URI + "/v1/pipelines/billing?audience=" + after.Runtime.Value.Audience,
		`module.sync.august_sync_pipeline.pipelines["patients"]`: after.Runtime.Value.URI + "/v1/pipelines/patients?audience=" + after.Runtime.Value.Audience,
		`module.sync.august_sync_pipeline.pipelines["labs"]`:     after.Runtime.Value.URI + "/v1/pipelines/labs?audience=" + after.Runtime.Value.Audience,
	}
	var blocks strings.Builder
	for address, id := range ids {
		_, _ = fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", address, id)
	}
	if err := os.WriteFile(filepath.Join(second.tf.dir, "import.tf"), []byte(blocks.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	second.init(t)
	second.must(t, "plan", "-input=false", "-no-color", "-out=import.tfplan")
	for address, action := range second.actions(t, "import.tfplan") {
		if action != "no-op after import" {
			t.Errorf("import of %s: %s\n%s", address, action, second.log("plan"))
		}
	}
	second.must(t, "apply", "-input=false", "-no-color", "import.tfplan")
	second.wantNoChanges(t, "after the import")
}
