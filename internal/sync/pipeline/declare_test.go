package pipeline_test

import (
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
