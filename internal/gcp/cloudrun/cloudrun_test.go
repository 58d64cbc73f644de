package cloudrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// fake is a Cloud Run that holds one service and does as it is told. The real manners of Cloud Run are tested
// against the local cloud, by the provider's tests.
type fake struct {
	mu       sync.Mutex
	service  *run.GoogleCloudRunV2Service
	stale    int  // how many writes are refused because of the etag
	lost     int  // how many writes are accepted, and come to nothing
	fails    bool // new revisions do not become ready
	stuck    bool // the service cannot be deleted
	refuses  bool // no service can be made
	rival    bool // somebody else changes the service before it can be deleted
	hidden   int  // how many reads do not see the service yet: half of them are denied it
	patches  []string
	history  []string // where traffic went after each write
	terse    bool     // operations tell nothing of revisions
	behind   bool     // operations tell of the service as it was before the write
	mute     int      // how many looks at a revision are answered by a broken server
	meddle   func()   // somebody else's hand, after the next write
	sick     string   // a revision that has ceased to be ready
	forced   int
	deletes  int
	revision int
}

func setup(t *testing.T) (*fake, *Client) {
	t.Helper()
	f := &fake{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	api, err := run.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c := New(api)
	c.Every, c.Look, c.ReadBudget, c.Youth = 5*time.Millisecond, time.Millisecond, time.Millisecond, time.Minute
	return f, c
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(body any) { _ = json.NewEncoder(w).Encode(body) }
	refuse := func(code int, status string) {
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"status":%q,"message":"refused"}}`, code, status)
	}
	var body run.GoogleCloudRunV2Service
	_ = json.NewDecoder(r.Body).Decode(&body)
	switch {
	case strings.Contains(r.URL.Path, "/operations/"):
		answer(map[string]any{"name": "operations/1", "done": true})
	case strings.Contains(r.URL.Path, "/revisions/") && f.mute > 0:
		f.mute--
		refuse(http.StatusServiceUnavailable, "UNAVAILABLE")
	case strings.Contains(r.URL.Path, "/revisions/") && !f.fails && f.sick != path.Base(r.URL.Path):
		answer(run.GoogleCloudRunV2Revision{Conditions: []*run.GoogleCloudRunV2Condition{{Type: "Ready", State: "CONDITION_SUCCEEDED"}}})
	case strings.Contains(r.URL.Path, "/revisions/"):
		answer(run.GoogleCloudRunV2Revision{LogUri: "https://logs.example.test/", Conditions: []*run.GoogleCloudRunV2Condition{
			{Type: "Ready", State: "CONDITION_FAILED", Message: "The container ended."},
			{Type: "Active", State: "CONDITION_FAILED", Message: "Revision retired.", Severity: "INFO"},
			{Type: "ContainerHealthy", State: "CONDITION_FAILED", Message: "The container ended."},
		}})
	case r.Method == http.MethodPost && f.refuses:
		refuse(http.StatusForbidden, "PERMISSION_DENIED")
	case r.Method == http.MethodPost && f.service != nil:
		refuse(http.StatusConflict, "ALREADY_EXISTS")
	case r.Method == http.MethodPost:
		f.service = &body
		f.service.Name, f.service.Uri = someSpec.Path(), "https://example.test"
		f.service.Etag = "1"
		f.deploy()
		f.wrote()
		answer(map[string]any{"name": "operations/1", "metadata": *f.service})
		if meddle := f.meddle; meddle != nil {
			f.meddle = nil
			meddle()
		}
	case r.Method == http.MethodGet && f.hidden > 0:
		if f.hidden--; f.hidden%2 == 0 {
			refuse(http.StatusForbidden, "PERMISSION_DENIED")
			return
		}
		refuse(http.StatusNotFound, "NOT_FOUND")
	case f.service == nil:
		refuse(http.StatusNotFound, "NOT_FOUND")
	case r.Method == http.MethodPatch && f.stale > 0:
		f.stale--
		f.service.Etag += "x"
		refuse(http.StatusConflict, "ABORTED")
	case r.Method == http.MethodPatch && body.Etag != f.service.Etag:
		refuse(http.StatusConflict, "ABORTED")
	case r.Method == http.MethodPatch && f.lost > 0:
		f.lost--
		answer(map[string]any{"name": "operations/1", "done": true, "error": map[string]any{"code": 10, "message": "superseded"}})
	case r.Method == http.MethodPatch:
		f.patches = append(f.patches, r.URL.Query().Get("updateMask"))
		if r.URL.Query().Get("forceNewRevision") == "true" {
			f.forced++
		}
		before := *f.service
		if body.Labels != nil {
			f.service.Labels = body.Labels
		}
		if body.Traffic != nil {
			f.service.Traffic = body.Traffic
		}
		if body.Scaling != nil {
			f.service.Scaling = body.Scaling
		}
		if body.Template != nil {
			f.service.Template = body.Template
			f.deploy()
		}
		f.wrote()
		metadata := *f.service
		if f.terse {
			metadata.LatestCreatedRevision = ""
		}
		if f.behind {
			metadata = before
		}
		answer(map[string]any{"name": "operations/1", "metadata": metadata})
		if meddle := f.meddle; meddle != nil {
			f.meddle = nil
			meddle()
		}
	case r.Method == http.MethodDelete && f.stuck:
		refuse(http.StatusForbidden, "PERMISSION_DENIED")
	case r.Method == http.MethodDelete && f.rival && r.URL.Query().Get("etag") != "":
		refuse(http.StatusConflict, "ABORTED")
	case r.Method == http.MethodDelete:
		f.service = nil
		f.deletes++
		answer(map[string]any{"name": "operations/1", "done": true})
	default:
		answer(f.service)
	}
}

func (f *fake) deploy() {
	f.revision++
	s := f.service
	s.LatestCreatedRevision = fmt.Sprintf("projects/p/locations/l/services/n/revisions/n-%d", f.revision)
	s.TerminalCondition = &run.GoogleCloudRunV2Condition{Type: "Ready", State: "CONDITION_SUCCEEDED"}
	if f.fails {
		s.TerminalCondition.State, s.TerminalCondition.Message, s.TerminalCondition.RevisionReason = "CONDITION_FAILED", "Revision is not ready.", "HEALTH_CHECK_CONTAINER_ERROR"
		return
	}
	s.LatestReadyRevision = s.LatestCreatedRevision
}

// wrote is what follows from any write: traffic goes where it is asked to, unless the newest revision is not ready.
func (f *fake) wrote() {
	s := f.service
	s.Generation++
	s.ObservedGeneration = s.Generation
	s.Etag = fmt.Sprint(s.Generation)
	if len(s.TrafficStatuses) == 0 || s.TerminalCondition.State == "CONDITION_SUCCEEDED" || !slices.ContainsFunc(s.Traffic, isLatest) {
		s.TrafficStatuses = nil
		for _, t := range s.Traffic {
			status := &run.GoogleCloudRunV2TrafficTargetStatus{Type: t.Type, Revision: t.Revision, Percent: t.Percent, Tag: t.Tag}
			if t.Tag != "" {
				status.Uri = "https://" + t.Tag + ".example.test"
			}
			s.TrafficStatuses = append(s.TrafficStatuses, status)
		}
	}
	f.history = append(f.history, serving(s).String())
}

func isLatest(t *run.GoogleCloudRunV2TrafficTarget) bool { return t.Type == latest }

var someSpec = Spec{
	Project: "p", Location: "l", Name: "n", Image: "i", ServiceAccount: "a", CPU: "1", Memory: "512Mi",
	Concurrency: 80, Timeout: "300s", Max: 3, Ingress: IngressAll, Audience: "a",
}

func TestCreate(t *testing.T) {
	t.Parallel()
	_, c := setup(t)
	live, adopted, err := c.Create(t.Context(), someSpec, Rollout{})
	if err != nil || adopted || !Ready(live) || Revision(live) != "n-1" {
		t.Fatalf("%+v, %t, %v", live, adopted, err)
	}
}

func TestCreate_cleansUp(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.fails = true
	_, _, err := c.Create(t.Context(), someSpec, Rollout{})
	var notReady *NotReadyError
	var undone *UndoneError
	if !errors.As(err, &notReady) || !errors.As(err, &undone) || f.deletes != 1 || f.service != nil {
		t.Fatalf("%v after %d deletes", err, f.deletes)
	}
	for _, part := range []string{"Revision is not ready.", "HEALTH_CHECK_CONTAINER_ERROR", "The container ended.", "https://logs.example.test/"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "retired") {
		t.Errorf("%q tells what is no cause", err)
	}

	f.stuck = true
	var leftover *LeftoverError
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); !errors.As(err, &leftover) || !errors.As(err, &notReady) {
		t.Fatal(err)
	}
	// The next try takes over what was left.
	f.fails = false
	if live, adopted, err := c.Create(t.Context(), someSpec, Rollout{}); err != nil || !adopted || !Ready(live) {
		t.Fatalf("%t, %v", adopted, err)
	}
}

// A service that was made and is not to be seen everywhere yet is waited for, not given up and deleted. One that is older is gone.
func TestCreate_notSeenYet(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.hidden = 4
	live, _, err := c.Create(t.Context(), someSpec, Rollout{})
	if err != nil || !Ready(live) || f.deletes > 0 {
		t.Fatalf("%v after %d deletes", err, f.deletes)
	}
	f.hidden = 1
	if _, err := c.Get(t.Context(), someSpec.Path()); gcp.KindOf(err) != gcp.Denied {
		t.Fatal(err)
	}
	f.hidden, c.Youth = 1, 0
	f.service = nil
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); err == nil {
		t.Fatal("waited for longer than a service is young")
	}
}

// Another apply takes a service over while its first revision starts, with a revision of its own: it goes on with it, and nothing of
// it is tried out or deleted here.
func TestCreate_overtaken(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.meddle = f.deploy
	e := &examiner{f: f}
	var overtaken *OvertakenError
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{Examiner: e}); !errors.As(err, &overtaken) || f.deletes > 0 || f.service == nil || len(e.asked) > 0 {
		t.Fatalf("%v after %d deletes, %q tried out", err, f.deletes, e.asked)
	}
}

// A first revision fails, and somebody else takes the service over before it is deleted: it is theirs now.
func TestCreate_leavesWhatAnotherTookOver(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.fails, f.rival = true, true
	var leftover *LeftoverError
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); !errors.As(err, &leftover) || f.deletes > 0 || f.service == nil {
		t.Fatalf("%v after %d deletes", err, f.deletes)
	}
}

// What was never made has not been deleted again either.
func TestCreate_refused(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.refuses = true
	_, _, err := c.Create(t.Context(), someSpec, Rollout{})
	var undone *UndoneError
	if gcp.KindOf(err) != gcp.Denied || errors.As(err, &undone) || f.deletes != 0 {
		t.Fatalf("%v after %d deletes", err, f.deletes)
	}
}

func TestCreate_taken(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	f.service = &run.GoogleCloudRunV2Service{Etag: "1", Labels: map[string]string{labelManager: "somebody"}}
	var taken *TakenError
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); !errors.As(err, &taken) {
		t.Fatal(err)
	}
	if len(f.patches) > 0 {
		t.Error("somebody else's service was changed")
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Update(t.Context(), someSpec, nil, Rollout{}); err != nil || len(f.patches) > 0 {
		t.Fatalf("nothing to do, and yet %q, %v", f.patches, err)
	}

	next := someSpec
	next.Image, next.Labels = "j", map[string]string{"team": "a"}
	f.stale = 2
	if _, err := c.Update(t.Context(), next, nil, Rollout{}); err != nil || !slices.Equal(f.patches, []string{"labels,template,traffic", "traffic"}) {
		t.Fatalf("%q, %v", f.patches, err)
	}
	f.stale = 100
	next.Image = "k"
	if _, err := c.Update(t.Context(), next, nil, Rollout{}); err == nil {
		t.Fatal("no end to somebody else's changes")
	}
	f.stale = 0

	f.fails = true
	var abandoned *AbandonedError
	if live, err := c.Update(t.Context(), next, nil, Rollout{}); !errors.As(err, &abandoned) || abandoned.Revision != "n-3" || abandoned.Kept != "n-2" || live == nil {
		t.Fatal(err)
	}
	// Nothing differs any more, and the service is still not ready: the revision is made again.
	f.fails = false
	if live, err := c.Update(t.Context(), next, nil, Rollout{}); err != nil || !Ready(live) || f.forced != 1 {
		t.Fatalf("%d forced, %v", f.forced, err)
	}
}

// A write that comes to nothing leaves the service ready, as it was. It is no success.
func TestUpdate_lost(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); err != nil {
		t.Fatal(err)
	}
	labelled := someSpec
	labelled.Labels = map[string]string{"team": "a"}
	f.lost = 1
	if live, err := c.Update(t.Context(), labelled, nil, Rollout{}); err != nil || live.Labels["team"] != "a" {
		t.Fatalf("%v, %v", live.Labels, err)
	}
	f.lost, labelled.Labels["team"] = 100, "b"
	if _, err := c.Update(t.Context(), labelled, nil, Rollout{}); gcp.KindOf(err) != gcp.Stale || !strings.Contains(err.Error(), "superseded") {
		t.Fatal(err)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	good := func() *run.GoogleCloudRunV2Service {
		return &run.GoogleCloudRunV2Service{
			Generation: 2, ObservedGeneration: 2, LatestCreatedRevision: "b", LatestReadyRevision: "b",
			TerminalCondition: &run.GoogleCloudRunV2Condition{State: "CONDITION_SUCCEEDED"},
		}
	}
	if !Ready(good()) {
		t.Error("a good service is not ready")
	}
	for name, spoil := range map[string]func(*run.GoogleCloudRunV2Service){
		"reconciling":     func(s *run.GoogleCloudRunV2Service) { s.Reconciling = true },
		"failed":          func(s *run.GoogleCloudRunV2Service) { s.TerminalCondition.State = "CONDITION_FAILED" },
		"no condition":    func(s *run.GoogleCloudRunV2Service) { s.TerminalCondition = nil },
		"not observed":    func(s *run.GoogleCloudRunV2Service) { s.ObservedGeneration = 1 },
		"an old revision": func(s *run.GoogleCloudRunV2Service) { s.LatestReadyRevision = "a" },
	} {
		s := good()
		if spoil(s); Ready(s) {
			t.Errorf("%s is ready", name)
		}
	}
}

func TestDelete_gone(t *testing.T) {
	t.Parallel()
	_, c := setup(t)
	if err := c.Delete(t.Context(), someSpec.Path(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), someSpec.Path()); !IsNotFound(err) {
		t.Fatal(err)
	}
}
