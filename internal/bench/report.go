package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// report is a run, as it is kept for a later one to compare with.
type report struct {
	At         time.Time `json:"at"`
	Pattern    string    `json:"pattern"`
	Go         string    `json:"go"`
	Processors int       `json:"processors"`
	Load       string    `json:"load"` // when it began
	Figures    []result  `json:"figures"`
	Took       []took    `json:"took"`
}

// result is a figure that was measured.
type result struct {
	What    string  `json:"what"`
	Of      string  `json:"of"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	Floor   float64 `json:"floor,omitempty"`
	Share   float64 `json:"share,omitempty"` // of the floor that is reached, in percent
	Goal    string  `json:"goal,omitempty"`
	Verdict string  `json:"verdict,omitempty"`
}

func (r *report) add(figures []figure, measured map[key]float64) {
	r.Figures = []result{}
	for _, f := range figures {
		value, ok := measured[key{f.of, f.unit}]
		if !ok {
			continue
		}
		floor, share := f.compared(measured, value)
		one := result{What: f.what, Of: f.of, Unit: f.unit, Value: value, Floor: floor, Share: share, Verdict: f.verdict(value, share)}
		if one.Verdict != "" {
			one.Goal = f.goal()
		}
		r.Figures = append(r.Figures, one)
	}
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

func readReport(file string) (*report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the figures to compare with: %w", err)
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil || len(r.Figures) == 0 {
		return nil, fmt.Errorf("%s holds no figures: give a file that -json wrote", file)
	}
	return r, nil
}

// leastNoise is the change that one run more of the same code makes on a machine that does nothing else, in percent.
const leastNoise = 10

// compare prints what changed. The code behind the floors does not, so that they tell what the machine did: a figure is compared as its floor is, and
// what is less than the floors differ by among themselves is noise.
func compare(out io.Writer, before, now *report) error {
	type change struct {
		result
		was            float64
		percent, floor float64 // how much better, for the worse below zero
		floored        bool
	}
	was := map[key]result{}
	for _, f := range before.Figures {
		was[key{f.Of, f.Unit}] = f
	}
	var changes []change
	var floors []float64
	for _, f := range now.Figures {
		old, ok := was[key{f.Of, f.Unit}]
		if !ok || old.Value <= 0 || f.Value <= 0 {
			continue
		}
		rate := figure{unit: f.Unit}.rate()
		c := change{result: f, was: old.Value, percent: better(old.Value, f.Value, rate)}
		if c.floored = old.Floor > 0 && f.Floor > 0; c.floored {
			c.floor = better(old.Floor, f.Floor, rate)
			floors = append(floors, c.floor)
		}
		changes = append(changes, c)
	}
	machine := median(floors)
	apart := make([]float64, len(floors))
	for i, f := range floors {
		apart[i] = math.Abs(f - machine)
	}
	noise := max(leastNoise, 2*median(apart))
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nSince %s (load %s, now %s): the machine did %+.0f %% by its floors, and what differs by less than %.0f %% from that is noise.\n",
		before.At.Format("2006-01-02 15:04"), before.Load, now.Load, machine, noise)
	if before.Go != now.Go || before.Processors != now.Processors {
		_, _ = fmt.Fprintf(w, "Then it was %s on %d processors, now it is %s on %d.\n", before.Go, before.Processors, now.Go, now.Processors)
	}
	if len(changes) == 0 {
		_, _ = fmt.Fprintln(w, "No figure is in both.")
		return w.Flush()
	}
	_, _ = fmt.Fprintln(w, "what\tbefore\tnow\tchange\tits floor\t")
	for _, c := range changes {
		f := figure{unit: c.Unit}
		for _, known := range figures {
			if known.of == c.Of && known.unit == c.Unit {
				f = known
			}
		}
		floor, against := "–", machine
		if c.floored {
			floor, against = fmt.Sprintf("%+.0f %%", c.floor), c.floor
		}
		verdict := ""
		switch own := c.percent - against; {
		case own >= noise:
			verdict = "better"
		case own <= -noise:
			verdict = "WORSE"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%+.0f %%\t%s\t%s\n", c.What, f.number(c.was), f.number(c.Value), c.percent, floor, verdict)
	}
	return w.Flush()
}

// better is by how much a figure is better than it was, in percent; worse below zero.
func better(was, now float64, rate bool) float64 {
	if rate {
		return 100 * (now/was - 1)
	}
	return 100 * (was/now - 1)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
