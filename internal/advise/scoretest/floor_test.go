package scoretest

import (
	"testing"
)

// TestFloor makes sure that what the advice is held against is right itself: each index that was made by hand helps its statement,
// and together they make the workload cheaper.
func TestFloor(t *testing.T) {
	before := newPractice(t).measure(t, workload())
	p := newPractice(t)
	p.byHand(t)
	after := p.measure(t, workload())
	for _, s := range workload() {
		t.Logf("%-35s %8.1f %8.1f   %8.2f %8.2f ms", s.name, before[s.name].blocks, after[s.name].blocks, before[s.name].ms, after[s.name].ms)
	}
	t.Log(day(before), day(after))
	for _, m := range wanting {
		if b, a := before[m.name].blocks, after[m.name].blocks; a > b/2 {
			t.Errorf("%s: %.0f blocks without %s, %.0f with it", m.name, b, m.right, a)
		}
	}
	if b, a := day(before).blocks, day(after).blocks; a > b/2 {
		t.Errorf("the whole day takes %.0f blocks, and %.0f with the indexes made by hand", b, a)
	}
}
