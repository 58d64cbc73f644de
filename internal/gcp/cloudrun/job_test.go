package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// fakeJobs is a Cloud Run that holds one job and does as it is told.
type fakeJobs struct {
	mu        sync.Mutex
	job       *run.GoogleCloudRunV2Job
	serial    int
	overtaken int // how many runs come after somebody else's change
	replaced  int // how many writes are replaced by somebody else's before they are complete
	fails     bool
	endless   bool
	denied    bool
	unseen    int // how many reads do not see yet what was just made
	hidden    int // how many of them are left
	calls     []string
	looks     int
	cancelled bool
}

func setupJobs(t *testing.T) (*fakeJobs, *Client) {
	t.Helper()
	f := &fakeJobs{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	api, err := run.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c := New(api)
	c.Every, c.ReadBudget = 5*time.Millisecond, time.Millisecond
	return f, c
}

const somePath = "projects/p/locations/l/jobs/n-migrate"

// ServeHTTP implements http.Handler.
func (f *fakeJobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(body any) { _ = json.NewEncoder(w).Encode(body) }
	refuse := func(code int, status string) {
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"status":%q,"message":"refused"}}`, code, status)
	}
	done := map[string]any{"name": "operations/1", "done": true}
	write := func() {
		var body run.GoogleCloudRunV2Job
		_ = json.NewDecoder(r.Body).Decode(&body)
		if f.job != nil && body.Etag != f.job.Etag {
			refuse(http.StatusConflict, "ABORTED")
			return
		}
		f.serial++
		f.job = &body
		f.job.Etag = fmt.Sprint(f.serial)
		f.job.TerminalCondition = &run.GoogleCloudRunV2Condition{State: "CONDITION_SUCCEEDED"}
		if f.replaced > 0 {
			f.replaced--
			answer(map[string]any{"name": "operations/1", "done": true, "error": map[string]any{"code": 10, "message": "superseded"}})
			return
		}
		answer(done)
	}
	switch path := r.URL.Path; {
	case f.denied:
		refuse(http.StatusForbidden, "PERMISSION_DENIED")
	case strings.Contains(path, "/operations/"):
		answer(done)
	case strings.HasSuffix(path, ":cancel"):
		f.cancelled = true
		answer(done)
	case strings.HasSuffix(path, "/tasks"):
		answer(run.GoogleCloudRunV2ListTasksResponse{Tasks: []*run.GoogleCloudRunV2Task{{LastAttemptResult: &run.GoogleCloudRunV2TaskAttemptResult{ExitCode: 7}}}})
	case r.Method == http.MethodGet && f.hidden > 0:
		f.hidden--
		refuse(http.StatusNotFound, "NOT_FOUND")
	case strings.Contains(path, "/executions/"):
		e := run.GoogleCloudRunV2Execution{Name: somePath + "/executions/e", TaskCount: 1, SucceededCount: 1, LogUri: "https://logs.example.test/"}
		if f.looks++; f.looks%3 == 0 && !f.endless { // it takes a while
			e.CompletionTime = "2026-11-26T00:00:00Z"
		}
		if f.fails {
			e.SucceededCount = 0
			e.Conditions = []*run.GoogleCloudRunV2Condition{
				{Type: "Started", State: "CONDITION_SUCCEEDED", Message: "Started."},
				{Type: "Completed", State: "CONDITION_FAILED", Message: "Task e-task0 failed with message: The container exited with an error.", ExecutionReason: "NON_ZERO_EXIT_CODE"},
			}
		}
		answer(e)
	case r.Method == http.MethodPost && strings.HasSuffix(path, ":run"):
		var body run.GoogleCloudRunV2RunJobRequest
		_ = json.NewDecoder(r.Body).Decode(&body)
		if f.overtaken > 0 {
			f.overtaken--
			f.serial++
			f.job.Etag, f.job.Template.Template.Timeout = fmt.Sprint(f.serial), "1s"
		}
		if body.Etag != f.job.Etag {
			refuse(http.StatusConflict, "ABORTED")
			return
		}
		f.calls = append(f.calls, "run")
		f.hidden = f.unseen
		answer(map[string]any{"name": "operations/2", "metadata": map[string]any{"@type": "type.googleapis.com/google.cloud.run.v2.Execution", "name": somePath + "/executions/e"}})
	case r.Method == http.MethodPost && f.job != nil:
		refuse(http.StatusConflict, "ALREADY_EXISTS")
	case r.Method == http.MethodPost:
		f.calls = append(f.calls, "create")
		f.hidden = f.unseen
		write()
	case f.job == nil:
		refuse(http.StatusNotFound, "NOT_FOUND")
	case r.Method == http.MethodPatch:
		f.calls = append(f.calls, "patch")
		write()
	case r.Method == http.MethodDelete:
		f.calls = append(f.calls, "delete")
		f.job = nil
		answer(done)
	default:
		answer(f.job)
	}
}

func someJob(t *testing.T) Job {
	t.Helper()
	s := someSpec
	s.Env = []Env{{Name: "DATABASE", Value: "d"}, {Name: "OTHER", Value: "o"}}
	of, err := s.NextRevision(&run.GoogleCloudRunV2Service{})
	if err != nil || of == nil {
		t.Fatal(of, err)
	}
	of.VpcAccess = &run.GoogleCloudRunV2VpcAccess{Egress: "ALL_TRAFFIC"}
	return Job{
		Project: "p", Location: "l", Name: "n-migrate", Kind: Migrations, Revision: of, Args: []string{"migrate"},
		Env: func(name string) bool { return name == "DATABASE" }, Timeout: 90 * time.Second, Labels: map[string]string{"team": "a"},
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	j := someJob(t)
	for range 2 { // the second time there is nothing to bring into line
		if err := c.Execute(t.Context(), j, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(f.calls, []string{"create", "run", "run"}) {
		t.Errorf("calls %q", f.calls)
	}
	task := f.job.Template.Template
	k := task.Containers[0]
	if f.job.Labels["team"] != "a" || !Migrations.Owns(f.job) || f.job.Template.TaskCount != 1 || task.MaxRetries != 0 || task.Timeout != "90s" || task.ServiceAccount != "a" ||
		task.VpcAccess.Egress != "ALL_TRAFFIC" || len(task.Containers) != 1 || k.Image != "i" || !slices.Equal(k.Args, j.Args) || len(k.Env) != 1 || k.Env[0].Name != "DATABASE" ||
		k.Resources.Limits["memory"] != "512Mi" || k.Resources.Limits["cpu"] != "1" || len(k.Ports) != 0 || k.StartupProbe != nil {
		t.Errorf("the job is %+v, its task %+v, its container %+v", f.job, task, k)
	}

	// What Cloud Run fills in, and what others have put beside, is no drift; what they changed is.
	f.job.Labels["owner"], task.ExecutionEnvironment, k.Resources.Limits["cpu"] = "b", "EXECUTION_ENVIRONMENT_GEN2", "1000m"
	if err := c.Execute(t.Context(), j, nil); err != nil || slices.Contains(f.calls, "patch") {
		t.Errorf("%q, %v", f.calls, err)
	}
	task.MaxRetries = 3
	if err := c.Execute(t.Context(), j, nil); err != nil || f.calls[len(f.calls)-2] != "patch" || f.job.Labels["owner"] != "b" || f.job.Template.Template.MaxRetries != 0 {
		t.Errorf("%q, %+v, %v", f.calls, f.job, err)
	}
}

// A job that was just made may be unseen for a while, as a service may, and so may its execution.
func TestExecute_notSeenYet(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	f.unseen = 2
	if err := c.Execute(t.Context(), someJob(t), nil); err != nil || !slices.Equal(f.calls, []string{"create", "run"}) {
		t.Errorf("%q, %v", f.calls, err)
	}
}

// The job that runs is the job that was meant, also beside another apply.
func TestExecute_overtaken(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	f.overtaken = 2
	if err := c.Execute(t.Context(), someJob(t), nil); err != nil || f.job.Template.Template.Timeout != "90s" || !slices.Equal(f.calls, []string{"create", "patch", "patch", "run"}) {
		t.Errorf("%q, %v", f.calls, err)
	}
	f.overtaken = 100
	if err := c.Execute(t.Context(), someJob(t), nil); gcp.KindOf(err) != gcp.Stale {
		t.Errorf("no end to somebody else's changes: %v", err)
	}
	f, c = setupJobs(t)
	f.replaced = 1
	if err := c.Execute(t.Context(), someJob(t), nil); err != nil || f.calls[len(f.calls)-1] != "run" {
		t.Errorf("a write that was replaced before it was complete: %q, %v", f.calls, err)
	}
}

func TestExecute_fails(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	f.fails = true
	err := c.Execute(t.Context(), someJob(t), nil)
	var ended *ExecutionError
	if !errors.As(err, &ended) || ended.Execution != somePath+"/executions/e" {
		t.Fatal(err)
	}
	for _, part := range []string{"e-task0 failed", "NON_ZERO_EXIT_CODE", "Exit code 7.", "https://logs.example.test/"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	f.denied = true
	if err := c.Execute(t.Context(), someJob(t), nil); gcp.KindOf(err) != gcp.Denied || errors.As(err, &ended) {
		t.Error(err)
	}
}

// What nobody waits for any more does not go on.
func TestExecute_interrupted(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	f.endless = true
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Execute(ctx, someJob(t), func(what string, _ time.Duration) {
		if strings.HasPrefix(what, "execution") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !f.cancelled || !strings.Contains(err.Error(), "was cancelled") {
		t.Errorf("cancelled %t, %v", f.cancelled, err)
	}
}

func TestJob_somebodyElses(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	f.job = &run.GoogleCloudRunV2Job{Etag: "1", Labels: map[string]string{labelManager: manager, labelKind: "other"}}
	var taken *TakenError
	if err := c.Execute(t.Context(), someJob(t), nil); !errors.As(err, &taken) || taken.Path != somePath {
		t.Error(err)
	}
	if err := c.DeleteJob(t.Context(), somePath, Migrations); err != nil || len(f.calls) > 0 {
		t.Errorf("%q, %v", f.calls, err)
	}
	f.job.Labels[labelKind] = string(Migrations)
	for range 2 {
		if err := c.DeleteJob(t.Context(), somePath, Migrations); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(f.calls, []string{"delete"}) {
		t.Errorf("%q", f.calls)
	}
}

// A job of its own is made of a spec alone, and seen in the same terms; bringing it into line runs nothing.
func TestSettleJob(t *testing.T) {
	t.Parallel()
	f, c := setupJobs(t)
	s := someSpec
	s.Env = []Env{{Name: "DATABASE", Value: "d"}, {Name: "KEY", Secret: &secrets.Ref{Project: "p", Name: "key", Version: "3"}}}
	s.Memory, s.Network = "2Gi", &Network{Subnetwork: "inside", Egress: EgressAll}
	of, err := s.Revision()
	if err != nil || of == nil {
		t.Fatal(of, err)
	}
	j := Job{Project: "p", Location: "l", Name: "n-migrate", Kind: Dataset, Revision: of, Args: []string{"import"}, Timeout: time.Hour}
	for range 2 {
		if err := c.SettleJob(t.Context(), j, nil); err != nil || !slices.Equal(f.calls, []string{"create"}) {
			t.Fatal(f.calls, err)
		}
	}
	seen, args, timeout := ObserveJob("p", "l", "n-migrate", f.job)
	if seen.Memory != "2Gi" || seen.ServiceAccount != s.ServiceAccount || !seen.Network.Is(s.Network) || len(differing(seen.Env, s.Env)) > 0 || !slices.Equal(args, j.Args) || timeout != time.Hour {
		t.Errorf("seen as %+v, %q, %s", seen, args, timeout)
	}
	if words, err := j.Drift(f.job); err != nil || len(words) > 0 {
		t.Errorf("drift of what was just made: %q, %v", words, err)
	}
	f.job.Template.Template.Containers[0].Args = nil
	if words, err := j.Drift(f.job); err != nil || !slices.Equal(words, []string{"arguments"}) {
		t.Errorf("%q, %v", words, err)
	}
	var taken *TakenError
	if j.Kind = Anonymization; !errors.As(c.SettleJob(t.Context(), j, nil), &taken) {
		t.Error("a job that is for something else was taken")
	}
}

func TestNextRevision(t *testing.T) {
	t.Parallel()
	live, _, _, err := someSpec.merge(&run.GoogleCloudRunV2Service{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	live.LatestCreatedRevision, live.LatestReadyRevision = "a", "a"
	live.TerminalCondition = &run.GoogleCloudRunV2Condition{State: "CONDITION_SUCCEEDED"}
	for name, c := range map[string]struct {
		change func(*Spec, *run.GoogleCloudRunV2Service)
		want   bool
	}{
		"nothing":   {func(*Spec, *run.GoogleCloudRunV2Service) {}, false},
		"label":     {func(s *Spec, _ *run.GoogleCloudRunV2Service) { s.Labels = map[string]string{"a": "b"} }, false},
		"scaling":   {func(s *Spec, _ *run.GoogleCloudRunV2Service) { s.Max = 9 }, false},
		"image":     {func(s *Spec, _ *run.GoogleCloudRunV2Service) { s.Image = "other" }, true},
		"not ready": {func(_ *Spec, l *run.GoogleCloudRunV2Service) { l.LatestCreatedRevision = "b" }, true}, // it is made again
	} {
		s := someSpec
		var now run.GoogleCloudRunV2Service
		if err := copyTo(&now, live); err != nil {
			t.Fatal(err)
		}
		c.change(&s, &now)
		if of, err := s.NextRevision(&now); err != nil || (of != nil) != c.want {
			t.Errorf("%s: %v, %v", name, of, err)
		}
	}
}
