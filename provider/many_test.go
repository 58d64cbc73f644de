package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// A clinic has a handful of pipelines, a platform of clinics has hundreds. What a plan of them takes is the number of calls:
// each is a way to Google and back.

const manyPipelines = 100

var manyRuntimes = []string{"a", "b", "c"}

// toll stands in the way of everything that the provider calls: it counts, and takes time as a network does.
type toll struct {
	delay atomic.Int64

	mu    sync.Mutex
	calls []string // METHOD who path
}

// door is an address behind which target is; target is asked for at each call, as a runtime is not there before it is made.
func (c *toll) door(t testing.TB, who string, target func() (string, error)) string {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			c.mu.Lock()
			c.calls = append(c.calls, r.In.Method+" "+who+" "+r.In.URL.Path)
			c.mu.Unlock()
			time.Sleep(time.Duration(c.delay.Load()))
			if to, err := target(); err == nil {
				if at, err := url.Parse(to); err == nil {
					r.SetURL(at)
				}
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) },
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// taken forgets and returns the calls so far.
func (c *toll) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	slices.Sort(calls)
	return calls
}

// many is three runtimes with a hundred pipelines in one state.
type many struct {
	*cli
	toll *toll
}

func newMany(t testing.TB, prefix string) *many {
	t.Helper()
	cloud := localtest.Shared(t)
	api, err := run.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	m := &many{toll: &toll{}}
	google := m.toll.door(t, "google", func() (string, error) { return strings.TrimSuffix(cloud.Endpoints.Google, "/"), nil })
	env := []string{"AUGUST_ACCESS_TOKEN=local", "AUGUST_PROJECT=" + accProject, "AUGUST_REGION=" + localtest.Region,
		"AUGUST_IMPERSONATE_SERVICE_ACCOUNT=" + localcloud.ServiceAccount("terraform", accProject), "AUGUST_PUBSUB_ENDPOINT=" + cloud.Endpoints.PubSub}
	for _, name := range []string{"CLOUD_SQL", "CLOUD_RUN", "SECRET_MANAGER", "IAM_CREDENTIALS", "MONITORING"} {
		env = append(env, "AUGUST_"+name+"_ENDPOINT="+google)
	}
	doors := map[string]string{}
	for _, name := range manyRuntimes {
		path := fmt.Sprintf("projects/%s/locations/%s/services/%s-%s", accProject, localtest.Region, prefix, name)
		doors[name] = m.toll.door(t, name, sync.OnceValues(func() (string, error) {
			live, err := api.Projects.Locations.Services.Get(path).Context(context.Background()).Do()
			if err != nil {
				return "", err
			}
			return live.Uri, nil
		}))
	}
	m.cli = newCLI(t, env...)
	rig := runtimeRig{cloud: cloud, name: prefix}
	block := rig.resource(pushedImage(t, cloud, "august-sync", localtest.Runtime(t)), "for_each = toset(local.runtimes)")
	block = strings.Replace(block, fmt.Sprintf("= %q\n", prefix), fmt.Sprintf("= \"%s-${each.key}\"\n", prefix), 1)
	doorsJSON, err := json.Marshal(doors)
	if err != nil {
		t.Fatal(err)
	}
	m.write("main.tf", requireAugust+block+fmt.Sprintf(`
locals {
  doors    = %s
  runtimes = keys(local.doors)
}

variable "changed" {
  type    = string
  default = ""
}

resource "august_sync_pipeline" "many" {
  for_each = { for n in range(%d) : format("%s-%%03d", n) => local.runtimes[n %% length(local.runtimes)] }

  endpoint = local.doors[each.value]
  audience = august_sync_runtime.test[each.value].audience
  name     = each.key
  dataset  = "appointments"
  paused   = true
  schedule = each.key == var.changed ? "0 7 * * *" : "0 6 * * *"
}
`, doorsJSON, manyPipelines, prefix))
	return m
}

func TestAccMany(t *testing.T) {
	t.Parallel()
	m := newMany(t, "many")
	m.apply()
	defer m.destroyed()

	m.toll.taken()
	m.plansNothing("-target=august_sync_runtime.test")
	alone := m.toll.taken()
	m.plansNothing()
	all := m.toll.taken()
	// What the pipelines add does not depend on how many they are: a runtime is asked once, with one token.
	account := "/v1/projects/-/serviceAccounts/" + localcloud.ServiceAccount("terraform", accProject)
	want := alone
	for _, name := range manyRuntimes {
		want = append(want, "GET "+name+" "+runtimeapi.PathPipelines, "POST google "+account+":generateIdToken")
	}
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("a plan of all makes the calls\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
	t.Logf("%d calls for %d runtimes and %d pipelines", len(all), len(manyRuntimes), manyPipelines)

	// One that changes is the only one in the plan, and in the apply.
	changed := fmt.Sprintf("-var=changed=many-%03d", manyPipelines/2)
	out := m.apply(changed)
	if !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("one schedule has changed:\n%s", out)
	}
	puts := slices.DeleteFunc(m.toll.taken(), func(call string) bool { return !strings.HasPrefix(call, "PUT ") })
	if len(puts) != 1 {
		t.Errorf("declared: %q", puts)
	}
	m.plansNothing(changed)
}

// BenchmarkPlan measures a plan of many pipelines over a network where each call takes a tenth of a second. The floor is a plan of
// as many resources that nobody has to be asked for.
func BenchmarkPlan(b *testing.B) {
	m := newMany(b, "bench")
	m.apply()
	b.Cleanup(func() { _ = m.toll.taken() })
	defer m.destroyed()
	bare := m.beside()
	bare.write("main.tf", fmt.Sprintf("resource \"terraform_data\" \"many\" {\n  count = %d\n  input = { name = count.index, schedule = \"0 6 * * *\" }\n}\n", manyPipelines+len(manyRuntimes)))
	bare.apply()
	plan := func(of *cli, args ...string) func(*testing.B) {
		return func(b *testing.B) {
			m.toll.delay.Store(int64(100 * time.Millisecond))
			defer m.toll.delay.Store(0)
			var best time.Duration
			for b.Loop() {
				for range 3 {
					started := time.Now()
					of.plansNothing(args...)
					if took := time.Since(started); best == 0 || took < best {
						best = took
					}
				}
			}
			b.ReportMetric(best.Seconds(), "s")
			b.ReportMetric(0, "ns/op")
		}
	}
	b.Run("pipelines/refresh", plan(m.cli))
	b.Run("pipelines/none", plan(m.cli, "-refresh=false"))
	b.Run("pipelines/floor", plan(bare))
}
