package delivery_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"
	secretmanager "google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/storage/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// The programs that GitHub's machines have, and this one need not: the test stands in for them, by their names.
const (
	envDeliver = "AUGUST_REHEARSAL_DELIVER" // august-deliver, for `gh release download`
	envRecord  = "AUGUST_REHEARSAL_RECORD"  // what they were asked, a line each
)

func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case "gh", "gcloud":
		if err := standIn(name, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func standIn(name string, args []string) error {
	record, err := os.OpenFile(os.Getenv(envRecord), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(record, "%s %q\n", name, args); err != nil {
		return err
	}
	if name == "gh" && slices.Equal(args[:2], []string{"release", "download"}) {
		program, err := os.ReadFile(os.Getenv(envDeliver))
		if err != nil {
			return err
		}
		return os.WriteFile(args[slices.Index(args, "--output")+1], program, 0o600)
	}
	return record.Close()
}

// rehearsal is the delivery of examples/local, which is what of the platform the local cloud plays, by the platform's own workflows.
type rehearsal struct {
	*player
	cloud      *localtest.Cloud
	record     string
	arrived    []string // environment by environment, as jobs pass their rules
	identities []string // environment: account
	alerts     string
}

// The whole way of a commit, by the very workflows that the platform runs and their very commands: planned for staging, approved, applied
// from the saved plan, looked at, planned for production with the same image, approved, applied. States and plans lie in the buckets of
// the local cloud, by Terraform's own backend.
func TestDelivery_rehearsal(t *testing.T) {
	if os.Getenv("AUGUST_REHEARSE") == "" {
		t.Skip("make rehearse runs it: it applies examples/local twice")
	}
	r := prepare(t)

	jobs, _, err := r.play("examples/platform/.github/workflows/deliver.yml", nil)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{
		"staging-plan", "staging-build", "staging", "staging-soak", "staging-plan",
		"production-plan", "production-build", "production", "production-soak", "production-plan",
	}, r.arrived); diff != "" {
		t.Errorf("environments whose rules the jobs have passed (-want +got):\n%s", diff)
	}
	for _, identity := range r.identities {
		environment, account, _ := strings.Cut(identity, ": ")
		stage, use, _ := strings.Cut(environment, "-")
		if use == "" {
			use = "apply"
		}
		if account != fmt.Sprintf("deliver-%s@%s.iam.gserviceaccount.com", use, projectOf(stage)) {
			t.Errorf("in the environment %s a job is %s", environment, account)
		}
	}

	// What staging has tried out is what production runs, as Cloud Run itself tells.
	staged, promoted := r.serves(localtest.Staging), r.serves(localtest.Production)
	if staged == "" || staged != promoted {
		t.Errorf("staging runs %s, production runs %s", staged, promoted)
	}
	for _, job := range []string{"apply-staging", "apply-production"} {
		if got, want := jobs[job]["images"], fmt.Sprintf(`{"image":%q}`, staged); got != want {
			t.Errorf("%s says that it has deployed %s, want %s", job, got, want)
		}
	}
	for _, project := range []string{localtest.Staging, localtest.Production} {
		vouched := fmt.Sprintf(`"sign-and-create" "--artifact-url" "%s/%s/august/august-sync@%s" "--attestor" "projects/%s/attestors/deliver-built"`, r.cloud.Endpoints.Registry, project, staged, project)
		if record := r.recorded(); !strings.Contains(record, vouched) {
			t.Errorf("nobody has vouched: %s\n%s", vouched, record)
		}
		if got := r.objects(project); !slices.Contains(got, "platform/"+workspaceOf(project)+".tfstate") || !slices.Contains(got, "platform/plans/7-1.tfplan") {
			t.Errorf("in the state's bucket of %s are %q", project, got)
		}
	}

	for _, project := range []string{localtest.Staging, localtest.Production} {
		for _, secret := range r.secrets(project) {
			if strings.Contains(r.printed.String(), secret) {
				t.Errorf("a step has printed a secret of %s", project)
			}
		}
	}

	// A plan is applied once: the state has moved since. Nothing else of it is undone, or done again.
	staging := map[string]string{
		"environment": "staging", "plan": jobs["plan-staging"]["plan"], "digest": jobs["plan-staging"]["digest"],
		"workload_identity_provider": "projects/1/locations/global/workloadIdentityPools/p/providers/p",
		"service_account":            "deliver-apply@" + localtest.Staging + ".iam.gserviceaccount.com",
	}
	if _, _, err := r.play(".github/workflows/platform-apply.yml", staging); err == nil || !strings.Contains(err.Error(), "Saved plan is stale") {
		t.Errorf("the same plan again: %v", err)
	}
	// What staging has not tried out does not get a plan for production.
	production := map[string]string{
		"environment": "production", "promoted": fmt.Sprintf(`{"image":%q}`, otherDigest),
		"workload_identity_provider": "projects/1/locations/global/workloadIdentityPools/p/providers/p",
		"service_account":            "deliver-plan@" + localtest.Production + ".iam.gserviceaccount.com",
	}
	if _, _, err := r.play(".github/workflows/platform-plan.yml", production); err == nil || !strings.Contains(err.Error(), "the plan is refused:\nimage `image` would be `"+staged) {
		t.Errorf("an image that was not tried out: %v", err)
	}
	// An alert stops it in staging.
	r.alerts = `{"name": "projects/1/alerts/7", "state": "OPEN", "policy": {"displayName": "queue is stuck"}}`
	if _, _, err := r.play(".github/workflows/platform-soak.yml", map[string]string{
		"environment": "staging", "project": localtest.Staging,
		"workload_identity_provider": staging["workload_identity_provider"], "service_account": "deliver-plan@" + localtest.Staging + ".iam.gserviceaccount.com",
	}); err == nil || !strings.Contains(err.Error(), `the alert "queue is stuck" was open`) {
		t.Errorf("an alert while it soaks: %v", err)
	}

	// A pull request is told what it would do, to both; a fork's gets no identity.
	pull := func(head string) {
		r.event["event"] = values{"pull_request": values{"number": "12", "head": values{"repo": values{"full_name": head}}}}
		r.identities = nil
		if _, _, err := r.play("examples/platform/.github/workflows/review.yml", nil); err != nil {
			t.Fatal(err)
		}
	}
	pull("somebody/platform")
	if len(r.identities) > 0 {
		t.Errorf("a fork's pull request was given %q", r.identities)
	}
	pull("feel-august/platform")
	if record := r.recorded(); !strings.Contains(record, `gh ["pr" "comment" "12"`) || !strings.Contains(record, "### staging: no changes") || !strings.Contains(record, "### production: no changes") {
		t.Errorf("nothing was told of the pull request:\n%s", record)
	}
}

func projectOf(stage string) string {
	if stage == "staging" {
		return localtest.Staging
	}
	return localtest.Production
}

func workspaceOf(project string) string {
	if project == localtest.Staging {
		return "staging"
	}
	return "production"
}

func prepare(t *testing.T) *rehearsal {
	t.Helper()
	cli, err := toolchain.FindTerraform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cli.Kind != toolchain.KindTerraform {
		t.Fatalf("the workflows run Terraform, and what was found is %s at %s: install Terraform, or name it by AUGUST_TERRAFORM", cli.Kind, cli.Path)
	}
	cloud := localtest.Start(t)
	dir := t.TempDir()
	r := &rehearsal{cloud: cloud, record: filepath.Join(dir, "record")}
	bin, repository := filepath.Join(dir, "bin"), filepath.Join(dir, "repository")
	r.makeBuckets(t)

	deliver := filepath.Join(dir, "august-deliver")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", deliver, "./cmd/august-deliver")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.MkdirAll(bin, 0o755))
	for name, target := range map[string]string{"gh": self, "gcloud": self, "terraform": cli.Path} {
		must(t, os.Symlink(target, filepath.Join(bin, name)))
	}

	// The repository of the platform: a root, a backend for each environment, and the provider's release locked.
	for _, part := range []string{"examples/local", "modules"} {
		must(t, os.CopyFS(filepath.Join(repository, part), os.DirFS(filepath.Join(root, part))))
	}
	folder := filepath.Join(repository, "examples/local")
	must(t, os.WriteFile(filepath.Join(folder, "backend.tf"), []byte("terraform {\n  backend \"gcs\" {}\n}\n"), 0o600))
	for _, project := range []string{localtest.Staging, localtest.Production} {
		backend := fmt.Sprintf("bucket = %q\nprefix = \"platform\"\n", project+"-tfstate")
		must(t, os.WriteFile(filepath.Join(folder, workspaceOf(project)+".gcs.tfbackend"), []byte(backend), 0o600))
	}
	rc := installRelease(t, dir)
	e := cloud.Endpoints
	env := toolchain.CleanEnv("PATH="+bin+":"+os.Getenv("PATH"), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1",
		envDeliver+"="+deliver, envRecord+"="+r.record,
		"TF_VAR_registry="+e.Registry, "TF_VAR_drchrono_url="+e.DrChrono, "TF_VAR_coda_url="+e.Coda, "TF_VAR_oidc_issuer="+e.OIDCIssuer)
	lock := exec.CommandContext(t.Context(), cli.Path, "init", "-backend=false")
	lock.Dir, lock.Env = folder, env
	if out, err := lock.CombinedOutput(); err != nil {
		t.Fatalf("terraform init: %v\n%s", err, out)
	}
	must(t, os.RemoveAll(filepath.Join(folder, ".terraform")))

	promises := r.promises(t)
	r.player = &player{
		t: t, dir: dir, env: env,
		inputs: map[string]string{"directory": "examples/local", "images_output": "image"},
		event:  map[string]any{"token": "github-token", "repository": "feel-august/platform", "sha": strings.Repeat("a", 40), "ref": "refs/heads/main"},
		arrive: func(environment, _ string) { r.arrived = append(r.arrived, environment) },
		actions: map[string]func(*job, map[string]string){
			"actions/checkout":          func(j *job, _ map[string]string) { must(t, os.CopyFS(j.work, os.DirFS(repository))) },
			"hashicorp/setup-terraform": func(*job, map[string]string) {},
			"google-github-actions/auth": func(j *job, with map[string]string) {
				account := with["service_account"]
				r.identities = append(r.identities, j.environment+": "+account)
				_, host, _ := strings.Cut(account, "@")
				j.env = append(cloud.ProjectEnviron(strings.TrimSuffix(host, ".iam.gserviceaccount.com")), "AUGUST_MONITORING_ENDPOINT="+promises)
			},
		},
	}
	return r
}

// installRelease makes the provider's release what Terraform installs, and gives the CLI's configuration.
func installRelease(t *testing.T, dir string) string {
	t.Helper()
	release := localtest.Provider(t)
	mirror := filepath.Join(dir, "mirror")
	place := filepath.Join(mirror, "registry.terraform.io/feel-august/august/0.1.0/linux_amd64")
	must(t, os.MkdirAll(place, 0o755))
	for from, to := range map[string]string{"terraform-provider-august": "terraform-provider-august_v0.1.0", "august-sync_linux_amd64": "august-sync_linux_amd64"} {
		must(t, os.Rename(filepath.Join(release, from), filepath.Join(place, to)))
	}
	rc := filepath.Join(dir, "terraformrc")
	must(t, os.WriteFile(rc, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o600))
	return rc
}

func (r *rehearsal) makeBuckets(t *testing.T) {
	t.Helper()
	api, err := storage.NewService(t.Context(), option.WithEndpoint(r.cloud.Endpoints.Storage+"storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{localtest.Staging, localtest.Production} {
		_, err := api.Buckets.Insert(project, &storage.Bucket{
			Name: project + "-tfstate", Location: "US", Versioning: &storage.BucketVersioning{Enabled: true},
			IamConfiguration: &storage.BucketIamConfiguration{UniformBucketLevelAccess: &storage.BucketIamConfigurationUniformBucketLevelAccess{Enabled: true}, PublicAccessPrevention: "enforced"},
		}).Do()
		must(t, err)
	}
}

func (r *rehearsal) objects(project string) (names []string) {
	api, err := storage.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.Storage+"storage/v1/"), option.WithoutAuthentication())
	must(r.t, err)
	list, err := api.Objects.List(project + "-tfstate").Do()
	must(r.t, err)
	for _, object := range list.Items {
		names = append(names, object.Name)
	}
	return names
}

