package advise

import (
	"fmt"
	"math"
	"time"
)

// reconcile adds up what a pipeline's comparisons with the source cost: a full read each. It returns their calls in
// an average hour.
func (b *CallBudget) reconcile(i int, p CallPipeline, cost *CallCost, compared map[time.Time]map[int]int64) float64 {
	starts := startsOf(p.Reconcile)
	if len(starts) == 0 {
		return 0
	}
	var n int64
	for hour, times := range starts {
		if compared[hour] == nil {
			compared[hour] = map[int]int64{}
		}
		compared[hour][i] = times
		n += times
	}
	cost.Reconcile = float64(cost.Full) / gapOf(p.Reconcile).Hours()
	b.Reconcile += cost.Reconcile
	return float64(n*cost.Full) / hoursOfYear
}

// compare is what comparisons take of an hour that has so many calls left. One that needs more goes on in the next
// hour; when it has to begin again before that, it cannot.
func (b *CallBudget) compare(times map[int]int64, left int64) int64 {
	var once, again int64
	for i, n := range times {
		if n == 1 {
			once += b.Pipelines[i].Full
		} else {
			again += n * b.Pipelines[i].Full
		}
	}
	return again + min(once, max(0, left-again))
}

// reconciles holds the comparisons against what ordinary runs leave.
func (b *CallBudget) reconciles(l CallLimits) {
	b.Free = b.beside(l)
	if b.Reconcile == 0 {
		return
	}
	line := fmt.Sprintf("reconciliations: %.0f of %.0f calls an hour that ordinary runs leave", math.Ceil(b.Reconcile), math.Floor(b.Free))
	if b.Free < 1 {
		line = fmt.Sprintf("reconciliations: %s an hour, and ordinary runs leave none", plural(int64(math.Ceil(b.Reconcile)), "call"))
	}
	if b.Reconciles() {
		b.Lines = append(b.Lines, line)
		return
	}
	b.short = true
	var ways []string
	for _, p := range b.Pipelines {
		if rest := b.Free - (b.Reconcile - p.Reconcile); p.Reconcile > 0 && rest >= 1 {
			ways = append(ways, fmt.Sprintf("reconcile %s at most every %s", p.Name, span(time.Duration(math.Ceil(float64(p.Full)/rest))*time.Hour)))
		}
	}
	b.WaysOut = append(append(b.WaysOut, ways...), fmt.Sprintf("have DrChrono raise the limit to at least %.0f calls an hour", math.Ceil(b.Steady+b.Reconcile)))
	line += ", so one would not end before the next; "
	for i, way := range append(ways, b.WaysOut[len(b.WaysOut)-1]) {
		if i > 0 {
			line += ", or "
		}
		line += way
	}
	b.Lines = append(b.Lines, line)
}

// beside is how many calls of an hour a full read has: what is left of it, but for what is held back. What the reserve
// holds back in the first quarters of an hour comes free; what stays is a quarter of it.
func (b *CallBudget) beside(l CallLimits) float64 {
	return float64(l.PerHour) - max(b.Steady, float64(l.PerHour*l.ReservePercent)/400)
}

// gapOf is the shortest time between two starts of a schedule, over a year.
func gapOf(s Schedule) time.Duration {
	shortest := time.Duration(hoursOfYear) * time.Hour
	end := year.Add(hoursOfYear * time.Hour)
	for at := s.Next(year.Add(-time.Second)); !at.IsZero() && at.Before(end); {
		next := s.Next(at)
		if next.IsZero() {
			break
		}
		shortest, at = min(shortest, next.Sub(at)), next
		if shortest == time.Minute { // cron has none shorter
			break
		}
	}
	return shortest
}

// span is a time between starts, for a person to read.
func span(d time.Duration) string {
	switch minutes := int64(d / time.Minute); {
	case minutes%(24*60) == 0:
		return plural(minutes/(24*60), "day")
	case minutes%60 == 0:
		return plural(minutes/60, "hour")
	default:
		return plural(minutes, "minute")
	}
}
