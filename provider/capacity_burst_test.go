package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// The proof of the advice is a burst: a service is measured at a low rate, set as it is advised, and then everybody comes at once. The
// server itself refuses its user more connections than the services may have, so that one too many is a failed request.

const (
	tooManyForRole = "53300" // too_many_connections, of a server and of a role
	burstUser      = "burst"
)

// burst is a service of its own on the local Cloud Run, over an instance of its own with few connections.
type burst struct {
	t              testing.TB
	name, image    string
	instance       *instance
	api            *run.Service
	url            string // of the database
	watch          *pgx.Conn
	have, reserved int
	client         *http.Client
}

// settings is what a burst's service is deployed with.
type settings struct {
	PoolMax      int64 `json:"pool_max"`
	Concurrency  int64 `json:"concurrency"`
	MinInstances int64 `json:"min_instances"`
	MaxInstances int64 `json:"max_instances"`
}

// naive is what a service has when nobody has thought about it: Cloud Run's own concurrency, a pool that seemed plenty, and as many instances
// as there may be.
var naive = settings{PoolMax: 20, Concurrency: 80, MaxInstances: 100}

func newBurst(t testing.TB, name string, have, reserved int) *burst {
	t.Helper()
	cloud := localtest.Shared(t)
	api, err := run.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	b := &burst{t: t, name: name, image: pushedImage(t, cloud, "burst", burstProgram(t)), api: api, have: have, reserved: reserved,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: time.Minute}}
	b.instance = newInstance(t, name)
	b.instance.patch(&sqladmin.Settings{DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "max_connections", Value: strconv.Itoa(have)}}})
	for _, user := range []string{burstUser, "watch"} {
		b.instance.wait(b.instance.api.Users.Insert(accProject, name, &sqladmin.User{Name: user, Password: "known"}).Do())
	}
	at := cloudsql.Address(b.instance.get())
	b.url = fmt.Sprintf("postgres://%s:known@%s:5432/postgres?sslmode=require", burstUser, at)
	b.watch, err = pgx.Connect(t.Context(), fmt.Sprintf("host=%s user=watch password=known dbname=postgres sslmode=require", at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.watch.Close(context.Background()) })
	if _, err := b.watch.Exec(t.Context(), fmt.Sprintf("alter role %s connection limit %d", burstUser, have-reserved)); err != nil {
		t.Fatal(err)
	}
	return b
}

// burstProgram is the service, compiled.
func burstProgram(t testing.TB) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "burst")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/burst")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build burst: %v\n%s", err, output)
	}
	return out
}

// deploy makes the service, or a new revision of it, and returns its address once it serves.
func (b *burst) deploy(s settings, queryMS, startMS int) string {
	b.t.Helper()
	parent := "projects/" + accProject + "/locations/" + localtest.Region
	var env []*run.GoogleCloudRunV2EnvVar
	for name, value := range map[string]string{"DATABASE_URL": b.url, "DB_POOL_MAX": strconv.FormatInt(s.PoolMax, 10), "QUERY_MS": strconv.Itoa(queryMS), "START_MS": strconv.Itoa(startMS)} {
		env = append(env, &run.GoogleCloudRunV2EnvVar{Name: name, Value: value})
	}
	body := &run.GoogleCloudRunV2Service{
		InvokerIamDisabled: true,
		Scaling:            &run.GoogleCloudRunV2ServiceScaling{MinInstanceCount: s.MinInstances, MaxInstanceCount: s.MaxInstances},
		Template: &run.GoogleCloudRunV2RevisionTemplate{
			MaxInstanceRequestConcurrency: s.Concurrency,
			Containers:                    []*run.GoogleCloudRunV2Container{{Image: b.image, Env: env}},
		},
	}
	path := parent + "/services/" + b.name
	_, err := b.api.Projects.Locations.Services.Get(path).Do()
	var operation *run.GoogleLongrunningOperation
	if gcp.KindOf(err) == gcp.NotFound {
		operation, err = b.api.Projects.Locations.Services.Create(parent, body).ServiceId(b.name).Do()
	} else {
		operation, err = b.api.Projects.Locations.Services.Patch(path, body).Do()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	err = gcp.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		operation, err = b.api.Projects.Locations.Operations.Get(operation.Name).Context(ctx).Do()
		return err == nil && operation.Done, err
	})
	if err != nil || operation.Error != nil {
		b.t.Fatalf("deploy: %+v, %v", operation, err)
	}
	live, err := b.api.Projects.Locations.Services.Get(path).Do()
	if err != nil {
		b.t.Fatal(err)
	}
	return live.Uri
}

