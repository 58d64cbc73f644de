package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

func (r *runtimeRig) jobPath() string {
	return strings.Replace(r.path(), "/services/", "/jobs/", 1) + "-migrate"
}

// executions are those of the migrations' job, the newest first; none when there is no job.
func (r *runtimeRig) executions() []*run.GoogleCloudRunV2Execution {
	r.t.Helper()
	list, err := r.api.Projects.Locations.Jobs.Executions.List(r.jobPath()).Do()
	if gcp.KindOf(err) == gcp.NotFound {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return list.Executions
}

func (r *runtimeRig) noJob() error {
	if _, err := r.api.Projects.Locations.Jobs.Get(r.jobPath()).Do(); gcp.KindOf(err) != gcp.NotFound {
		return fmt.Errorf("the job is still there (%v)", err)
	}
	return nil
}

func (r *runtimeRig) deleteJob() {
	r.t.Helper()
	operation, err := r.api.Projects.Locations.Jobs.Delete(r.jobPath()).Do()
	r.wait(operation, err)
}

// ran checks that the migrations have run so many times in all, each with success.
func (r *runtimeRig) ran(times int) resource.TestCheckFunc {
	return func(*terraform.State) error {
		all := r.executions()
		for _, e := range all {
			if e.SucceededCount != 1 {
				return fmt.Errorf("execution %s: %+v", e.Name, e.Conditions[0])
			}
		}
		if len(all) != times {
			return fmt.Errorf("the migrations ran %d times, want %d", len(all), times)
		}
		return nil
	}
}

// Migrations run as a job before a new revision is made, and only then.
func TestAccSyncRuntime_migrations(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-migrate")
	const later = "labels = { team = \"billing\" }\n scaling = { max_instances = 2 }\n"
	settled := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return r.noJob() },
		Steps: []resource.TestStep{
			{
				Config: r.config(r.image, ""), ConfigPlanChecks: settled,
				Check: resource.ComposeAggregateTestCheckFunc(r.ran(1), func(*terraform.State) error {
					e, service := r.executions()[0], r.get()
					if e.CreateTime >= service.CreateTime {
						return fmt.Errorf("the service was made at %s, and the migrations ran at %s", service.CreateTime, e.CreateTime)
					}
					c, as := e.Template.Containers[0], service.Template.Containers[0]
					var names []string
					for _, v := range c.Env {
						names = append(names, v.Name)
					}
					slices.Sort(names)
					want := []string{envDatabaseHost, envDatabaseInstance, envDatabaseName, envDatabasePassword, envDatabasePort, envDatabaseUser}
					if !slices.Equal(names, want) || c.Image != as.Image || !slices.Equal(c.Args, []string{"migrate"}) || e.Template.MaxRetries != 0 ||
						e.Template.Timeout != "600s" || e.Template.ServiceAccount != service.Template.ServiceAccount {
						return fmt.Errorf("the job runs %+v with %q as %+v", c, names, e.Template)
					}
					return nil
				}),
			},
			{Config: r.config(r.image, ""), Check: r.ran(1), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
			{ // nothing of this is about a revision
				Config: r.config(r.image, later+"migrations = { timeout = \"90s\" }"), Check: r.ran(1),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{expectChanged(runtimeAddress, "labels", "migrations", "scaling")},
					PostApplyPostRefresh: settled.PostApplyPostRefresh,
				},
			},
			{ // this is
				Config: r.config(r.image, later+"concurrency = 70"), ConfigPlanChecks: settled,
				Check: r.ran(2),
			},
			{ // what somebody deleted is made again when it is needed, and is missed by no plan before
				PreConfig: r.deleteJob,
				Config:    r.config(r.image, later+"concurrency = 70"), Check: r.ran(0),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{Config: r.config(r.image, later+"concurrency = 60"), ConfigPlanChecks: settled, Check: r.ran(1)},
			{ // without a job
				Config: r.config(r.image, later+"concurrency = 50\n migrations = { job = false }"), ConfigPlanChecks: settled,
				Check: func(*terraform.State) error { return r.noJob() },
			},
			{Config: r.config(r.image, later+"concurrency = 40"), ConfigPlanChecks: settled, Check: r.ran(1)},
		},
	})
}

