package advise

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// What DrChrono lets an application do unless it was raised, and what full syncs leave of it.
const (
	DefaultCallsPerHour   = 500
	DefaultReservePercent = 10
)

// fullWithin is how long a full sync may take at most, in hours: it is repeated weekly.
const fullWithin = 7 * 24

// Schedule says when a pipeline starts next; a parsed cron expression is one.
type Schedule interface{ Next(time.Time) time.Time }

// CallLimits is an application's budget.
type CallLimits struct {
	PerHour        int64
	Other          int64 // calls an hour of anything else: reads after webhooks, other programs
	ReservePercent int64 // of the hour, left by full syncs to everything else
}

// CallFeed is one list that a pipeline reads. Figures are not negative.
type CallFeed struct {
	Name     string
	Rows     int64 // in all
	Changed  int64 // that an ordinary run reads: those of a day, as each run reads a day again
	PageSize int64
	PerPage  int64 // calls a page costs
	Beyond   int64 // pages read to see that the list ends
	Whole    bool  // the list cannot be asked for what changed
}

// CallPipeline is a pipeline with its schedules. Without one it runs on request only.
type CallPipeline struct {
	Name     string
	Cron     string
	Schedule Schedule
	Feeds    []CallFeed

	// When it is compared with the source. Each time everything is read.
	ReconcileCron string
	Reconcile     Schedule
}

// CallCost is what one pipeline comes to.
type CallCost struct {
	Name      string
	Run       int64   // calls of an ordinary run
	Starts    int64   // in an hour in which it starts
	PerHour   int64   // calls in such an hour
	Full      int64   // calls of a full sync, and of a comparison with the source
	Reconcile float64 // calls in an hour of comparisons, where they follow on each other the fastest
}

// CallBudget is what the pipelines need of an hour's calls, and what there is.
type CallBudget struct {
	Pipelines []CallCost
	Have      int64
	Worst     int64     // calls in the worst hour
	WorstAt   time.Time // of a year; only weekday and hour mean something
	Steady    float64   // calls in an average hour
	Full      int64     // calls of full syncs of everything
	FullHours int64     // that those take beside the ordinary runs; 0 when they never end
	Reconcile float64   // calls in an hour of all comparisons with the source, where they follow on each other the fastest
	Free      float64   // calls of an hour that ordinary runs and the reserve leave
	Lines     []string
	WaysOut   []string
	short     bool
}

// Fits says that the worst hour has calls enough, and that full syncs end in time.
func (b CallBudget) Fits() bool { return !b.short }

// Reconciles says that each comparison with the source ends before the next one begins.
func (b CallBudget) Reconciles() bool { return b.Reconcile <= b.Free }

// Left is how many calls of the worst hour remain; fewer than none when there are too few.
func (b CallBudget) Left() int64 { return b.Have - b.Worst }

// Explanation is the arithmetic, for a person to read.
func (b CallBudget) Explanation() string { return strings.Join(b.Lines, "\n") }

// Calls holds what pipelines call against what an application may.
func Calls(l CallLimits, pipelines []CallPipeline) CallBudget {
	b := CallBudget{Have: l.PerHour}
	b.note("calls an hour: %d", l.PerHour)
	hours := map[time.Time][]int{}            // which pipelines start in it
	compared := map[time.Time]map[int]int64{} // which are compared in it, and how often
	var fulls float64                         // calls of comparisons in an average hour
	for i, p := range pipelines {
		cost := CallCost{Name: p.Name}
		var parts []string
		for _, f := range p.Feeds {
			run, text := f.run()
			cost.Run += run
			cost.Full += f.calls(f.Rows)
			parts = append(parts, text)
		}
		starts := startsOf(p.Schedule)
		for hour, n := range starts {
			hours[hour] = append(hours[hour], i)
			cost.Starts = max(cost.Starts, n)
		}
		cost.PerHour = cost.Starts * cost.Run
		b.Steady += float64(int64(len(starts))*cost.PerHour) / hoursOfYear
		b.Full += cost.Full
		fulls += b.reconcile(i, p, &cost, compared)
		b.Pipelines = append(b.Pipelines, cost)
		b.note("%s, an ordinary run: %s = %d", p.Name, strings.Join(parts, " + "), cost.Run)
		if cost.Starts > 0 {
			b.note("%s, %q: %s an hour × %d = %d", p.Name, p.Cron, plural(cost.Starts, "start"), cost.Run, cost.PerHour)
		}
		if cost.Reconcile > 0 {
			b.note("%s, reconciled %q: everything is read each time = %d; every %s at the closest = %.0f an hour", p.Name, p.ReconcileCron, cost.Full,
				span(gapOf(p.Reconcile)), math.Ceil(cost.Reconcile))
		}
	}
	b.Worst = l.Other
	for _, hour := range sortedHours(hours, compared) {
		sum := l.Other
		for _, i := range hours[hour] {
			sum += b.Pipelines[i].PerHour
		}
		sum += b.compare(compared[hour], l.PerHour-sum)
		if sum > b.Worst {
			b.Worst, b.WorstAt = sum, hour
		}
	}
	b.Steady += float64(l.Other)
	if l.Other > 0 {
		b.note("everything else: %d", l.Other)
	}
	b.worst(l, pipelines, hours[b.WorstAt])
	b.reconciles(l)
	b.Steady += fulls
	b.full(l)
	return b
}

