package drill

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func TestFailover_passes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outage = time.Second
	rec, err := w.drill(Failover).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The pause is measured from when a row was heard of: on a busy machine that is later than when it was committed.
	if !rec.Passed || rec.Failure != "" || !rec.Verified || rec.Lost != 0 || rec.RPO != 0 || rec.Acknowledged == 0 || rec.RTO < w.outage/10 {
		t.Errorf("got %+v", rec)
	}
	if got := []string{rec.ZoneBefore, rec.SecondaryBefore, rec.ZoneAfter, rec.SecondaryAfter}; !slices.Equal(got,
		[]string{"us-central1-a", "us-central1-b", "us-central1-b", "us-central1-a"}) {
		t.Errorf("zones %q", got)
	}
	if len(rec.Left) > 0 || rec.Restored != nil {
		t.Errorf("left %q, restored %v", rec.Left, rec.Restored)
	}
	w.clean()
}

func TestFailover_fails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong     func(*world, *Drill)
		attribute string
		words     []string
	}{
		"rows lost": {func(w *world, _ *Drill) { w.lose = 3 }, "max_lost_rows", []string{"3 are gone", "max_lost_rows is 0"}},
		"too slow": {func(w *world, d *Drill) { w.outage, d.MaxRTO = time.Second, 50*time.Millisecond },
			"max_rto", []string{"away for", "longer than max_rto, which is 50ms"}},
		"operation":  {func(w *world, _ *Drill) { w.opError = "the disk is gone" }, "", []string{"Cloud SQL did not fail over", "the disk is gone"}},
		"zones stay": {func(w *world, _ *Drill) { w.stayPut = true }, "", []string{"still serves from us-central1-a"}},
		"no standby": {func(w *world, _ *Drill) { w.noStandby = true }, "", []string{"no standby again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d := w.drill(Failover)
			c.wrong(w, &d)
			rec, err := d.Run(t.Context())
			wantFailed(t, rec, err, c.attribute, c.words...)
			if rec != nil && (rec.Acknowledged == 0 || !rec.Verified || rec.RTO == 0) {
				t.Errorf("nothing was measured: %+v", rec)
			}
			if rec != nil && (rec.RPO > 0) != (rec.Lost > 0) {
				t.Errorf("%d rows lost, and the work of %s", rec.Lost, rec.RPO)
			}
			w.clean()
		})
	}
}

