package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"google.golang.org/api/run/v2"
)

// impostor is the reference of an image that Cloud Run finds nothing wrong with, and that fails its self-test.
func (r *runtimeRig) impostor() string {
	r.t.Helper()
	binary, err := buildImpostor()
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), "impostor")
	if err := os.WriteFile(file, binary, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return pushedImage(r.t, r.cloud, "impostor", file)
}

var buildImpostor = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "august-impostor-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "impostor")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/impostor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build impostor: %w\n%s", err, output)
	}
	return os.ReadFile(out)
})

// shares is where the service's traffic goes, and its tags.
func (r *runtimeRig) shares() string {
	r.t.Helper()
	return sharesOf(r.get())
}

func sharesOf(live *run.GoogleCloudRunV2Service) string {
	var parts []string
	for _, s := range live.TrafficStatuses {
		name := s.Revision
		if name == "" {
			name = live.LatestReadyRevision[strings.LastIndexByte(live.LatestReadyRevision, '/')+1:]
		}
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %d %s", name, s.Percent, s.Tag)))
	}
	return strings.Join(parts, ", ")
}

// newest is the revision that was made last.
func (r *runtimeRig) newest() string {
	r.t.Helper()
	live := r.get()
	return live.LatestCreatedRevision[strings.LastIndexByte(live.LatestCreatedRevision, '/')+1:]
}

// customer calls the service over and over, and notes every answer that is not a good runtime's.
type customer struct {
	stop context.CancelFunc
	done chan struct{}
	made atomic.Int64
	bad  atomic.Pointer[string]
}

func (r *runtimeRig) customer() *customer {
	r.t.Helper()
	url := r.get().Uri + "/livez"
	ctx, cancel := context.WithCancel(context.Background())
	c := &customer{stop: cancel, done: make(chan struct{})}
	r.t.Cleanup(c.leave)
	go func() {
		defer close(c.done)
		for ctx.Err() == nil {
			c.made.Add(1)
			if answer := call(ctx, url); answer != "200 ok" && ctx.Err() == nil {
				c.bad.Store(&answer)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return c
}

func call(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(body)))
}

func (c *customer) leave() {
	c.stop()
	<-c.done
}

// content says whether every answer was good so far.
func (c *customer) content() error {
	switch bad := c.bad.Load(); {
	case bad != nil:
		return fmt.Errorf("a customer was answered %q", *bad)
	case c.made.Load() == 0:
		return errors.New("no customer called")
	}
	return nil
}

// meanwhile is a provider while whose apply something else happens.
type meanwhile struct {
	tfprotov6.ProviderServer
	act *atomic.Pointer[meddler]
}

// meddler does something while an apply goes on, which it may interrupt as Ctrl-C does.
type meddler func(ctx context.Context, interrupt context.CancelFunc)

// withMeddler serves the provider, and whoever is set to meddle with its applies.
func withMeddler() (map[string]func() (tfprotov6.ProviderServer, error), *atomic.Pointer[meddler]) {
	act := &atomic.Pointer[meddler]{}
	return map[string]func() (tfprotov6.ProviderServer, error){
		"august": func() (tfprotov6.ProviderServer, error) {
			server, err := providers["august"]()
			return meanwhile{server, act}, err
		},
	}, act
}

// ApplyResourceChange implements tfprotov6.ProviderServer.
func (m meanwhile) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	act := m.act.Swap(nil)
	if act == nil {
		return m.ProviderServer.ApplyResourceChange(ctx, req)
	}
	ctx, interrupt := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		(*act)(ctx, interrupt)
	}()
	resp, err := m.ProviderServer.ApplyResourceChange(ctx, req)
	interrupt()
	<-done
	return resp, err
}

// when waits until the service's traffic is so, or the apply has ended.
func (r *runtimeRig) when(ctx context.Context, so *regexp.Regexp) bool {
	for ctx.Err() == nil {
		live, err := r.api.Projects.Locations.Services.Get(r.path()).Context(ctx).Do()
		if err == nil && !live.Reconciling && so.MatchString(sharesOf(live)) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// expectProblem is a plan check that the refresh found the service not to be as it was asked to, and why.
func expectProblem(format string, args ...any) plancheck.PlanCheck {
	return problemCheck{func() *regexp.Regexp { return regexp.MustCompile(fmt.Sprintf(format, deref(args)...)) }}
}

// deref takes the values that pointers have by then.
func deref(args []any) []any {
	var values []any
	for _, arg := range args {
		values = append(values, regexp.QuoteMeta(*arg.(*string)))
	}
	return values
}

type problemCheck struct{ want func() *regexp.Regexp }

// CheckPlan implements plancheck.PlanCheck.
func (c problemCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != runtimeAddress {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		problem, _ := before["problem"].(string)
		if before["ready"] != false || !c.want().MatchString(problem) {
			resp.Error = fmt.Errorf("ready was %v, and the problem %q; want %s", before["ready"], problem, c.want())
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", runtimeAddress)
}

var _ tfprotov6.ProviderServer = meanwhile{}
