package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// compare prints what changed since an earlier run. What has a floor is held by its share of it, as floor and figure are of one run
// and one machine; how much the floors themselves have moved says what a change has to exceed to mean anything.
func compare(out io.Writer, before, now report) error {
	earlier := map[key]result{}
	for _, r := range before.Figures {
		earlier[key{r.Of, r.Unit}] = r
	}
	var moved []float64
	for _, r := range now.Figures {
		if b := earlier[key{r.Of, r.Unit}]; r.Floor != nil && b.Floor != nil && *b.Floor > 0 {
			moved = append(moved, 100*math.Abs(*r.Floor / *b.Floor - 1))
		}
	}
	slices.Sort(moved)
	noise := 0.0
	if len(moved) > 0 {
		noise = moved[len(moved)*3/4]
	}
	_, err := fmt.Fprintf(out, "\nagainst the run of %s%s, load %s\n", before.At.Format("2006-01-02 15:04"), at(before.Revision), before.Load)
	if err != nil {
		return err
	}
	if len(moved) > 0 {
		if _, err := fmt.Fprintf(out, "floors moved by %.0f %% (half of them) to %.0f %% (three quarters): less than that says nothing\n", moved[len(moved)/2], noise); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) } // Flush tells
	line("\nwhat", "before", "now", "of the floor", "change", "")
	line("----", "------", "---", "------------", "------", "")
	for _, r := range now.Figures {
		f := figure{unit: r.Unit}
		b, ok := earlier[key{r.Of, r.Unit}]
		delete(earlier, key{r.Of, r.Unit})
		if !ok {
			line(r.What, "–", f.number(r.Value), "", "", "new")
			continue
		}
		shares, change := "–", better(f, b.Value, r.Value)
		if r.Share != nil && b.Share != nil {
			shares, change = fmt.Sprintf("%.0f → %.0f %%", *b.Share, *r.Share), 100*(*r.Share / *b.Share - 1)
		}
		said := ""
		switch {
		case len(moved) == 0 || math.Abs(change) <= noise:
		case change > 0:
			said = "better"
		default:
			said = "WORSE"
		}
		line(r.What, f.number(b.Value), f.number(r.Value), shares, fmt.Sprintf("%+.0f %%", change), said)
	}
	gone := make([]result, 0, len(earlier))
	for _, r := range earlier {
		gone = append(gone, r)
	}
	slices.SortFunc(gone, func(a, b result) int { return cmp.Compare(a.What, b.What) })
	if now.Pattern == everything { // else the others were not asked for
		for _, r := range gone {
			line(r.What, figure{unit: r.Unit}.number(r.Value), "–", "", "", "not measured")
		}
	}
	return w.Flush()
}

// better is by how many percent a figure has become better; what is no rate is better when it is less.
func better(f figure, before, now float64) float64 {
	switch {
	case before <= 0 || now <= 0:
		return 0
	case f.rate():
		return 100 * (now/before - 1)
	}
	return 100 * (before/now - 1)
}

func at(revision string) string {
	if revision == "" {
		return ""
	}
	return " at " + revision
}
