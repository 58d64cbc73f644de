package pubsub

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// A subscription's backlog is what nobody has acknowledged, also while somebody has it.
func TestFigures(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	look := func(metric string) float64 {
		t.Helper()
		r.recorder = face.Recorder{} // so that nothing of before is shown, and no look is too soon
		r.Look(t.Context())
		for _, s := range r.Series(t.Context(), lastPart(inProject), metric, time.Time{}) {
			if s.Resource["subscription_id"] == lastPart(drain) {
				return s.Points[0].Number
			}
		}
		return -1
	}
	if n, age := look(metricUndelivered), look(metricOldest); n != 0 || age != 0 {
		t.Errorf("of nothing %v, %v old", n, age)
	}
	r.publish("", "one", "two")
	time.Sleep(5 * time.Millisecond)
	r.publish("", "three")
	out := r.pull(drain, false)
	if n, age := look(metricUndelivered), look(metricOldest); n != 3 || age < 0.005 {
		t.Errorf("%v wait, the oldest for %v s", n, age)
	}
	r.ack(drain, out...)
	if n, age := look(metricUndelivered), look(metricOldest); n != 0 || age != 0 {
		t.Errorf("%v are left, the oldest for %v s", n, age)
	}
	if all := r.Series(t.Context(), "elsewhere", metricUndelivered, time.Time{}); len(all) != 0 {
		t.Errorf("another project has %v", all)
	}
}