// worst holds the worst hour against the limit.
func (b *CallBudget) worst(l CallLimits, pipelines []CallPipeline, together []int) {
	when := ""
	if !b.WorstAt.IsZero() {
		when = " (" + b.WorstAt.Format("Monday 15:00") + " UTC)"
	}
	if b.Worst <= l.PerHour {
		b.note("worst hour%s: %d of %d calls, %d left", when, b.Worst, l.PerHour, l.PerHour-b.Worst)
		return
	}
	b.short = true
	excess := b.Worst - l.PerHour
	for _, i := range together {
		if way := slower(pipelines[i], b.Pipelines[i], excess); way != "" {
			b.WaysOut = append(b.WaysOut, way)
		}
	}
	if len(b.WaysOut) == 0 && len(together) > 1 {
		if every := interval(b.costs(together), l.PerHour-l.Other); every > 0 {
			b.WaysOut = append(b.WaysOut, fmt.Sprintf("run each of them every %d minutes", every))
		}
	}
	b.WaysOut = append(b.WaysOut, fmt.Sprintf("have DrChrono raise the limit to at least %d calls an hour", b.Worst))
	b.note("worst hour%s: %d of %d calls, %d too many; %s", when, b.Worst, l.PerHour, excess, strings.Join(b.WaysOut, ", or "))
}

func (b *CallBudget) costs(which []int) []CallCost {
	var all []CallCost
	for _, i := range which {
		all = append(all, b.Pipelines[i])
	}
	return all
}

// full says how long full syncs take beside the ordinary runs.
func (b *CallBudget) full(l CallLimits) {
	if b.Full == 0 {
		return
	}
	free := b.beside(l)
	if free < 1 {
		b.short = true
		b.note("full sync of everything: %d calls; ordinary runs leave none, so it never ends", b.Full)
		return
	}
	b.FullHours = int64((float64(b.Full) + free - 1) / free)
	line := fmt.Sprintf("full sync of everything: %d calls / %.0f an hour beside ordinary runs = %s", b.Full, free, plural(b.FullHours, "hour"))
	if b.FullHours > fullWithin {
		b.short = true
		need := int64(b.Steady) + divideUp(b.Full, fullWithin)
		way := fmt.Sprintf("have DrChrono raise the limit to at least %d calls an hour", need)
		b.WaysOut = append(b.WaysOut, way)
		line += fmt.Sprintf(", longer than the week after which it is repeated; %s", way)
	}
	b.Lines = append(b.Lines, line)
}

func (b *CallBudget) note(format string, args ...any) {
	b.Lines = append(b.Lines, fmt.Sprintf(format, args...))
}

// intervals are the minutes between starts that a schedule can have evenly.
var intervals = []int64{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60}

// slower is how seldom a pipeline would have to start for so many calls fewer in its hour.
func slower(p CallPipeline, cost CallCost, excess int64) string {
	if cost.Run == 0 || cost.PerHour < excess {
		return ""
	}
	starts := (cost.PerHour - excess) / cost.Run
	switch {
	case starts == 0 && cost.Starts == 1:
		return fmt.Sprintf("start %s in another hour than the others", p.Name)
	case starts == 0:
		return ""
	}
	for _, every := range intervals {
		if 60/every <= starts {
			return fmt.Sprintf("run %s every %d minutes instead of %s an hour", p.Name, every, times(cost.Starts))
		}
	}
	return ""
}

// interval is how many minutes between starts are enough for all, 0 when an hour is not.
func interval(costs []CallCost, have int64) int64 {
	for _, every := range intervals {
		var sum int64
		for _, c := range costs {
			sum += min(60/every, c.Starts) * c.Run
		}
		if sum <= have {
			return every
		}
	}
	return 0
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// run is what an ordinary run calls, and how that comes about.
func (f CallFeed) run() (int64, string) {
	rows := f.Changed
	if f.Whole {
		rows = f.Rows
	}
	pages := f.pages(rows)
	if f.PerPage > 1 {
		return f.calls(rows), fmt.Sprintf("%s %s × %d", f.Name, plural(pages, "page"), f.PerPage)
	}
	return f.calls(rows), fmt.Sprintf("%s %d", f.Name, pages)
}

func (f CallFeed) pages(rows int64) int64 {
	return max(1, divideUp(rows, max(1, f.PageSize))) + f.Beyond
}

func (f CallFeed) calls(rows int64) int64 { return f.pages(rows) * max(1, f.PerPage) }

// year is the one that is looked at: a leap year, so that every date is in it. Which weekday a date falls on differs from
// year to year, so a pipeline of one date and one of a weekday may meet in another year only.
var year = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

const hoursOfYear = 366 * 24

// startsOf counts a schedule's starts by the hour, over a year. Whatever hour a cron expression has, it has the same
// minutes in it.
func startsOf(s Schedule) map[time.Time]int64 {
	starts := map[time.Time]int64{}
	if s == nil {
		return starts
	}
	end := year.Add(hoursOfYear * time.Hour)
	var each int64
	for at := s.Next(year.Add(-time.Second)); !at.IsZero() && at.Before(end); {
		hour := at.Truncate(time.Hour)
		if each == 0 {
			for next := at; next.Before(hour.Add(time.Hour)) && !next.IsZero(); next = s.Next(next) {
				each++
			}
		}
		starts[hour] = each
		at = s.Next(hour.Add(time.Hour - time.Second))
	}
	return starts
}

func sortedHours(starts map[time.Time][]int, compared map[time.Time]map[int]int64) []time.Time {
	all := slices.AppendSeq(slices.Collect(maps.Keys(starts)), maps.Keys(compared))
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
