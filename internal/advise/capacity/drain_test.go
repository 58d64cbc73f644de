package capacity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// everybody is a service of short requests, all of whom come within one moment.
func everybody(startMS float64) Service {
	return Service{Name: "everybody", CPU: 1, Sudden: true, Expected: new(500.0), Measured: Measured{Window: time.Hour, Rate: new(7.0), LatencyMS: new(78.0), CPUMS: new(0.5), StartMS: &startMS}}
}

func TestAdvise_allAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		connections int64
		startMS     float64
		drain       float64
		want        string
		fits        bool
		finding     string // its beginning
		line        string
	}{
		"room": {400, 3000, 0, "53/53/1/2", true, "", "that is 500 at least, so nothing gathers while others start"},
		// Those that are there beforehand are counted twice: 50 connections carry the burst, and 65 are left for all.
		"warm instances":       {130, 3000, 0, "5/5/10/13", true, "", "13 instances, 10 of them there beforehand"},
		"a start that is long": {125, 20_000, 0, "10/10/5/6", true, "", "nothing gathers"},
		// 97 are too few for that: the fewer are there beforehand, the more can start.
		"few beforehand":             {112, 3000, 0, "4/4/11/13", true, "", "worked off in 189 ÷ (520 - 500) = 9.45 s, where 10 s are meant; nobody waits longer than 189 ÷ 500 = 0.378 s"},
		"and soon done":              {112, 3000, 4, "6/6/5/11", true, "", "worked off in 630 ÷ (660 - 500) = 3.94 s, where 4 s are meant; nobody waits longer than 630 ÷ 500 = 1.26 s"},
		"not in time":                {112, 3000, 2, "16/16/1/5", false, "BURST_DRAINS_SLOWLY", "3.57 s, where 2 s are meant"},
		"of a start that nobody saw": {112, -1, 0, "16/16/1/5", false, "BURST_DRAINS_SLOWLY", "in 10 s, as start_ms is not known"},
		"less than what comes":       {60, 3000, 0, "3/3/1/14", false, "BURST_NOT_CARRIED", "not caught up with while the burst lasts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := everybody(tt.startMS)
			if s.Drain = tt.drain; tt.startMS < 0 {
				s.Measured.StartMS = nil
			}
			db := database(tt.connections)
			db.VCPU = 16
			p := mustAdvise(t, db, s)
			a, found := p.Services[0], ""
			if len(p.Findings) > 0 && p.Findings[0].Severity != info {
				found = p.Findings[0].Code
			}
			got := fmt.Sprintf("%d/%d/%d/%d", a.Settings.PoolMax, a.Settings.Concurrency, a.Settings.MinInstances, a.Settings.MaxInstances)
			if got != tt.want || p.Fits() != tt.fits || found != tt.finding || !strings.Contains(a.Explanation(), tt.line) {
				t.Errorf("got %s, fits %t, %s; want %s, %t, %s and %q in\n%s\n%s\n%+v", got, p.Fits(), found, tt.want, tt.fits, tt.finding, tt.line, a.Explanation(), p.Budget.Explanation(), p.Findings)
			}
			if !p.Budget.Fits() {
				t.Error("more connections than there are")
			}
		})
	}
}

// played has a burst come, request by request, and finds a place for each: at first only the least instances have any. It tells
// how long the worst has waited, and since when none has waited for longer than a request takes.
func played(s Service, set Settings, rate float64) (worst, quiet float64) {
	m := s.Measured
	// A place is free again after so many seconds: when all of an instance's are taken, what it lacks first slows all of them. One in five
	// is for how requests come by chance; here they come evenly, so that nothing uses it.
	taken := max(*m.LatencyMS, float64(set.Concurrency)*max(*m.DatabaseMS/float64(set.PoolMax*s.processes()), *m.CPUMS/s.CPU)) / 1000 / suddenUse
	free := make([]float64, 0, set.MaxInstances*set.Concurrency)
	for range set.MinInstances * set.Concurrency {
		free = append(free, 0)
	}
	for range (set.MaxInstances - set.MinInstances) * set.Concurrency {
		free = append(free, *m.StartMS/1000)
	}
	for i := range int(rate * (*m.StartMS/1000 + s.Drain + 5)) {
		at, first := float64(i)/rate, 0
		for n := range free {
			if free[n] < free[first] {
				first = n
			}
		}
		waits := max(0, free[first]-at)
		free[first] = at + waits + taken
		worst = max(worst, waits)
		if waits > taken {
			quiet = at
		}
	}
	return worst, quiet
}

// Whatever the service: a burst that is said to be carried is worked off in time when it is played, and none waits for longer than
// was said.
func TestAdvise_allAtOnceAsPlayed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		figure := func(of string, least, most float64) *float64 {
			return new(rapid.Float64Range(least, most).Draw(t, of))
		}
		s := Service{Name: "s", CPU: rapid.SampledFrom([]float64{1, 2}).Draw(t, "cpus"), Sudden: true, Drain: *figure("drain", 1, 20),
			Processes: rapid.Int64Range(0, 2).Draw(t, "processes"), Expected: figure("peak", 1, 300), Measured: Measured{Rate: new(1.0), StartMS: figure("start", 50, 8000), LatencyMS: figure("latency", 5, 400)}}
		s.Measured.CPUMS, s.Measured.DatabaseMS = figure("cpu", 0.1, *s.Measured.LatencyMS), figure("database", 1, *s.Measured.LatencyMS)
		// From too few connections to twice as many as the burst keeps busy, so that it is the division of them that counts.
		db := database(advise.DefaultReserved + 4 + int64(*figure("room", 1, 2.6)**s.Expected**s.Measured.DatabaseMS/1000))
		p := mustAdvise(t, db, s)
		a := p.Services[0]
		if set := a.Settings; 2*s.least()*s.processes()+db.Reserved <= db.MaxConnections && (set.MaxInstances+set.MinInstances)*set.PoolMax*s.processes()+db.Reserved > db.MaxConnections {
			t.Fatalf("%v: more than %d connections", set, db.MaxConnections)
		}
		if !a.Fits {
			return
		}
		worst, quiet := played(s, *a.Settings, *s.Expected)
		said := loadOf(s, asMeasured).surge(s, *a.Settings)
		if most := *s.Measured.StartMS/1000 + s.Drain; quiet > most || worst > said.wait+2**s.Measured.LatencyMS/1000 {
			t.Fatalf("the worst waits for %.3g s and none from %.3g s on; it was said %.3g s and %.3g s\n%s", worst, quiet, said.wait, most, a.Explanation())
		}
	})
}
