package monitoring

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// window is the time that is asked about, in periods that are counted back from its end, as Google counts them.
type window struct {
	start, end time.Time
	period     time.Duration
}

// shortest is the shortest period that Google aligns by.
const shortest = time.Minute

// periods is how many there are.
func (w window) periods() int {
	return max(1, int(math.Ceil(w.end.Sub(w.start).Seconds()/w.period.Seconds())))
}

// bounds are those of a period, the oldest is 0.
func (w window) bounds(i int) (from, to time.Time) {
	to = w.end.Add(-time.Duration(w.periods()-1-i) * w.period)
	return to.Add(-w.period), to
}

// of is the period that a moment is in: after its start, up to its end.
func (w window) of(at time.Time) int {
	return w.periods() - 1 - int(w.end.Sub(at)/w.period)
}

// aligner makes one value of the points of each period.
type aligner struct {
	kinds, values []string // that it is for
	kind, value   string   // that it makes; empty: the same
	of            func(points []face.Point, from, to time.Time) (number float64, spread *face.Distribution)
}

var (
	anyKind  = []string{face.Gauge, face.Delta}
	numbers  = []string{face.Int64, face.Double}
	spreads  = []string{face.Spread}
	anyValue = []string{face.Int64, face.Double, face.Spread}
)

// aligners are those that are played, by Google's description of each.
var aligners = map[string]aligner{
	"ALIGN_DELTA":         {[]string{face.Delta}, anyValue, "", "", sum},
	"ALIGN_RATE":          {[]string{face.Delta}, numbers, face.Gauge, face.Double, rate},
	"ALIGN_MEAN":          {anyKind, numbers, face.Gauge, face.Double, mean},
	"ALIGN_MIN":           {anyKind, numbers, "", "", least},
	"ALIGN_MAX":           {anyKind, numbers, "", "", most},
	"ALIGN_SUM":           {anyKind, anyValue, "", "", sum},
	"ALIGN_COUNT":         {anyKind, numbers, "", face.Int64, count},
	"ALIGN_PERCENTILE_99": percentile(99),
	"ALIGN_PERCENTILE_95": percentile(95),
	"ALIGN_PERCENTILE_50": percentile(50),
	"ALIGN_PERCENTILE_05": percentile(5),
}

func percentile(p float64) aligner {
	return aligner{anyKind, spreads, face.Gauge, face.Double, func(points []face.Point, from, to time.Time) (float64, *face.Distribution) {
		_, all := sum(points, from, to)
		return all.Percentile(p), nil
	}}
}

func sum(points []face.Point, _, _ time.Time) (n float64, all *face.Distribution) {
	for _, p := range points {
		n += p.Number
		all = merged(all, p.Spread)
	}
	return n, all
}

// merged leaves both as they are.
func merged(a, b *face.Distribution) *face.Distribution {
	if a == nil || b == nil {
		if a == nil {
			a = b
		}
		return a
	}
	both := face.NewDistribution(a.Buckets)
	both.Merge(a)
	both.Merge(b)
	return both
}

func rate(points []face.Point, from, to time.Time) (float64, *face.Distribution) {
	n, _ := sum(points, from, to)
	return n / to.Sub(from).Seconds(), nil
}

func mean(points []face.Point, from, to time.Time) (float64, *face.Distribution) {
	n, _ := sum(points, from, to)
	return n / float64(len(points)), nil
}

func least(points []face.Point, _, _ time.Time) (float64, *face.Distribution) {
	n := points[0].Number
	for _, p := range points {
		n = min(n, p.Number)
	}
	return n, nil
}

func most(points []face.Point, _, _ time.Time) (float64, *face.Distribution) {
	n := points[0].Number
	for _, p := range points {
		n = max(n, p.Number)
	}
	return n, nil
}

func count(points []face.Point, _, _ time.Time) (float64, *face.Distribution) {
	return float64(len(points)), nil
}

// parsePeriod reads a duration as REST writes it.
func parsePeriod(text string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(strings.TrimSuffix(text, "s"), 64)
	if !strings.HasSuffix(text, "s") || err != nil {
		return 0, gapi.Invalid("Field aggregation.alignmentPeriod had an invalid value of %q: it is a number of seconds, as in \"60s\".", text)
	}
	if d := time.Duration(seconds * float64(time.Second)); d >= shortest {
		return d, nil
	}
	return 0, gapi.Invalid("Field aggregation.alignmentPeriod had an invalid value of %q: The alignment period must be at least 60 seconds.", text)
}

// align makes one point of those of each period that has any.
func (a aligner) align(m face.Metric, s face.Series, w window) face.Series {
	inside := make([][]face.Point, w.periods())
	for _, p := range s.Points {
		for _, part := range w.parts(m, p) {
			i := w.of(part.To)
			inside[i] = append(inside[i], part)
		}
	}
	out := face.Series{Labels: s.Labels, Resource: s.Resource}
	for i, points := range inside {
		if len(points) == 0 {
			continue
		}
		from, to := w.bounds(i)
		point := face.Point{From: from, To: to}
		point.Number, point.Spread = a.of(points, from, to)
		if a.made(m).Kind == face.Gauge {
			point.From = to
		}
		out.Points = append(out.Points, point)
	}
	return out
}

// parts divides what happened in a time that reaches into more than one period among them, evenly. A distribution cannot be divided:
// it is of where it ends.
func (w window) parts(m face.Metric, p face.Point) []face.Point {
	if m.Kind != face.Delta || m.Value == face.Spread || !p.To.After(p.From) {
		return []face.Point{p}
	}
	var all []face.Point
	whole := p.To.Sub(p.From).Seconds()
	done := 0.0 // numbers that are whole stay so, and their sum, too
	for from := p.From; from.Before(p.To); {
		i := max(w.of(from.Add(1)), -1) // before the first period it is not asked about
		_, to := w.bounds(i)
		if to.After(p.To) {
			to = p.To
		}
		upTo := p.Number * to.Sub(p.From).Seconds() / whole
		if m.Value == face.Int64 {
			upTo = math.Round(upTo)
		}
		if i >= 0 {
			all = append(all, face.Point{From: from, To: to, Number: upTo - done})
		}
		from, done = to, upTo
	}
	return all
}

// made is the metric as it is when it is aligned.
func (a aligner) made(m face.Metric) face.Metric {
	if a.kind != "" {
		m.Kind = a.kind
	}
	if a.value != "" {
		m.Value = a.value
	}
	return m
}
