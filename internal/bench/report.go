package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what a run leaves behind, for programs to read and for a later run to be held against. Times are UTC; values are in the
// unit beside them.
type report struct {
	At         time.Time                     `json:"at"`
	Revision   string                        `json:"revision,omitempty"` // of the source, with "+" when it was changed; empty outside a clone
	Go         string                        `json:"go"`
	Processors int                           `json:"processors"`
	Load       string                        `json:"load"`    // of the minute before
	Pattern    string                        `json:"pattern"` // what was run
	Figures    []result                      `json:"figures"`
	Benchmarks map[string]map[string]float64 `json:"benchmarks"` // all that was reported: by benchmark, then by unit
}

// result is one line of the table.
type result struct {
	What    string   `json:"what"`
	Of      string   `json:"of"`
	Unit    string   `json:"unit"`
	Value   float64  `json:"value"`
	Floor   *float64 `json:"floor,omitempty"`
	Share   *float64 `json:"share_percent,omitempty"` // of the floor: 100 is as good
	Goal    string   `json:"goal,omitempty"`
	Verdict string   `json:"verdict,omitempty"` // reached, MISSED
}

// newReport is the report of what was measured now.
func newReport(figures []figure, measured map[key]float64, pattern, load string) report {
	r := report{
		At: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Processors: runtime.NumCPU(),
		Load: load, Pattern: pattern, Figures: []result{}, Benchmarks: map[string]map[string]float64{},
	}
	for _, f := range figures {
		value, ok := measured[key{f.of, f.unit}]
		if !ok {
			continue
		}
		line := result{What: f.what, Of: f.of, Unit: f.unit, Value: value}
		floor, share := f.compared(measured, value)
		if share > 0 {
			line.Floor, line.Share = &floor, &share
		}
		if line.Verdict = f.verdict(value, share); line.Verdict != "" {
			line.Goal = f.goal()
		}
		// A line below another one is named after it.
		if what, below := strings.CutPrefix(f.what, "· "); below {
			above := ""
			for _, g := range figures[:slices.Index(figures, f)] {
				if !strings.HasPrefix(g.what, "· ") {
					above = g.what
				}
			}
			line.What = above + ": " + what
		}
		r.Figures = append(r.Figures, line)
	}
	for k, value := range measured {
		if r.Benchmarks[k.of] == nil {
			r.Benchmarks[k.of] = map[string]float64{}
		}
		r.Benchmarks[k.of][k.unit] = value
	}
	return r
}

// write replaces a file whole: a run that is cut off leaves the one that was there.
func (r report) write(name string) (err error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".bench")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(text, '\n'))
	if shut := f.Close(); err == nil {
		err = shut
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644) //nolint:gosec // figures of a machine are nobody's secret
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// readReport reads what an earlier run has left.
func readReport(name string) (report, error) {
	var r report
	text, err := os.ReadFile(name)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s is no report of this command: %w", name, err)
	}
	if len(r.Figures) == 0 {
		return r, fmt.Errorf("%s holds no figures", name)
	}
	return r, nil
}
