package drill

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func TestRestore_passes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lag, w.moving, w.direct = time.Second, true, true
	rec, err := w.drill(Restore).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := rec.Restored
	if !rec.Passed || !rec.Verified || rec.Lost != 0 || rec.Acknowledged == 0 || r.Tables != 1 || r.Changing != 1 || len(r.Different) != 0 {
		t.Errorf("got %+v, %+v", rec, r)
	}
	// By how long the answer that tells the clock was under way, the lag seems shorter.
	if r.Clone <= 0 || r.Verify <= 0 || rec.RTO < r.Clone+r.Verify || r.Recoverable < w.lag/10 || rec.Downtime != 0 || !rec.RanAt.Equal(r.To) {
		t.Errorf("got %+v, %+v", rec, r)
	}
	w.clean()
}

func TestRestore_fails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong     func(*world, *Drill)
		attribute string
		words     []string
	}{
		"a row lost": {func(w *world, _ *Drill) {
			w.wrong = func(c *clone) { delete(c.rows, slices.Min(slices.Collect(maps.Keys(c.rows)))) }
		}, "max_lost_rows", []string{"1 are gone"}},
		"too late": {func(w *world, _ *Drill) { w.wrong = func(c *clone) { c.rows[1<<40] = time.Now() } }, "", []string{"committed after"}},
		"a table differs": {func(w *world, _ *Drill) { w.wrong = func(c *clone) { c.tables[0].Rows-- } },
			"verify_tables", []string{"1 are not", "billing.claim"}},
		"a table is missing": {func(w *world, _ *Drill) { w.wrong = func(c *clone) { c.tables = c.tables[1:] } },
			"verify_tables", []string{"billing.claim"}},
		"operation":  {func(w *world, _ *Drill) { w.opError = "no room" }, "", []string{"could not be made", "no room"}},
		"too slow":   {func(_ *world, d *Drill) { d.MaxRTO = time.Nanosecond }, "max_rto", []string{"From the call for a clone"}},
		"no history": {func(w *world, _ *Drill) { w.noHistory = true }, "", []string{"could not be recovered to", "first backup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d := w.drill(Restore)
			c.wrong(w, &d)
			rec, err := d.Run(t.Context())
			wantFailed(t, rec, err, c.attribute, c.words...)
			if rec.Acknowledged == 0 || rec.Restored.To.IsZero() {
				t.Errorf("nothing was measured: %+v", rec)
			}
			w.mu.Lock()
			w.opError = ""
			w.mu.Unlock()
			if name == "operation" { // in this world the clone cannot even be unprotected; the next drill removes it
				if len(rec.Left) != 1 {
					t.Errorf("left %q", rec.Left)
				}
				if _, err := d.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			}
			w.clean()
		})
	}
}

