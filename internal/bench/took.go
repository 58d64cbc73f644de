package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// took is how long a benchmark took, with what it prepares.
type took struct {
	Of      string  `json:"of"` // as a figure's
	Seconds float64 `json:"seconds"`
}

// stopwatch reads the output of go test -v as it comes, and takes the times between.
type stopwatch struct {
	now   func() time.Time
	rest  []byte
	pkg   string
	at    string // the benchmark under way
	since time.Time
	all   []took
}

func (s *stopwatch) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		s.rest = rest
		s.line(string(line))
	}
}

func (s *stopwatch) line(line string) {
	if pkg, ok := strings.CutPrefix(line, "pkg: "); ok {
		s.stop()
		s.pkg = strings.TrimPrefix(strings.TrimPrefix(pkg, module), "internal/")
		return
	}
	name, run := strings.CutPrefix(line, "=== RUN   Benchmark")
	switch {
	case run && !strings.Contains(name, "/"):
		s.stop()
		s.at, s.since = s.pkg+"."+name, s.now()
	case line == "PASS", line == "FAIL", strings.HasPrefix(line, "ok  \t"):
		s.stop()
	}
}

// stop ends the benchmark under way, and gives the times of all.
func (s *stopwatch) stop() []took {
	if s.at != "" {
		s.all = append(s.all, took{s.at, s.now().Sub(s.since).Seconds()})
		s.at = ""
	}
	return s.all
}

// shownTimes is of how many benchmarks the time is shown.
const shownTimes = 10

// durations prints what took longest.
func durations(out io.Writer, all []took) error {
	if len(all) == 0 {
		return nil
	}
	total := 0.0
	for _, t := range all {
		total += t.Seconds
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b took) int { return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Of, b.Of)) })
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintf(w, "\n%d benchmarks took %s, without building them; the longest:\n", len(all), clock(total))
	for _, t := range sorted[:min(len(sorted), shownTimes)] {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.0f %%\n", t.Of, clock(t.Seconds), 100*t.Seconds/max(total, 1e-9))
	}
	return w.Flush()
}

func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
