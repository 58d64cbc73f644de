package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/run/v2"
	"pgregory.net/rapid"
)

// examiner notes what was served each time it is asked, and finds amiss what it is told to.
type examiner struct {
	f      *fake
	asked  []string
	able   error
	verify error
	watch  []error // one after the other, then nothing
	during func()  // happens while it watches
}

func (e *examiner) note(what, uri string) {
	e.f.mu.Lock()
	defer e.f.mu.Unlock()
	e.asked = append(e.asked, fmt.Sprintf("%s %s with %s", what, uri, serving(e.f.service)))
}

func (e *examiner) Able(context.Context) error { return e.able }

func (e *examiner) Verify(_ context.Context, uri, revision string, _ Progress) error {
	e.note("verify "+revision, uri)
	return e.verify
}

func (e *examiner) Watch(_ context.Context, uri string) error {
	e.note("watch", uri)
	if e.during != nil {
		e.during()
	}
	if len(e.watch) == 0 {
		return nil
	}
	err := e.watch[0]
	e.watch = e.watch[1:]
	return err
}

// begun is a service whose first revision serves, and what is to become of it.
func begun(t *testing.T) (*fake, *Client, *examiner, Spec) {
	t.Helper()
	f, c := setup(t)
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{}); err != nil {
		t.Fatal(err)
	}
	f.history = nil
	next := someSpec
	next.Image = "j"
	return f, c, &examiner{f: f}, next
}

func settled(t *testing.T, f *fake, want string) {
	t.Helper()
	if s := f.service; !Settled(s) || Revision(s) != want {
		t.Fatalf("%s serves, and %q", Revision(s), Astray(s))
	}
}

// untouched says that the first revision has everything, and that nothing but the service's address leads anywhere.
func untouched(t *testing.T, f *fake) {
	t.Helper()
	if s := f.service; !slices.Equal(readTargets(s, s.Traffic), []string{"n-1 100 "}) || serving(s).String() != "n-1" {
		t.Fatalf("traffic is asked to go to %v, and goes to %s", readTargets(s, s.Traffic), serving(s))
	}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	live, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10, 50}, Examiner: e})
	if err != nil || Revision(live) != "n-2" {
		t.Fatalf("%s serves, %v", Revision(live), err)
	}
	settled(t, f, "n-2")
	if want := []string{"n-1", "n-1 (90 %), n-2 (10 %)", "n-1 (50 %), n-2 (50 %)", "n-2"}; !slices.Equal(f.history, want) {
		t.Errorf("traffic went to %q, want %q", f.history, want)
	}
	if want := []string{"template,traffic", "traffic", "traffic", "traffic"}; !slices.Equal(f.patches, want) {
		t.Errorf("written was %q, want %q", f.patches, want)
	}
	const uri = "https://candidate.example.test"
	if want := []string{
		"verify n-2 " + uri + " with n-1",
		"watch " + uri + " with n-1 (90 %), n-2 (10 %)",
		"watch " + uri + " with n-1 (50 %), n-2 (50 %)",
	}; !slices.Equal(e.asked, want) {
		t.Errorf("asked was %q, want %q", e.asked, want)
	}
	// What makes no new revision moves nothing.
	next.Labels = map[string]string{"team": "a"}
	f.patches = nil
	if _, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10}, Examiner: e}); err != nil || !slices.Equal(f.patches, []string{"labels"}) {
		t.Errorf("labels are written by %q, %v", f.patches, err)
	}
}

// Whatever the steps, and whatever it was that served before: the candidate has no traffic before it has been tried out,
// always gets more, and ends with everything.
func TestRollout_ascends(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfNDistinct(rapid.Int64Range(1, 99), 0, 5, rapid.ID[int64]).Draw(t, "steps")
		slices.Sort(steps)
		next.Image += "j"
		f.history, e.asked = nil, nil
		before := Revision(f.service)
		live, err := c.Update(context.Background(), next, nil, Rollout{Steps: steps, Examiner: e})
		if err != nil || !Settled(live) || Revision(live) == before {
			t.Fatalf("%s serves, %v", Revision(live), err)
		}
		if !strings.HasSuffix(e.asked[0], " with "+before) || len(e.asked) != 1+len(steps) || len(f.history) != 2+len(steps) {
			t.Fatalf("asked %q while traffic went to %q", e.asked, f.history)
		}
		for i, step := range steps {
			if want := (split{before: 100}).give(Revision(live), step).String(); f.history[1+i] != want {
				t.Fatalf("traffic went to %q, want %q at step %d", f.history, want, i)
			}
		}
	})
}