// secrets are the values of all of a project's.
func (r *rehearsal) secrets(project string) (all []string) {
	api, err := secretmanager.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	must(r.t, err)
	list, err := api.Projects.Secrets.List("projects/" + project).Do()
	must(r.t, err)
	for _, secret := range list.Secrets {
		version, err := api.Projects.Secrets.Versions.Access(secret.Name + "/versions/latest").Do()
		must(r.t, err)
		value, err := base64.StdEncoding.DecodeString(version.Payload.Data)
		must(r.t, err)
		all = append(all, string(value))
	}
	if len(all) == 0 {
		r.t.Fatalf("%s has no secrets to look for", project)
	}
	return all
}

// serves is the digest that a project's runtime was deployed from.
func (r *rehearsal) serves(project string) string {
	api, err := run.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	must(r.t, err)
	service, err := api.Projects.Locations.Services.Get("projects/" + project + "/locations/" + localtest.Region + "/services/august-sync").Do()
	must(r.t, err)
	_, digest, _ := strings.Cut(service.Template.Containers[0].Image, "@")
	return digest
}

// promises is Cloud Monitoring: what the local cloud measures, and service level objectives, which it has none of.
func (r *rehearsal) promises(t *testing.T) string {
	t.Helper()
	google, err := url.Parse(r.cloud.Endpoints.Monitoring)
	must(t, err)
	rest := httputil.NewSingleHostReverseProxy(google)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer := func(body string) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}
		switch {
		case strings.HasSuffix(q.URL.Path, "/services"):
			answer(`{"services": [{"name": "projects/1/services/sync"}]}`)
		case strings.HasSuffix(q.URL.Path, "/serviceLevelObjectives"):
			answer(`{"serviceLevelObjectives": [{"name": "projects/1/services/sync/serviceLevelObjectives/up", "displayName": "up"}]}`)
		case strings.HasSuffix(q.URL.Path, "/alerts"):
			answer(`{"alerts": [` + r.alerts + `]}`)
		case strings.HasPrefix(q.URL.Query().Get("filter"), "select_slo_burn_rate("):
			answer(`{"timeSeries": [{"points": [{"interval": {"endTime": "` + time.Now().UTC().Format(time.RFC3339) + `"}, "value": {"doubleValue": 0.2}}]}]}`)
		default:
			rest.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (r *rehearsal) recorded() string {
	text, err := os.ReadFile(r.record)
	must(r.t, err)
	return strings.ReplaceAll(string(text), `\n`, "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
