package capacity

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// DefaultDrain is within how many seconds of the start of further instances what has gathered until then is to be worked off.
const DefaultDrain = 10

// unknownStart is how many seconds an instance is taken to need where none was seen to start.
const unknownStart = 10

// surge is what becomes of a burst that comes from one moment to the next.
type surge struct {
	warm, whole float64 // requests a second of the least instances, and of the most
	backlog     float64 // requests that wait when further instances are ready
	wait        float64 // seconds that nobody waits longer than
	drain       float64 // seconds from then on until nothing waits; infinite when more comes than is carried
}

// surge is what becomes of the service's burst with such settings: while further instances start, the least ones serve what they
// can, and what they cannot gathers; with all of them there it is worked off beside what goes on coming.
func (l load) surge(s Service, set Settings) surge {
	of := func(instances int64) float64 {
		set.MaxInstances = instances
		return l.carried(s, set) / (advise.DefaultConcurrencyTarget / 100.0) * suddenUse
	}
	out := surge{whole: of(set.MaxInstances), warm: of(set.MinInstances)}
	lacks := func(rate float64) float64 { return max(0, l.peak*(1-1e-9)-rate) }
	out.backlog = lacks(out.warm) * l.start
	switch {
	case lacks(out.whole) > 0:
		out.wait, out.drain = math.Inf(1), math.Inf(1)
	case out.backlog > 0:
		// The worst off is who is served just when the others are ready: all who came before, warm × start of them, came in that ÷ peak.
		out.wait = out.backlog / l.peak
		out.drain = out.backlog / max(out.whole-l.peak, leastFigure)
	}
	return out
}

// drains says that what gathers is worked off in time.
func (l load) drains(s Service, set Settings) bool { return l.surge(s, set).drain <= l.drain*(1+1e-9) }

// ready leaves a service whose burst comes all at once what so many connections carry, divided between instances that are there
// beforehand and those that start: as many beforehand as leave room for the rest to be worked off in time, since what waits for a
// start is at the mercy of it; or, where that cannot be, such that it is the soonest. It says whether there was a choice.
func (c *choice) ready(share int64) bool {
	var best Settings
	var is surge
	late := func(s surge) float64 { return max(s.drain, c.load.drain) } // all that is in time is alike
	better := func(a, b surge) bool {
		switch {
		case late(a) != late(b):
			return late(a) < late(b)
		case a.backlog != b.backlog && !math.IsInf(a.drain, 1):
			return a.backlog < b.backlog
		}
		return a.whole > b.whole*(1+1e-9)
	}
	for pool := c.alone; pool >= c.possible(); pool-- {
		usual, room := c.option(pool).MinInstances, c.capped(pool, 1, share).MaxInstances
		with := func(least int64) Settings { return c.capped(pool, max(1, min(least, usual)), share) }
		// Each instance that is there beforehand takes the place of one that starts, as both are counted while a new revision is rolled
		// out. How soon all is worked off then rises or falls with each of them.
		most := int64(sort.Search(int(usual), func(n int) bool { return !c.load.drains(c.Service, with(int64(n+1))) }))
		for _, least := range []int64{1, most, room / 2, room/2 + 1, usual} {
			set := with(least)
			if set.MaxInstances == 0 {
				continue
			}
			if got := c.load.surge(c.Service, set); best.MaxInstances == 0 || better(got, is) {
				best, is = set, got
			}
		}
	}
	if best.MaxInstances == 0 {
		return false
	}
	c.set, c.sized = &best, c.option(best.PoolMax)
	c.sized.Lines = append(slices.Clone(c.sized.Lines), fmt.Sprintf("of all services' connections this one has %d: %s, %d of them there beforehand", c.need(), plural(best.MaxInstances, "instance"), best.MinInstances))
	c.squeezed = c.load.drains(c.Service, best)
	c.short, c.sized.Rate = !c.squeezed, is.whole
	return true
}

// explain is the arithmetic of a burst that comes all at once.
func (l load) explain(s Service, set Settings) []string {
	is := l.surge(s, set)
	percent := int(suddenUse * 100)
	lines := []string{fmt.Sprintf("all at once: with %d %% of places taken, %s a second by %s from the first moment on, and %s by %s",
		percent, shown(is.warm), plural(set.MinInstances, "instance"), shown(is.whole), plural(set.MaxInstances, "instance"))}
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if is.backlog == 0 {
		note("that is %s at least, so nothing gathers while others start", shown(l.peak))
		return lines
	}
	note("while others start, in %s: (%s - %s) a second × %s s = %d requests gather", l.starts(s), shown(l.peak), shown(is.warm), shown(l.start), ceil(is.backlog))
	if math.IsInf(is.drain, 1) {
		note("then %s a second are no more than come: it is not caught up with while the burst lasts", shown(is.whole))
		return lines
	}
	note("then they are worked off in %d ÷ (%s - %s) = %s s, where %s s are meant; nobody waits longer than %d ÷ %s = %s s",
		ceil(is.backlog), shown(is.whole), shown(l.peak), shown(is.drain), shown(l.drain), ceil(is.backlog), shown(l.peak), shown(is.wait))
	return lines
}

func (l load) starts(s Service) string {
	if s.Measured.StartMS == nil {
		return fmt.Sprintf("%s s, as start_ms is not known", shown(l.start))
	}
	return shown(l.start) + " s"
}