// One bad look may be the network's fault, and two; the last one has to be good all the same.
func TestRollout_bakes(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	amiss := &CheckError{"readyz", "not ready"}
	e.watch = []error{amiss, amiss}
	if _, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10}, Examiner: e}); err != nil || len(e.asked) != 1+3 {
		t.Fatalf("%q, %v", e.asked, err)
	}
	settled(t, f, "n-2")

	next.Image = "k"
	ctx, cancel := context.WithCancel(t.Context())
	e.watch, e.asked = []error{amiss, amiss, nil, amiss, amiss, nil}, nil
	e.during = func() {
		if len(e.watch) == 1 {
			cancel()
		}
	}
	var abandoned *AbandonedError
	if _, err := c.Update(ctx, next, nil, Rollout{Steps: []int64{10}, Bake: time.Hour, Examiner: e}); !errors.Is(err, context.Canceled) || errors.As(err, &abandoned) {
		t.Fatal(err)
	}
}

// A broken server of Cloud Run's says nothing about the candidate.
func TestRollout_asksAgain(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	c.ReadBudget, f.mute = time.Minute, falters
	if _, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10}, Examiner: e}); err != nil {
		t.Fatal(err)
	}
	settled(t, f, "n-2")
}

// An operation that tells of the service as it was before the write tells nothing of the write.
func TestRollout_toldLate(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	f.behind = true
	if _, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10}, Examiner: e}); err != nil {
		t.Fatal(err)
	}
	settled(t, f, "n-2")
}

// However a candidate fails, traffic is where it was, and nothing of the candidate is left in it.
func TestRollout_abandons(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, check, detail string
		spoil               func(*fake, *examiner)
	}{
		{"not ready", CheckStartup, "HEALTH_CHECK_CONTAINER_ERROR", func(f *fake, _ *examiner) { f.fails = true }},
		{"fails a check", "schema", "no such table", func(_ *fake, e *examiner) { e.verify = &CheckError{"schema", "no such table"} }},
		{"fails with traffic", "readyz", "receiving", func(_ *fake, e *examiner) {
			amiss := &CheckError{"readyz", "receiving"}
			e.watch = []error{amiss, amiss, amiss}
		}},
		{"ceases to be ready", CheckStartup, "The container ended.", func(f *fake, _ *examiner) { f.sick = "n-2" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c, e, next := begun(t)
			tt.spoil(f, e)
			how := Rollout{Steps: []int64{10, 50}, Examiner: e}
			_, err := c.Update(t.Context(), next, nil, how)
			var abandoned *AbandonedError
			if !errors.As(err, &abandoned) || abandoned.Revision != "n-2" || abandoned.Kept != "n-1" || abandoned.Untidy != nil ||
				abandoned.Cause.Check != tt.check || !strings.Contains(err.Error(), tt.detail) {
				t.Fatalf("%v", err)
			}
			untouched(t, f)
			// The next one goes forward: from the same revision when it was ready, else by a new one.
			f.fails, f.sick, e.verify = false, "", nil
			if _, err := c.Update(t.Context(), next, nil, how); err != nil {
				t.Fatal(err)
			}
			settled(t, f, map[bool]string{true: "n-3", false: "n-2"}[tt.name == "not ready"])
		})
	}
}

// What several revisions share, they share again when the candidate is given up.
func TestRollout_abandonsWithinASplit(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	if _, err := c.Update(t.Context(), next, nil, Rollout{}); err != nil {
		t.Fatal(err)
	}
	f.service.Traffic = split{"n-1": 33, "n-2": 67}.targets("")
	f.wrote()
	next.Image = "k"
	amiss := &CheckError{"readyz", "receiving"}
	e.watch = []error{nil, amiss, amiss, amiss}
	if _, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10, 95}, Examiner: e}); err == nil {
		t.Fatal("no error")
	}
	if got := serving(f.service).String(); got != "n-1 (33 %), n-2 (67 %)" {
		t.Errorf("traffic was put back to %s", got)
	}
}

// Nothing is made that could not be tried out; what makes no new revision needs no trying.
func TestRollout_unable(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	e.able = errors.New("no identity")
	if _, err := c.Update(t.Context(), next, nil, Rollout{Examiner: e}); !errors.Is(err, e.able) || len(f.patches) > 0 {
		t.Fatalf("%q, %v", f.patches, err)
	}
	labelled := someSpec
	labelled.Labels = map[string]string{"team": "a"}
	if _, err := c.Update(t.Context(), labelled, nil, Rollout{Examiner: e}); err != nil {
		t.Fatal(err)
	}
	f.service = nil
	if _, _, err := c.Create(t.Context(), next, Rollout{Examiner: e}); !errors.Is(err, e.able) || f.service != nil {
		t.Fatal(err)
	}
}

