package demo

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// progress tells how the first syncs get on: a line that is rewritten on a terminal, a line every
// few seconds elsewhere.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	live  bool
	lines map[string]string
	last  time.Time
	begin time.Time
}

func newProgress(out io.Writer) *progress {
	live := false
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return &progress{out: out, live: live, lines: map[string]string{}, begin: time.Now()}
}

func (p *progress) tell(workspace string, pipelines ...runtimeapi.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rows, coda, pending int64
	state := runtimeapi.RunSucceeded
	for _, s := range pipelines {
		is := runtimeapi.RunPending
		if s.LastRun != nil {
			is = s.LastRun.State
			for _, f := range s.LastRun.Feeds {
				rows += f.Read
			}
		}
		if is != runtimeapi.RunSucceeded {
			state = is
		}
		for _, c := range s.Coda {
			coda, pending = coda+c.Rows, pending+c.Pending
		}
	}
	text := fmt.Sprintf("%s %s", workspace, state)
	switch {
	case state != runtimeapi.RunSucceeded:
		text += fmt.Sprintf(", %s rows read", group(rows))
	case pending > 0 || coda == 0:
		text += fmt.Sprintf(", Coda %s of %s rows", group(coda), group(coda+pending))
	default:
		text = workspace + " done"
	}
	p.lines[workspace] = text
	every := 3 * time.Second
	if p.live {
		every = 0
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	text = fmt.Sprintf("    %3.0fs  %s", time.Since(p.begin).Seconds(), strings.Join(slices.Sorted(maps.Values(p.lines)), " | "))
	if p.live {
		_, _ = fmt.Fprintf(p.out, "\r\033[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

func (p *progress) done() {
	if p.live {
		_, _ = fmt.Fprintln(p.out)
	}
}

// Widths of the page: it fits 100 columns.
const (
	labelWidth = 23
	cellWidth  = 38
)

// printPage prints what the demo leads up to: a column for each environment.
func printPage(out io.Writer, reports []report, took time.Duration) {
	line := func(label string, cells ...string) {
		text := fmt.Sprintf("%-*s", labelWidth, label)
		for _, cell := range cells {
			text += fmt.Sprintf("%-*s", cellWidth, cell)
		}
		_, _ = fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
	each := func(label string, cell func(r report) string) {
		var cells []string
		for _, r := range reports {
			cells = append(cells, cell(r))
		}
		line(label, cells...)
	}
	line("")
	each("", func(r report) string { return strings.ToUpper(r.environment.Workspace) })
	each("Project", func(r report) string { return r.environment.Project })
	each("Database", func(r report) string {
		return r.instance.DatabaseVersion + ", " + r.instance.Settings.AvailabilityType
	})
	each("  zones", func(r report) string {
		return r.instance.GceZone + ", standby in " + strings.TrimPrefix(r.instance.SecondaryGceZone, r.instance.Region)
	})
	each("  recoverable (UTC)", func(r report) string {
		return fmt.Sprintf("%s to %s, kept %d days", clock(r.recovery.EarliestRecoveryTime), clock(r.recovery.LatestRecoveryTime),
			r.instance.Settings.BackupConfiguration.TransactionLogRetentionDays)
	})
	each("  failover drill", func(r report) string {
		d := r.outputs.Drills.Value.Failover
		if d == nil {
			return "none"
		}
		return fmt.Sprintf("RTO %.1f s, %s of %s rows lost", d.RTOSeconds, group(d.LostRows), group(d.AcknowledgedRows))
	})
	each("    served from", func(r report) string {
		d := r.outputs.Drills.Value.Failover
		if d == nil {
			return ""
		}
		return d.ZoneBefore + ", then " + strings.TrimPrefix(d.ZoneAfter, r.instance.Region)
	})
	each("  restore drill", func(r report) string {
		d := r.outputs.Drills.Value.Restore
		if d == nil {
			return "none"
		}
		return fmt.Sprintf("RTO %.1f s, %s rows lost", d.RTOSeconds, group(d.LostRows))
	})
	each("    compared", func(r report) string {
		d := r.outputs.Drills.Value.Restore
		if d == nil {
			return ""
		}
		text := fmt.Sprintf("%d tables equal", d.TablesVerified)
		if d.TablesChanging > 0 {
			text += fmt.Sprintf(", %d in motion", d.TablesChanging)
		}
		return text
	})
	each("Runtime", func(r report) string { return short(r.service.LatestReadyRevision) })
	each("  address", func(r report) string { return r.outputs.Runtime.Value.URI })
	for i, r := range reports { // too long for a column, and usually the same
		if i == 0 || digest(r) != digest(reports[0]) {
			line("  image", digest(r))
		}
	}
	each("Synced", func(report) string { return figures("held", "read", "changed", "rows/s") })
	for _, name := range feeds(reports) {
		each("  "+name, func(r report) string {
			f, ok := r.feed(name)
			if !ok {
				return ""
			}
			return figures(group(r.rows(name)), group(f.Read), group(f.Changed), rate(f))
		})
	}
	each("Webhook", func(r report) string {
		return fmt.Sprintf("%d charges in the tables after %.1f s", charges, r.arrival.took.Seconds())
	})
	each("  delivery to commit", func(r report) string {
		if r.arrival.status.P95Ms == nil {
			return ""
		}
		return fmt.Sprintf("p95 %.0f ms, %d parked", *r.arrival.status.P95Ms, r.arrival.status.Parked)
	})
	counts := func(title string, of func(r report) map[string]int64) {
		line(title)
		for _, name := range names(reports, of) {
			each("  "+strings.ReplaceAll(name, "_", " "), func(r report) string { return figures(group(of(r)[name])) })
		}
	}
	counts("Claims", func(r report) map[string]int64 { return r.status.Claims })
	line("Mismatches")
	for _, severity := range []string{runtimeapi.MismatchFault, runtimeapi.MismatchWarning, runtimeapi.MismatchInfo} {
		each("  "+severity, func(r report) string { return figures(group(r.mismatches(severity))) })
	}
	counts("Lab orders", func(r report) map[string]int64 { return r.labs.Orders })
	counts("Results to review", func(r report) map[string]int64 { return r.labs.Reviews })
	each("Coda", func(r report) string { return r.environment.CodaDoc })
	each("  billing summary", func(r report) string { return figures(group(r.coda[summaryTable])) })
	each("  abnormal results", func(r report) string { return figures(group(r.coda[resultsTable])) })
	each("Staging's data", report.handed)
	each("  export", func(r report) string {
		switch export, taken := r.outputs.Anonymised.Value, r.outputs.Dataset.Value; {
		case export != nil:
			return export.Export
		case taken != nil:
			return taken.Export
		}
		return ""
	})
	for _, l := range []struct {
		label string
		cell  func(e *anonymised) string
	}{
		{"  scan for patients", func(e *anonymised) string { return e.Verdict }},
		{"    looked for", func(e *anonymised) string { return group(sum(e.Scan.Identifiers)) + " identifiers of the source" }},
		{"    looked through", func(e *anonymised) string { return group(e.Scan.Values) + " values" }},
		{"  k-anonymity", (*anonymised).smallest},
		{"  method", func(e *anonymised) string { return e.Method }},
		{"  policy", func(e *anonymised) string { return fmt.Sprintf("%.23s…", e.PolicyHash) }},
		{"  key, thrown away", func(e *anonymised) string { return e.KeyID }},
	} {
		each(l.label, func(r report) string {
			if r.outputs.Anonymised.Value == nil {
				return ""
			}
			return l.cell(r.outputs.Anonymised.Value)
		})
	}
	for _, l := range []struct {
		label string
		cell  func(*advice) string
	}{
		{"Indexes", (*advice).indexes}, {"  proved by", (*advice).proof}, {"Capacity", (*advice).capacity}, {"  connections", (*advice).connections},
	} {
		each(l.label, func(r report) string { return r.advised(l.cell) })
	}
	each("Second plan", func(r report) string {
		if !r.unchanged {
			return "CHANGES: see the log"
		}
		return "No changes."
	})
	_, _ = fmt.Fprintf(out, "\nDone in %s.\n", took.Round(time.Second))
}

// handed is what an environment has handed over, or taken in.
func (r report) handed() string {
	switch export, taken := r.outputs.Anonymised.Value, r.outputs.Dataset.Value; {
	case export != nil:
		return group(sum(export.Tables)) + " rows out"
	case taken != nil:
		return group(taken.Rows) + " rows in, verified and swapped"
	}
	return "none"
}

// smallest is the smallest class of each table whose quasi-identifiers are declared.
func (e *anonymised) smallest() string {
	var all []string
	for _, k := range e.K {
		all = append(all, fmt.Sprintf("%s %d, %s of %s unique", short(strings.ReplaceAll(k.Table, ".", "/")), k.Smallest, group(k.Unique), group(e.Tables[k.Table])))
	}
	return strings.Join(all, ", ")
}

func sum(of map[string]int64) (n int64) {
	for _, one := range of {
		n += one
	}
	return n
}

// figures right-aligns numbers, and the words above them.
func figures(cells ...string) string {
	text := ""
	for _, c := range cells {
		text += fmt.Sprintf("%8s ", c)
	}
	return text
}

// feeds lists the feeds of all environments in the order in which they ran.
func feeds(reports []report) []string {
	var names []string
	for _, r := range reports {
		for _, f := range r.fed() {
			if !slices.Contains(names, f.Feed) {
				names = append(names, f.Feed)
			}
		}
	}
	return names
}

// fed is what the first full syncs read.
func (r report) fed() []runtimeapi.FeedRun {
	var all []runtimeapi.FeedRun
	for _, s := range []runtimeapi.Status{r.patients, r.status, r.labs} {
		if s.FullRun != nil {
			all = append(all, s.FullRun.Feeds...)
		}
	}
	return all
}

func (r report) feed(name string) (runtimeapi.FeedRun, bool) {
	for _, f := range r.fed() {
		if f.Feed == name {
			return f, true
		}
	}
	return runtimeapi.FeedRun{}, false
}

// mismatches counts those of a severity that are open.
func (r report) mismatches(severity string) (n int64) {
	for _, m := range r.status.Mismatches {
		if m.Severity == severity {
			n += m.Count
		}
	}
	return n
}

// rows is how many rows a feed's table holds.
func (r report) rows(name string) int64 {
	return max(r.status.Rows[name], r.labs.Rows[name], r.patients.Rows[name])
}

// names lists what is counted in any environment.
func names(reports []report, of func(report) map[string]int64) []string {
	all := map[string]bool{}
	for _, r := range reports {
		for name := range of(r) {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// digest is what the deployed image is addressed by.
func digest(r report) string {
	_, d, _ := strings.Cut(r.outputs.Image.Value, "@")
	return d
}

// clock is the time of day of a timestamp.
func clock(timestamp string) string {
	t, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		return timestamp
	}
	return t.UTC().Format(time.TimeOnly)
}

func rate(f runtimeapi.FeedRun) string {
	if f.Elapsed <= 0 {
		return ""
	}
	return group(int64(float64(f.Read) / f.Elapsed.Seconds()))
}

// short is the last part of a resource name.
func short(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// group writes a number with its thousands apart.
func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