func TestRestore_namesATableThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.drill(Restore)
	d.Tables = []string{"billing.claim"}
	rec, err := d.Run(t.Context())
	if err != nil || rec.Restored.Tables != 1 || rec.Restored.Changing != 0 {
		t.Errorf("got %+v, %v", rec, err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	names := map[string]bool{ // name → whether it stays
		cloneName("platform", "mine", now.Add(time.Hour)):     false, // ours: nobody else uses it
		cloneName("platform", "else", now.Add(-time.Hour)):    false, // its drill is over for certain
		cloneName("platform", "else", now.Add(time.Hour)):     true,
		cloneName("platform", "else", now.Add(-time.Second)):  true, // its drill may be cleaning up
		cloneName("platform2", "mine", now.Add(-time.Hour)):   true, // another instance's
		"platform-drill-rehearsal123":                         true, // somebody's own, named alike
		"platform-drill-" + strings.Repeat("0", 12):           true,
		cloneName("platform", "mine", now.Add(-24*time.Hour)): false,
	}
	for name := range names {
		w.clones[name] = &clone{protected: true}
	}
	inUse, err := w.drill(Restore).Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, stays := range names {
		if (w.clones[name] != nil) != stays {
			t.Errorf("%s: there %t, want %t", name, !stays, stays)
		}
	}
	if len(inUse) != 2 || !strings.Contains(inUse[0], "may be running until") {
		t.Errorf("in use: %q", inUse)
	}
}

func TestCloneNames(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	name := cloneName("platform", "ab12", end)
	if len(name) != len("platform")+suffixLength {
		t.Errorf("%s is not as long as said", name)
	}
	owner, until, ok := parseClone("platform", name)
	if owner != "ab12" || !until.Equal(end) || !ok {
		t.Errorf("%s: %q, %s, %t", name, owner, until, ok)
	}
	if problems := (runtimeapi.VerifyRequest{Target: &runtimeapi.ProbeTarget{Instance: project + ":us-central1:" + name}}).Validate(); len(problems) > 0 {
		t.Errorf("the runtime refuses %s: %v", name, problems)
	}
	if problem := runtimeapi.ValidateProbe(newProbe()); problem != nil {
		t.Error(problem)
	}
	for _, other := range []string{"platform", "platform-drill-", name + "0", name[:len(name)-1], strings.ToUpper(name), "x" + name} {
		if _, _, ok := parseClone("platform", other); ok {
			t.Errorf("%s is taken for a clone", other)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	want := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), want)
	defer cancel()
	if end := (Drill{}).deadline(ctx); !end.Equal(want) {
		t.Errorf("until %s, want %s", end, want)
	}
	if end := (Drill{}).deadline(t.Context()); end.Before(want) {
		t.Errorf("without a deadline, until %s", end)
	}
}

func TestOutageOf(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(seconds ...float64) []ack {
		var all []ack
		for n, s := range seconds {
			all = append(all, ack{number: int64(n + 1), at: start.Add(time.Duration(s * float64(time.Second)))})
		}
		return all
	}
	second := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	for name, c := range map[string]struct {
		acks           []ack
		from, to       float64
		longest, total time.Duration
		began          float64
	}{
		"one pause":                 {at(0, 1, 2, 12, 13), 2.5, 13, 10 * time.Second, 10 * time.Second, 2},
		"begun before the call":     {at(0, 5, 6), 1, 6, 5 * time.Second, 5 * time.Second, 0},
		"over before the event":     {at(0, 5, 6, 7), 5.5, 7, time.Second, 0, 5},
		"two pauses":                {at(0, 1, 4, 5, 9, 10), 1.5, 10, 4 * time.Second, 7 * time.Second, 5},
		"not over yet":              {at(0, 1), 1.5, 31, 30 * time.Second, 30 * time.Second, 1},
		"after it, it does nothing": {at(0, 1, 2, 50), 0.5, 1.5, time.Second, 0, 0},
		"no row at all":             {nil, 0, 10, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := outageOf(c.acks, second(c.from), second(c.to), 1500*time.Millisecond)
			if o.longest != c.longest || o.total != c.total || (len(c.acks) > 0 && !o.began.Equal(second(c.began))) {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func TestRangesAndLostWork(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var acks []ack
	for _, n := range []int64{1, 2, 3, 1004, 1005, 2006} {
		acks = append(acks, ack{number: n, at: start.Add(time.Duration(n) * time.Second)})
	}
	got := ranges(acks)
	if !slices.Equal(got, []runtimeapi.ProbeRange{{First: 1, Last: 3}, {First: 1004, Last: 1005}, {First: 2006, Last: 2006}}) {
		t.Errorf("got %v", got)
	}
	if problems := (runtimeapi.VerifyRequest{Acknowledged: got}).Validate(); len(problems) > 0 {
		t.Errorf("the runtime refuses them: %v", problems)
	}
	at := func(a ack) time.Time { return a.at }
	for first, want := range map[int64]time.Duration{2006: 1001 * time.Second, 1004: 2003 * time.Second, 3: 2004 * time.Second, 1: 2005 * time.Second} {
		if got := lostWork(acks, first, 2006, start, at); got != want {
			t.Errorf("from %d on: %s, want %s", first, got, want)
		}
	}
	// Until the event, and not only until the last row before it; until the last row, when a longer pause came before it.
	for until, want := range map[int64]time.Duration{4000: 2996 * time.Second, 2: 1002 * time.Second} {
		if got := lostWork(acks, 1005, 2006, start.Add(time.Duration(until)*time.Second), at); got != want {
			t.Errorf("until %d: %s, want %s", until, got, want)
		}
	}
}
