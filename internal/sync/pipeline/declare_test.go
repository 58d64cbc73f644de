package pipeline_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func code(err error) string {
	if e, ok := err.(*runtimeapi.Error); ok {
		return e.Code
	}
	return ""
}

func TestADatasetHasOneEnabledPipeline(t *testing.T) {
	r := newRig(t, 1)
	s, _ := r.instance()
	put := func(name string, paused bool) error {
		spec := spec
		spec.Paused = paused
		_, err := s.Put(t.Context(), name, spec)
		return err
	}
	for _, step := range []struct {
		name   string
		paused bool
		want   string
	}{
		{"first", false, ""},
		{"first", false, ""}, // itself is no rival
		{"second", false, runtimeapi.CodeConflict},
		{"second", true, ""},
		{"second", false, runtimeapi.CodeConflict}, // resuming is as good as declaring
		{"first", true, ""},
		{"second", false, ""},
		{"first", false, runtimeapi.CodeConflict},
	} {
		if err := put(step.name, step.paused); code(err) != step.want || (err == nil) != (step.want == "") {
			t.Errorf("%+v: %v", step, err)
		}
	}
	if _, err := s.Put(t.Context(), "third", other); err != nil {
		t.Errorf("another dataset: %v", err)
	}
}

// Several create a pipeline of one name, each otherwise: one is first, and the others change nothing. To create what is
// declared just so already is as good as having been first.
func TestOfTwoWhoCreateAPipelineOneIsFirst(t *testing.T) {
	r := newRig(t, 1)
	specs := make([]runtimeapi.PipelineSpec, 4)
	errs := make([]error, len(specs))
	var all sync.WaitGroup
	for i := range specs {
		specs[i] = spec
		specs[i].Schedule = fmt.Sprintf("0 %d * * *", i)
		s, _ := r.instance()
		all.Go(func() { _, errs[i] = s.Create(t.Context(), "billing", specs[i]) })
	}
	all.Wait()
	s, _ := r.instance()
	held, err := s.Get(t.Context(), "billing")
	if err != nil || held.Generation != 1 {
		t.Fatalf("%+v, %v", held, err)
	}
	for i, err := range errs {
		if first := held.Spec.Schedule == specs[i].Schedule; first != (err == nil) || !first && code(err) != runtimeapi.CodeConflict {
			t.Errorf("%s is held; who declared %s was told %v", held.Spec.Schedule, specs[i].Schedule, err)
		}
	}
	if again, err := s.Create(t.Context(), "billing", held.Spec); err != nil || again.Generation != 1 {
		t.Errorf("once more: %+v, %v", again, err)
	}
}

func TestOfTwoFirstDeclarationsOneWins(t *testing.T) {
	r := newRig(t, 1)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		s, _ := r.instance()
		all.Go(func() { _, errs[i] = s.Put(t.Context(), string(rune('a'+i)), spec) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if code(err) != runtimeapi.CodeConflict {
			t.Error(err)
		}
	}
	if n := r.one(`select count(*) from august.pipeline`); won != 1 || n != "1" {
		t.Errorf("%d won, %s are declared", won, n)
	}
}
