package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// Two people, or two pipelines of CI, apply at the same moment. These are processes, as they are there.

// One state: whoever comes second is told by Terraform's lock, and has changed nothing.
func TestAccTwoApplies_oneState(t *testing.T) {
	t.Parallel()
	f := newFakeRuntime(t)
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			once.Do(func() { close(entered) })
			<-release
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	f.url = gate.URL
	tf := newCLI(t)
	tf.write("main.tf", requireAugust+f.config(""))
	first := make(chan string)
	go func() {
		out, err := tf.run("apply", "-auto-approve", "-no-color")
		if err != nil {
			out += "\n" + err.Error()
		}
		first <- out
	}()
	select {
	case <-entered: // its writing call is under way, so it holds the lock
	case out := <-first:
		close(release)
		t.Fatalf("the first apply ended before it declared anything:\n%s", out)
	}
	out, err := tf.run("apply", "-auto-approve", "-no-color")
	close(release)
	if err == nil || !strings.Contains(out, "Error acquiring the state lock") {
		t.Errorf("the second apply: %v\n%s", err, out)
	}
	if out := <-first; !strings.Contains(out, "1 added") {
		t.Fatalf("the first apply:\n%s", out)
	}
	tf.plansNothing()
	f.mu.Lock()
	generation := f.pipelines["billing"].Generation
	f.mu.Unlock()
	if generation != 1 {
		t.Errorf("declared %d times", generation)
	}
	tf.destroyed()
}

// somebodyElse is how the provider tells of another owner; Terraform breaks its lines.
var somebodyElse = regexp.MustCompile(`another\s+declaration|declared\s+otherwise|keeps\s+changing|Somebody\s+else\s+changed`)

// Two states that mean the same service and the same pipeline: what is there in the end is what one of them says, whole, and
// each state's next plan tells the truth about it.
func TestAccTwoApplies_twoStates(t *testing.T) {
	t.Parallel()
	cloud := localtest.Shared(t)
	r := newRuntimeRig(t, "rt-two")
	a := newCLI(t, cloud.ProjectEnviron(accProject)...)
	sides := []*cli{a, a.beside()}
	// How often each has changed its mind, in every attribute that the other sets as well.
	write := func(round int) (want []string) {
		for n, side := range sides {
			number := 10*round + n + 1
			side.write("main.tf", requireAugust+r.resource(r.image, fmt.Sprintf(`
  concurrency     = %d
  timeout_seconds = %d
  labels          = { side = "number-%[1]d" }
  scaling         = { min_instances = 1, max_instances = %[3]d }
`, number, 100+number, n+2))+fmt.Sprintf(`
resource "august_sync_pipeline" "test" {
  endpoint         = august_sync_runtime.test.uri
  audience         = august_sync_runtime.test.audience
  name             = "rt-two"
  dataset          = "billing"
  paused           = true
  schedule         = "%d 6 * * *"
  status_overrides = { "Side %[1]d" = "denied" }
}
`, number))
			want = append(want, fmt.Sprintf("%d %ds number-%[1]d %[3]d", number, 100+number, n+2), fmt.Sprintf("%d 6 * * * map[Side %[1]d:denied]", number))
		}
		return want
	}
	live := func() (service, pipeline string) {
		s := r.get()
		p, err := r.control().GetPipeline(t.Context(), "rt-two")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s %s %d", s.Template.MaxInstanceRequestConcurrency, s.Template.Timeout, s.Labels["side"], s.Scaling.MaxInstanceCount),
			fmt.Sprintf("%s %v", p.Spec.Schedule, p.Spec.StatusOverrides)
	}
	for round, what := range []string{"created by both", "changed by both"} {
		want := write(round)
		outs, errs := make([]string, 2), make([]error, 2)
		var both sync.WaitGroup
		for n, side := range sides {
			both.Go(func() { outs[n], errs[n] = side.run("apply", "-auto-approve", "-no-color") })
		}
		both.Wait()
		told := fmt.Sprintf("%s\n--- one: %v\n%s\n--- the other: %v\n%s", what, errs[0], outs[0], errs[1], outs[1])
		for n, err := range errs {
			// Who is told, is told that it is somebody else's, and of nothing that broke.
			if err != nil && !somebodyElse.MatchString(outs[n]) {
				t.Errorf("told something else: %s", told)
			}
		}
		if errs[0] != nil && errs[1] != nil {
			t.Errorf("nobody won: %s", told)
		}
		service, pipeline := live()
		if !slices.Contains(want, service) || !slices.Contains(want, pipeline) {
			t.Errorf("a mixture: service %q, pipeline %q, want some of %q; %s", service, pipeline, want, told)
		}
		if revision := r.get(); revision.LatestReadyRevision != revision.LatestCreatedRevision {
			t.Errorf("not ready: %+v; %s", revision.TerminalCondition, told)
		}
		for n, side := range sides {
			if state := stateOf(t, side.dir); strings.Contains(state, "tainted") {
				t.Errorf("tainted: %s", told)
			}
			// The truth: a state plans a change exactly where the live thing is not what its configuration says.
			plan := side.planned()
			mine := want[2*n : 2*n+2]
			if changes := plan["august_sync_runtime.test"]; (service == mine[0]) != (len(changes) == 0) {
				t.Errorf("service %q, and the plan of %q changes %q; %s", service, mine[0], changes, told)
			}
			if changes := plan["august_sync_pipeline.test"]; (pipeline == mine[1]) != (len(changes) == 0) {
				t.Errorf("pipeline %q, and the plan of %q changes %q; %s", pipeline, mine[1], changes, told)
			}
			// Who lost takes it over, so that both have everything when they change their minds.
			state := stateOf(t, side.dir)
			for address, id := range map[string]string{
				"august_sync_runtime.test":  r.path(),
				"august_sync_pipeline.test": r.get().Uri + "/v1/pipelines/rt-two?audience=" + url.QueryEscape(r.audience()),
			} {
				if kind, _, _ := strings.Cut(address, "."); !strings.Contains(state, strconv.Quote(kind)) {
					side.must("import", "-no-color", address, id)
				}
			}
		}
	}
	// Without its service nobody can be asked whether the pipeline is gone, so that goes first; both may believe to have it.
	for _, what := range []string{"-target=august_sync_pipeline.test", "-target=august_sync_runtime.test"} {
		for _, side := range sides {
			side.destroyed(what)
		}
	}
	r.gone()
}

func stateOf(t *testing.T, dir string) string {
	t.Helper()
	state, err := os.ReadFile(filepath.Join(dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	return string(state)
}
