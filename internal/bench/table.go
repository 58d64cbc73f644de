package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const module = "github.com/feel-august/terraform-provider-august/"

// key is a benchmark's result in one unit.
type key struct{ of, unit string }

// read collects what benchmarks reported; of several results the last one counts.
func read(output io.Reader) (map[key]float64, error) {
	measured := map[key]float64{}
	r := benchfmt.NewReader(output, "go test")
	for r.Scan() {
		result, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue // what else is printed
		}
		base, parts := result.Name.Parts()
		name := string(base)
		for _, p := range parts {
			if p[0] != '-' { // not the number of processors
				name += string(p)
			}
		}
		for _, v := range result.Values {
			unit, value := v.Unit, v.Value
			if v.OrigUnit != "" {
				unit, value = v.OrigUnit, v.OrigValue
			}
			pkg := strings.TrimPrefix(strings.TrimPrefix(result.GetConfig("pkg"), module), "internal/")
			measured[key{pkg + "." + name, unit}] = value
		}
	}
	return measured, r.Err()
}

// table prints the figures that were measured, and all of them when a run was whole. It tells how many are
// missing then.
func table(out io.Writer, figures []figure, measured map[key]float64, whole bool) (missing int, err error) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) } // Flush tells
	rows := 0
	for _, f := range figures {
		value, ok := measured[key{f.of, f.unit}]
		if !ok && !whole {
			continue
		}
		if rows++; rows == 1 {
			line("\nwhat", "measured", "floor", "share", "goal", "")
			line("----", "--------", "-----", "-----", "----", "")
		}
		if !ok {
			missing++
			line(f.what, "not measured", "", "", f.goal(), "")
			continue
		}
		floor, share := f.compared(measured, value)
		bare, percent := "–", "–"
		if share > 0 {
			bare, percent = f.number(floor), fmt.Sprintf("%.0f %%", share)
		}
		line(f.what, f.number(value), bare, percent, f.goal(), f.verdict(value, share))
	}
	return missing, w.Flush()
}

// compared is the floor of a figure, and how near to it the figure is, in percent; 0 without one.
func (f figure) compared(measured map[key]float64, value float64) (floor, share float64) {
	at := key{f.of, f.floor}
	if f.beside != "" {
		at = key{path.Dir(f.of) + "/" + f.beside, f.unit}
	}
	floor = measured[at]
	switch {
	case floor <= 0 || value <= 0:
		return 0, 0
	case f.rate():
		return floor, 100 * value / floor
	}
	return floor, 100 * floor / value
}

func (f figure) goal() string {
	var goals []string
	if f.share > 0 {
		goals = append(goals, fmt.Sprintf("≥ %.0f %%", f.share))
	}
	if f.most > 0 {
		goals = append(goals, "< "+f.number(f.most))
	}
	if goals == nil {
		return "–"
	}
	return strings.Join(goals, ", ")
}

// verdict is empty for what has no goal. A share that could not be told reaches none.
func (f figure) verdict(value, share float64) string {
	switch {
	case f.share == 0 && f.most == 0:
		return ""
	case share < f.share || f.most > 0 && value >= f.most:
		return "MISSED"
	}
	return "reached"
}

// number is a value in its unit, with the digits that mean something.
func (f figure) number(value float64) string {
	unit := f.shown
	if unit == "" {
		unit = f.unit
	}
	digits := 0
	switch {
	case value == float64(int64(value)):
	case value < 10:
		digits = 2
	case value < 100:
		digits = 1
	}
	return message.NewPrinter(language.English).Sprintf("%.*f", digits, value) + " " + unit
}
