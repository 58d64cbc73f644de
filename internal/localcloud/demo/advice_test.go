package demo

import (
	"io"
	"testing"
)

// checkAdvice asks for advice and takes none: the plan without it is as empty as before.
func (s *stage) checkAdvice(t *testing.T, r *report) {
	if err := r.advise(t.Context(), s.tf, io.Discard); err != nil {
		t.Fatal(err)
	}
	given := r.advice
	if given.Indexes.Statements < 20 {
		t.Errorf("%d statements of a runtime that has synced were planned", given.Indexes.Statements)
	}
	if given.Capacity.Available < 15 || given.Capacity.Connections < 1 || given.Capacity.Connections > given.Capacity.Available {
		t.Errorf("capacity: %+v", given.Capacity)
	}
	s.wantNoChanges(t, "after the first apply, and after advice was asked for")
}
