package runner

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// A tally keeps six hours, and what has happened since it was looked at last.
func TestTally(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	tally.Request(200, 10*time.Millisecond)
	if first := tally.Samples(time.Time{}); first[0].From.Before(start.Add(-11 * time.Millisecond)) {
		t.Errorf("the first request's sample begins %s before it was answered", start.Sub(first[0].From))
	}
	tally.end(start.Add(time.Hour), []Instance{{CPU: 0.5, Most: 3}, {}})
	tally.Request(200, 20*time.Millisecond)
	tally.Request(200, 40*time.Millisecond)
	tally.started(300 * time.Millisecond)
	tally.end(start.Add(2*time.Hour), nil)
	all := tally.Samples(start)
	if len(all) != 2 || all[0].Requests[200].Count != 1 || all[1].Requests[200].Mean() != 30 || all[0].Starts != nil || all[1].Starts.Mean() != 300 || !all[1].From.Equal(all[0].To) {
		t.Errorf("samples %+v", all)
	}
	cpu, active, idle := all[0].Spreads()
	if cpu.Count != 2 || cpu.Mean() != 0.25 || active.Count != 1 || active.Sum != 3 || idle.Count != 1 {
		t.Errorf("instances %+v %+v %+v", cpu, active, idle)
	}
	if late := tally.Samples(start.Add(time.Hour)); len(late) != 1 {
		t.Errorf("since the first %+v", late)
	}
	tally.Request(503, time.Millisecond)
	open := tally.Samples(start)
	tally.Request(503, time.Millisecond)
	if len(open) != 3 || open[2].Looked || open[2].Requests[503].Count != 1 {
		t.Errorf("what is open %+v", open)
	}
	tally.end(start.Add(time.Hour+face.SampleAge+time.Second), nil)
	if kept := tally.Samples(time.Time{}); len(kept) != 2 || kept[1].Requests[503].Count != 2 {
		t.Errorf("kept %+v", kept)
	}
	newest := start.Add(time.Hour + face.SampleAge + time.Second)
	if tally.Forgotten(newest.Add(face.SampleAge)) || !tally.Forgotten(newest.Add(face.SampleAge+time.Second)) {
		t.Error("it is forgotten at another time")
	}
}
