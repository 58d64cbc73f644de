package monitoring

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// reducer makes one value of those that series have in one period.
type reducer struct {
	values []string // that it is for
	value  string   // that it makes; empty: the same
	of     func(points []face.Point, from, to time.Time) (number float64, spread *face.Distribution)
}

var reducers = map[string]reducer{
	"REDUCE_SUM":           {anyValue, "", sum},
	"REDUCE_MEAN":          {anyValue, face.Double, center},
	"REDUCE_MIN":           {numbers, "", least},
	"REDUCE_MAX":           {numbers, "", most},
	"REDUCE_COUNT":         {anyValue, face.Int64, count},
	"REDUCE_PERCENTILE_99": across(99),
	"REDUCE_PERCENTILE_95": across(95),
	"REDUCE_PERCENTILE_50": across(50),
	"REDUCE_PERCENTILE_05": across(5),
}

func center(points []face.Point, from, to time.Time) (float64, *face.Distribution) {
	n, all := sum(points, from, to)
	if all != nil {
		return all.Mean(), nil
	}
	return n / float64(len(points)), nil
}

// across is a percentile of all values of distributions, or of the numbers of the series.
func across(p float64) reducer {
	return reducer{anyValue, face.Double, func(points []face.Point, from, to time.Time) (float64, *face.Distribution) {
		if _, all := sum(points, from, to); all != nil {
			return all.Percentile(p), nil
		}
		sorted := make([]float64, len(points))
		for i, point := range points {
			sorted[i] = point.Number
		}
		slices.Sort(sorted)
		at := p / 100 * float64(len(sorted)-1)
		low, high := sorted[int(math.Floor(at))], sorted[int(math.Ceil(at))]
		return low + (high-low)*(at-math.Floor(at)), nil
	}}
}

// field is what series can be told apart by.
var field = regexp.MustCompile(`^(?:(metric|resource)\.labels?\."?([A-Za-z_][A-Za-z0-9_]*)"?|resource\.type|metric\.type|project)$`)

// reduce makes one series of all that are alike in the fields to group by.
func (r reducer) reduce(all []face.Series, fields []string) ([]face.Series, error) {
	type group struct {
		series face.Series
		at     map[time.Time][]face.Point
	}
	groups := map[string]*group{}
	for _, s := range all {
		kept := face.Series{Labels: map[string]string{}, Resource: map[string]string{}}
		var key strings.Builder
		for _, f := range fields {
			m := field.FindStringSubmatch(f)
			if m == nil {
				return nil, gapi.Invalid("Field aggregation.groupByFields had an invalid value of %q: it is metric.labels.NAME, resource.labels.NAME or resource.type.", f)
			}
			var value string
			switch m[1] {
			case "metric":
				value = s.Labels[m[2]]
				kept.Labels[m[2]] = value
			case "resource":
				value = s.Resource[m[2]]
				kept.Resource[m[2]] = value
			}
			key.WriteString(value + "\x00")
		}
		g := groups[key.String()]
		if g == nil {
			g = &group{kept, map[time.Time][]face.Point{}}
			groups[key.String()] = g
		}
		for _, p := range s.Points {
			g.at[p.To] = append(g.at[p.To], p)
		}
	}
	var out []face.Series
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		g := groups[key]
		for _, to := range slices.SortedFunc(maps.Keys(g.at), time.Time.Compare) {
			points := g.at[to]
			point := face.Point{From: points[0].From, To: to}
			point.Number, point.Spread = r.of(points, point.From, to)
			g.series.Points = append(g.series.Points, point)
		}
		out = append(out, g.series)
	}
	return out, nil
}