// When the time runs out, whatever is live stays, and the next apply goes on from there.
func TestRollout_resumes(t *testing.T) {
	t.Parallel()
	f, c, e, next := begun(t)
	how := Rollout{Steps: []int64{10, 50}, Bake: time.Hour, Examiner: e}
	ctx, cancel := context.WithCancel(t.Context())
	e.during = cancel
	var abandoned *AbandonedError
	if _, err := c.Update(ctx, next, nil, how); !errors.Is(err, context.Canceled) || errors.As(err, &abandoned) {
		t.Fatal(err)
	}
	if got := serving(f.service).String(); got != "n-1 (90 %), n-2 (10 %)" || Settled(f.service) {
		t.Fatalf("the interruption left traffic to %s", got)
	}
	f.history, e.asked, e.during, how.Bake = nil, nil, nil, 0
	if _, err := c.Update(t.Context(), next, nil, how); err != nil {
		t.Fatal(err)
	}
	settled(t, f, "n-2")
	if want := []string{"n-1 (50 %), n-2 (50 %)", "n-2"}; !slices.Equal(f.history, want) || !strings.HasPrefix(e.asked[0], "verify n-2") {
		t.Errorf("traffic went to %q, after %q", f.history, e.asked)
	}
	if f.revision != 2 {
		t.Errorf("%d revisions were made", f.revision)
	}
}

// What somebody else does meanwhile is told, and not overwritten; what has nothing to do with it is no obstacle.
func TestRollout_overtaken(t *testing.T) {
	t.Parallel()
	deploys := func(f *fake) {
		f.service.Template = &run.GoogleCloudRunV2RevisionTemplate{Containers: []*run.GoogleCloudRunV2Container{{Image: "theirs"}}}
		f.service.LastModifier = "somebody@example.test"
		f.service.Traffic = everything()
		f.deploy()
		f.wrote()
	}
	pins := func(f *fake) {
		f.service.Traffic = split{"n-1": 100}.targets("")
		f.service.LastModifier = "somebody@example.test"
		f.wrote()
	}
	labels := func(f *fake) {
		f.service.Labels["theirs"] = "kept"
		f.wrote()
	}
	for _, tt := range []struct {
		name   string
		during bool // while the candidate has its first share, and not before
		terse  bool
		hand   func(*fake)
		word   string // of the error
		serves string
	}{
		{"deploys while it starts", false, false, deploys, "its newest revision is n-3 now", "n-3"},
		{"deploys while it starts, and little is told", false, true, deploys, "its newest revision is n-3 now", "n-3"},
		{"deploys while it bakes", true, false, deploys, "its newest revision is n-3 now", "n-3"},
		{"pins traffic while it starts", false, false, pins, "its traffic was changed by somebody@example.test", "n-1"},
		{"pins traffic while it bakes", true, false, pins, "its traffic was changed by somebody@example.test", "n-1"},
		{"labels while it starts", false, false, labels, "", "n-2"},
		{"labels while it bakes", true, false, labels, "", "n-2"},
		{"nobody, and little is told", true, true, func(*fake) {}, "", "n-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, c, e, next := begun(t)
			f.terse = tt.terse
			if tt.during {
				e.during = func() {
					f.mu.Lock()
					defer f.mu.Unlock()
					tt.hand(f)
				}
			} else {
				f.meddle = func() { tt.hand(f) }
			}
			_, err := c.Update(t.Context(), next, nil, Rollout{Steps: []int64{10}, Examiner: e})
			var overtaken *OvertakenError
			switch {
			case tt.word == "" && err != nil, tt.word != "" && (!errors.As(err, &overtaken) || !strings.Contains(err.Error(), tt.word)):
				t.Fatal(err)
			case !slices.Equal(readTargets(f.service, f.service.Traffic), []string{tt.serves + " 100 "}):
				t.Fatalf("traffic is asked to go to %q", readTargets(f.service, f.service.Traffic))
			case tt.word == "" && !tt.terse && f.service.Labels["theirs"] != "kept":
				t.Error("their label is gone")
			}
		})
	}
}

// A first revision that fails a check is no better than one that does not start; one that is taken over is tried out too.
func TestCreate_verifies(t *testing.T) {
	t.Parallel()
	f, c := setup(t)
	e := &examiner{f: f, verify: &CheckError{"database", "away"}}
	var undone *UndoneError
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{Examiner: e}); !errors.As(err, &undone) || f.service != nil {
		t.Fatal(err)
	}
	f.stuck = true
	if _, _, err := c.Create(t.Context(), someSpec, Rollout{Examiner: e}); err == nil {
		t.Fatal("no error")
	}
	var failed *CheckError
	if _, adopted, err := c.Create(t.Context(), someSpec, Rollout{Examiner: e}); !adopted || !errors.As(err, &failed) {
		t.Fatal(err)
	}
	e.verify = nil
	if live, adopted, err := c.Create(t.Context(), someSpec, Rollout{Examiner: e}); err != nil || !adopted || !Settled(live) {
		t.Fatal(err)
	}
}