// brokenImage is an image whose migrations fail.
func (r *runtimeRig) brokenImage() string {
	r.t.Helper()
	out := filepath.Join(r.t.TempDir(), "broken")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/broken")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, output)
	}
	return pushedImage(r.t, r.cloud, "broken", out)
}

// Migrations that fail leave the service alone, say where to look, and stay in the plan until they are put right.
func TestAccSyncRuntime_migrationsFail(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-unmigrated")
	broken := r.config(r.brokenImage(), "")
	nobody := regexp.MustCompile(`(?m)^ *impersonate_service_account .*$`).ReplaceAllString(broken, "")
	absent := strings.Replace(r.config(r.image, ""), `name            = "august"`, `name            = "absent"`, 1)
	failed := func(code int) *regexp.Regexp {
		return asShown("Migrations failed", "Nothing of the service "+r.path()+" was touched.", "execution "+r.jobPath()+"/executions/rt-unmigrated-migrate-",
			fmt.Sprintf("exit code %d", code), "NON_ZERO_EXIT_CODE", "Logs: file://")
	}
	var before *run.GoogleCloudRunV2Service
	untouched := func() {
		t.Helper()
		if now := r.get(); now.Etag != before.Etag || now.LatestCreatedRevision != before.LatestCreatedRevision {
			t.Errorf("the service is %+v, and was %+v", now, before)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return r.noJob() },
		Steps: []resource.TestStep{
			{Config: nobody, ExpectError: asShown("Sync runtime not deployed", "could not be tried out")},
			{
				PreConfig: func() {
					if err := r.noJob(); err != nil {
						t.Errorf("migrated for a revision that could not be tried out: %v", err)
					}
				},
				Config: broken, ExpectError: failed(3),
			},
			{ // forward
				PreConfig: r.gone,
				Config:    r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionCreate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error { before = r.get(); return nil },
			},
			{Config: broken, ExpectError: failed(3)},
			{PreConfig: untouched, Config: broken, PlanOnly: true, ExpectNonEmptyPlan: true},
			{Config: absent, ExpectError: failed(1)},
			{
				PreConfig: func() {
					untouched()
					log, err := os.ReadFile(strings.TrimPrefix(r.executions()[0].LogUri, "file://"))
					if err != nil || !strings.Contains(string(log), `database \"absent\" does not exist`) {
						t.Errorf("the log says %s, %v", log, err)
					}
					for _, secret := range secretValues(t, r.cloud) {
						if strings.Contains(string(log), secret) {
							t.Error("the log holds a secret")
						}
					}
					r.deleteJob() // whether it is there makes no difference to what follows
				},
				Config: r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}, // the state is what it was before both failures
				},
			},
		},
	})
}

// A service that cannot be made leaves no job behind.
func TestAccSyncRuntime_migrationsForNothing(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-unmade")
	api, err := url.Parse(r.cloud.Endpoints.CloudRun)
	if err != nil {
		t.Fatal(err)
	}
	var there atomic.Bool // the job, when the service was to be made
	proxy := httputil.NewSingleHostReverseProxy(api)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/services"):
			there.Store(r.noJob() != nil)
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"run.services.create is missing"}}`)
		default:
			proxy.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(front.Close)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{{
			Config:      strings.Replace(r.config(r.image, ""), "cloud_run       = "+strconv.Quote(r.cloud.Endpoints.CloudRun), "cloud_run = "+strconv.Quote(front.URL), 1),
			ExpectError: asShown("Sync runtime not deployed", "could not be created", "run.services.create is missing"),
		}},
	})
	if err := r.noJob(); err != nil || !there.Load() {
		t.Errorf("the job was there: %t; %v", there.Load(), err)
	}
}