// warm waits until the service has as many instances as are to be there beforehand: a new revision serves as soon as its first one does.
func (b *burst) warm(s settings) {
	b.t.Helper()
	live, err := b.api.Projects.Locations.Services.Get("projects/" + accProject + "/locations/" + localtest.Region + "/services/" + b.name).Do()
	if err != nil {
		b.t.Fatal(err)
	}
	revision, err := b.api.Projects.Locations.Services.Revisions.Get(live.LatestReadyRevision).Do()
	if err != nil {
		b.t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		written, err := os.ReadFile(strings.TrimPrefix(revision.LogUri, "file://"))
		if err != nil {
			b.t.Fatal(err)
		}
		if n := strings.Count(string(written), "burst: ready"); int64(n) >= s.MinInstances {
			return
		} else if time.Now().After(deadline) {
			b.t.Fatalf("%d instances of %d have started", n, s.MinInstances)
		}
	}
}

// tally is what became of requests.
type tally struct {
	mu      sync.Mutex
	done    int
	refused int            // for want of a connection
	failed  map[string]int // for anything else
	took    []time.Duration
}

// ask sends one request. Its time counts from when it was due.
func (b *burst) ask(ctx context.Context, url string, due time.Time, to *tally) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err) // the local cloud's own address
	}
	resp, err := b.client.Do(req)
	to.mu.Lock()
	defer to.mu.Unlock()
	switch {
	case err != nil && ctx.Err() != nil: // enough was seen
	case err != nil:
		to.failed["no answer"]++
	case resp.StatusCode == http.StatusOK:
		to.done++
		to.took = append(to.took, time.Since(due))
	case resp.Header.Get("X-SQLState") == tooManyForRole:
		to.refused++
	default:
		to.failed[resp.Status+" "+resp.Header.Get("X-SQLState")]++
	}
	if err == nil {
		_ = resp.Body.Close()
	}
}

// crowd is so many who each ask again as soon as they are answered, all of them from the same moment on, until each has asked so often or
// enough was seen.
func (b *burst) crowd(url string, people, times int, enough func(*tally) bool) *tally {
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*time.Minute)
	defer cancel()
	to := &tally{failed: map[string]int{}}
	var all sync.WaitGroup
	for range people {
		all.Go(func() {
			for range times {
				b.ask(ctx, url, time.Now(), to)
				to.mu.Lock()
				stop := enough(to)
				to.mu.Unlock()
				if stop || ctx.Err() != nil {
					cancel()
					return
				}
			}
		})
	}
	all.Wait()
	return to
}

// steady sends so many requests a second, whatever becomes of those before.
func (b *burst) steady(url string, rate float64, span time.Duration) *tally {
	to := &tally{failed: map[string]int{}}
	var all sync.WaitGroup
	start, gap := time.Now(), time.Duration(float64(time.Second)/rate)
	for due := start; due.Sub(start) < span; due = due.Add(gap) {
		time.Sleep(time.Until(due))
		all.Go(func() { b.ask(b.t.Context(), url, due, to) })
	}
	all.Wait()
	return to
}

// most is the most connections that the service's user has had, looked at until the returned function is called.
func (b *burst) most() func() int {
	var most atomic.Int64
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var n int64
			if err := b.watch.QueryRow(b.t.Context(), "select count(*) from pg_stat_activity where usename = $1", burstUser).Scan(&n); err != nil {
				b.t.Errorf("count connections: %v", err)
				return
			}
			most.Store(max(most.Load(), n))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return func() int {
		cancel()
		<-ended
		return int(most.Load())
	}
}

// measured waits until Cloud Monitoring has a figure of each kind: what a sample of processors tells is of the time since the one before.
func (b *burst) measured() {
	b.t.Helper()
	metrics, err := monitoring.New(b.t.Context(), option.WithEndpoint(localtest.Shared(b.t).Endpoints.Monitoring), option.WithoutAuthentication())
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	var seen monitoring.Service
	err = gcp.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		var err error
		seen, err = metrics.Service(ctx, accProject, localtest.Region, b.name, 10*time.Minute)
		_, worked := seen.CPUMs(1)
		return worked && seen.Latency != nil && seen.Start != nil, err
	})
	if err != nil {
		b.t.Fatalf("too little was measured: %+v, %v", seen, err)
	}
}