func wantFailed(t *testing.T, rec *Record, err error, attribute string, words ...string) {
	t.Helper()
	var failed *Failed
	if !errors.As(err, &failed) || rec == nil {
		t.Fatalf("got %+v, %v; want a failed drill", rec, err)
	}
	if rec.Passed || rec.Failure != err.Error() {
		t.Errorf("recorded as %t, %q, for %q", rec.Passed, rec.Failure, err)
	}
	if failed.Reasons[0].Attribute != attribute {
		t.Errorf("blamed %q, want %q", failed.Reasons[0].Attribute, attribute)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestFailover_allowsWhatWasPromised(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lose = 2
	d := w.drill(Failover)
	d.MaxLost = 2
	rec, err := d.Run(t.Context())
	if err != nil || !rec.Passed || rec.Lost != 2 {
		t.Errorf("got %+v, %v", rec, err)
	}
}

// Streams that break are begun again, and no number is used twice.
func TestFailover_goesOnWhenStreamsBreak(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.breakEvery, w.outage = 1, 100*time.Millisecond // a stream has one row, and rows are steady when there are two
	rec, err := w.drill(Failover).Run(t.Context())
	if err != nil || rec.Lost != 0 || rec.Acknowledged < 4 {
		t.Errorf("got %+v, %v", rec, err)
	}
	w.clean()
}

func TestFailover_stopsWhenTheDatabaseStaysAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outage = time.Hour
	d := w.drill(Failover)
	ctx := &running{t.Context(), make(chan struct{})}
	begun := false
	d.Progress = func(step string, _ map[string]any) {
		switch {
		case step == "failing over":
			begun = true
		case step == "waiting for rows to be acknowledged" && begun && ctx.Err() == nil:
			close(ctx.out)
		}
	}
	rec, err := d.Run(ctx)
	wantFailed(t, rec, err, "timeouts", "did not take up its work again", "time that timeouts allows")
	if rec.Verified || rec.RTO == 0 {
		t.Errorf("got %+v", rec)
	}
	w.clean()
}

// running is a context whose time runs out when the test says so.
type running struct {
	context.Context
	out chan struct{}
}

// Done implements context.Context.
func (r *running) Done() <-chan struct{} { return r.out }

// Err implements context.Context.
func (r *running) Err() error {
	select {
	case <-r.out:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	settings := func(w *world) map[string]any { return w.instance["settings"].(map[string]any) }
	for name, c := range map[string]struct {
		kind      Kind
		wrong     func(*world, *Drill)
		attribute string
		word      string
	}{
		"absent":          {Failover, func(_ *world, d *Drill) { d.Instance = "typo" }, "instance", "There is no Cloud SQL instance feel-august-platform/typo"},
		"MySQL":           {Failover, func(w *world, _ *Drill) { w.instance["databaseVersion"] = "MYSQL_8_0" }, "instance", "MYSQL_8_0"},
		"a replica":       {Restore, func(w *world, _ *Drill) { w.instance["masterInstanceName"] = "p:main" }, "instance", "Drill the primary"},
		"stopped":         {Failover, func(w *world, _ *Drill) { w.instance["state"] = "SUSPENDED" }, "instance", "SUSPENDED"},
		"zonal":           {Failover, func(w *world, _ *Drill) { settings(w)["availabilityType"] = "ZONAL" }, "instance", "no standby"},
		"no standby":      {Failover, func(w *world, _ *Drill) { delete(w.instance, "secondaryGceZone") }, "instance", "no zone of a standby"},
		"no logs":         {Restore, func(w *world, _ *Drill) { delete(settings(w), "backupConfiguration") }, "instance", "no point-in-time recovery"},
		"busy":            {Restore, func(w *world, _ *Drill) { w.busy = "BACKUP_VOLUME" }, "instance", "BACKUP_VOLUME"},
		"somebody first":  {Failover, func(w *world, _ *Drill) { w.taken = true }, "instance", "came first"},
		"other instance":  {Failover, func(w *world, _ *Drill) { w.infoSays = "p:r:other" }, "endpoint", "on the instance p:r:other"},
		"instance untold": {Failover, func(w *world, _ *Drill) { w.infoSays = "" }, "endpoint", "does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d := w.drill(c.kind)
			c.wrong(w, &d)
			rec, err := d.Run(t.Context())
			var refusal *Refusal
			if rec != nil || !errors.As(err, &refusal) || refusal.Attribute != c.attribute || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %+v, %v", rec, err)
			}
			w.clean()
		})
	}
}

func TestNotBegunWithoutRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noProbes = true
	rec, err := w.drill(Failover).Run(t.Context())
	var refused *runtimeapi.Error
	if rec != nil || !errors.As(err, &refused) || refused.Code != runtimeapi.CodeNotFound {
		t.Errorf("got %+v, %v", rec, err)
	}
	w.noProbes, w.down = false, time.Now().Add(time.Hour)
	d := w.drill(Failover)
	d.Pace.Settle = 200 * time.Millisecond
	if rec, err = d.Run(t.Context()); rec != nil || err == nil || !strings.Contains(err.Error(), "nothing was done") {
		t.Errorf("got %+v, %v", rec, err)
	}
}

// A drill that is interrupted removes what it has made, at whatever step that was, and says whether it had begun.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Failover, Restore} {
		var steps []string
		d := newWorld(t).drill(kind)
		d.Progress = func(step string, _ map[string]any) {
			if !slices.Contains(steps, step) {
				steps = append(steps, step)
			}
		}
		if _, err := d.Run(t.Context()); err != nil || len(steps) < 5 {
			t.Fatalf("%s: steps %q, %v", kind, steps, err)
		}
		for n, step := range steps {
			t.Run(string(kind)+"/"+step, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.outage = 50 * time.Millisecond
				d := w.drill(kind)
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				came := false // rows that are steady at once are not waited for
				d.Progress = func(now string, _ map[string]any) {
					if now == step {
						came = true
						interrupt()
					}
				}
				rec, err := d.Run(ctx)
				if came && n < len(steps)-2 && err == nil { // the last steps are the verdict and removing
					t.Errorf("an interrupted drill passed: %+v", rec)
				}
				if rec != nil && rec.Failure != "" && !strings.Contains(rec.Failure, "interrupted") {
					t.Errorf("recorded as %q", rec.Failure)
				}
				if rec != nil && len(rec.Left) > 0 {
					t.Errorf("left %q", rec.Left)
				}
				w.clean()
			})
		}
	}
}