// advised is what the data source says of the service, for so many requests a second.
func (b *burst) advised(rate float64) (settings, string) {
	b.t.Helper()
	b.measured()
	c := newCLI(b.t)
	cloud := localtest.Shared(b.t)
	c.write("main.tf", requireAugust+providerBlock(cloud)+fmt.Sprintf(`
data "august_capacity_advice" "test" {
  instance             = %q
  reserved_connections = %d
  window               = "10m"
  burst_percent        = 0
  services = {
    %[1]s = {
      service                  = %[1]q
      pool_variable            = "DB_POOL_MAX"
      peak_requests_per_second = %[3]g
      sudden                   = true
    }
  }
}

output "advice" { value = data.august_capacity_advice.test.advice[%[1]q] }
output "budget" { value = data.august_capacity_advice.test.explanation }
`, b.name, b.reserved, rate))
	c.apply()
	var outputs struct {
		Advice struct {
			Value struct {
				settings
				Explanation string   `json:"explanation"`
				Unknown     []string `json:"unknown"`
			} `json:"value"`
		} `json:"advice"`
		Budget struct {
			Value string `json:"value"`
		} `json:"budget"`
	}
	if err := json.Unmarshal([]byte(c.output("output", "-json")), &outputs); err != nil {
		b.t.Fatal(err)
	}
	got := outputs.Advice.Value
	// The database's time is not known without a runtime that counts connections.
	if len(got.Unknown) != 1 || got.Unknown[0] != "database_ms" || got.PoolMax == 0 {
		b.t.Fatalf("advice: %+v", got)
	}
	return got.settings, got.Explanation + "\n" + outputs.Budget.Value
}

func percentile(took []time.Duration, percent int) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[(len(took)-1)*percent/100].Microseconds()) / 1000
}

// A service is measured at a low rate and set as it is advised; then two hundred people come at once, and each asks three times. Nobody
// is refused, and no connection beyond those that there are is ever asked for. Set as nobody has thought about it, the same
// service is refused connections.
func TestAccCapacityAdvice_burst(t *testing.T) {
	t.Parallel()
	const have, reserved, people = 50, 15, 200
	b := newBurst(t, "cap-burst", have, reserved)
	slow := b.deploy(settings{PoolMax: 2, Concurrency: 10, MinInstances: 1, MaxInstances: 1}, 100, 50)
	if low := b.steady(slow, 10, 5*time.Second); low.refused > 0 || len(low.failed) > 0 {
		t.Fatalf("at a low rate: %d refused, %v", low.refused, low.failed)
	}
	set, why := b.advised(200)
	url := b.deploy(set, 100, 50)
	b.warm(set)
	most := b.most()
	held := b.crowd(url, people, 3, func(*tally) bool { return false })
	if peak := most(); held.done != 3*people || held.refused > 0 || len(held.failed) > 0 || peak > have-reserved {
		t.Errorf("as advised, %+v: %d of %d answered, %d refused, %v; %d connections of %d\n%s", set, held.done, 3*people, held.refused, held.failed, peak, have-reserved, why)
	}
	t.Logf("as advised, %+v: %d answered, 99 in 100 within %.0f ms", set, held.done, percentile(held.took, 99))

	url = b.deploy(naive, 100, 50)
	if failed := b.crowd(url, people, 1000, func(to *tally) bool { return to.refused > 0 }); failed.refused == 0 {
		t.Errorf("as nobody has thought about it: %d answered, and none refused; %v", failed.done, failed.failed)
	}
}

// BenchmarkCapacityBurst has five hundred requests a second come from one moment to the next, to a service whose instances need three seconds
// to start and whose queries take a known time: set as it is advised, and as nobody has thought about it.
func BenchmarkCapacityBurst(b *testing.B) {
	const (
		have, reserved   = 130, 15
		queryMS, startMS = 75, 3000
		rate, span       = 500.0, 15 * time.Second
	)
	rig := newBurst(b, "cap-bench", have, reserved)
	url := rig.deploy(settings{PoolMax: 2, Concurrency: 10, MinInstances: 1, MaxInstances: 1}, queryMS, startMS)
	rig.steady(url, 10, 10*time.Second)
	set, why := rig.advised(rate)
	b.Logf("%+v\n%s", set, why)
	for _, run := range []struct {
		name string
		set  settings
	}{{"advised", set}, {"naive", naive}} {
		b.Run(run.name, func(b *testing.B) {
			url := rig.deploy(run.set, queryMS, startMS)
			rig.warm(run.set)
			for b.Loop() {
				most := rig.most()
				got := rig.steady(url, rate, span)
				b.ReportMetric(float64(got.refused), "refused")
				b.ReportMetric(percentile(got.took, 50), "ms-p50")
				b.ReportMetric(percentile(got.took, 99), "ms-p99")
				b.ReportMetric(queryMS, "ms-query")
				b.ReportMetric(float64(most()), "connections")
				b.ReportMetric(have-reserved, "connections-there-are")
				b.ReportMetric(float64(got.done)/span.Seconds(), "answered/s")
				if len(got.failed) > 0 { // a machine that is too busy for the load has requests wait for longer than Cloud Run lets them
					b.Logf("not answered: %v", got.failed)
				}
				if run.name == "advised" && got.refused > 0 {
					b.Errorf("%d were refused a connection", got.refused)
				}
			}
		})
	}
}
