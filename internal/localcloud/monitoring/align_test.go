package monitoring

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	api "google.golang.org/api/monitoring/v3"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// noon is the beginning of the figures of these tests; m counts minutes from there.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func m(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

func span(from, to, n float64) face.Point { return face.Point{From: m(from), To: m(to), Number: n} }

func at(minute, n float64) face.Point { return span(minute, minute, n) }

// dist is a distribution over 0–10–20–…–50.
func dist(values ...float64) *face.Distribution {
	d := face.NewDistribution(face.Buckets{Finite: 5, Width: 10})
	for _, v := range values {
		d.Add(v)
	}
	return d
}

func recorded() fake {
	of := func(labels map[string]string, points ...face.Point) face.Series {
		return face.Series{Labels: labels, Resource: map[string]string{"service_name": "web", "revision_name": labels["rev"]}, Points: points}
	}
	spread := func(to float64, values ...float64) face.Point {
		p := span(to-1, to, 0)
		p.Spread = dist(values...)
		return p
	}
	return fake{
		metrics: []face.Metric{
			{Type: "count", Kind: face.Delta, Value: face.Int64, Unit: "1", Resource: "cloud_run_revision"},
			{Type: "level", Kind: face.Gauge, Value: face.Double, Unit: "1", Resource: "cloud_run_revision"},
			{Type: "spread", Kind: face.Delta, Value: face.Spread, Unit: "ms", Resource: "cloud_run_revision"},
		},
		series: map[string][]face.Series{
			"count": {
				of(map[string]string{"class": "2xx", "rev": "a"}, span(0, 1, 10), span(1, 2, 20), span(2.5, 3.5, 5)),
				of(map[string]string{"class": "5xx", "rev": "a"}, span(1, 2, 1)),
				of(map[string]string{"class": "2xx", "rev": "b"}, span(3, 4, 7)),
			},
			"level": {
				of(map[string]string{"state": "active"}, at(0.5, 1), at(1, 3), at(2, 4)),
				of(map[string]string{"state": "idle"}, at(0.5, 2), at(2, 0)),
			},
			"spread": {
				of(map[string]string{"class": "2xx"}, spread(1, 5, 15, 15, 25), spread(2, 60)),
				of(map[string]string{"class": "5xx"}, spread(1, -5)),
			},
		},
	}
}

// lines are the points of an answer, the newest first.
func lines(answer *api.ListTimeSeriesResponse) string {
	var all []string
	for _, s := range answer.TimeSeries {
		var line strings.Builder
		for _, label := range []string{"class", "state", "rev"} {
			if v, ok := s.Metric.Labels[label]; ok {
				line.WriteString(v + " ")
			}
		}
		line.WriteString(strings.ToLower(s.MetricKind[:1]) + strings.ToLower(s.ValueType[:2]))
		for _, p := range s.Points {
			to, _ := time.Parse(time.RFC3339, p.Interval.EndTime)
			from, _ := time.Parse(time.RFC3339, p.Interval.StartTime)
			moment := fmt.Sprintf("%g", to.Sub(noon).Minutes())
			if !from.Equal(to) {
				moment = fmt.Sprintf("%g-%s", from.Sub(noon).Minutes(), moment)
			}
			value := ""
			switch v := p.Value; {
			case v.Int64Value != nil:
				value = fmt.Sprint(*v.Int64Value)
			case v.DoubleValue != nil:
				value = fmt.Sprintf("%.4g", *v.DoubleValue)
			case v.DistributionValue != nil:
				d := v.DistributionValue
				value = fmt.Sprintf("%d×%g±%g%v", d.Count, d.Mean, d.SumOfSquaredDeviation, []int64(d.BucketCounts))
			}
			line.WriteString(" " + moment + "=" + value)
		}
		all = append(all, line.String())
	}
	return strings.Join(all, "\n")
}

func TestAggregation(t *testing.T) {
	t.Parallel()
	c, _ := serveMeter(t, recorded())
	for name, k := range map[string]struct {
		metric, align, reduce string
		group                 []string
		from, to              float64
		want                  string
	}{
		"as it is": {metric: "count", to: 4, want: "2xx a din 2.5-3.5=5 1-2=20 0-1=10\n5xx a din 1-2=1\n2xx b din 3-4=7"},
		// A minute that was half in the one and half in the other is divided, and no request is lost by it.
		"by the minute":        {metric: "count", align: "ALIGN_DELTA", to: 4, want: "2xx a din 3-4=2 2-3=3 1-2=20 0-1=10\n5xx a din 1-2=1\n2xx b din 3-4=7"},
		"periods end with it":  {metric: "count", align: "ALIGN_DELTA", from: 0.5, to: 2.5, want: "2xx a din 1.5-2.5=10 0.5-1.5=15\n5xx a din 1.5-2.5=0 0.5-1.5=1"},
		"a rate":               {metric: "count", align: "ALIGN_RATE", from: 0.5, to: 2, want: "2xx a gdo 2=0.3333 1=0.1667\n5xx a gdo 2=0.01667"},
		"all together":         {metric: "count", align: "ALIGN_DELTA", reduce: "REDUCE_SUM", to: 4, want: "din 3-4=9 2-3=3 1-2=21 0-1=10"},
		"by class":             {metric: "count", align: "ALIGN_DELTA", reduce: "REDUCE_SUM", group: []string{"metric.labels.class"}, to: 4, want: "2xx din 3-4=9 2-3=3 1-2=20 0-1=10\n5xx din 1-2=1"},
		"how many":             {metric: "count", align: "ALIGN_COUNT", reduce: "REDUCE_SUM", to: 2, want: "din 1-2=2 0-1=1"},
		"mean":                 {metric: "level", align: "ALIGN_MEAN", to: 2, want: "active gdo 2=4 1=2\nidle gdo 2=0 1=2"},
		"mean of both":         {metric: "level", align: "ALIGN_MEAN", reduce: "REDUCE_SUM", to: 2, want: "gdo 2=4 1=4"},
		"the most":             {metric: "level", align: "ALIGN_MAX", reduce: "REDUCE_MAX", to: 2, want: "gdo 2=4 1=3"},
		"the least":            {metric: "level", align: "ALIGN_MIN", reduce: "REDUCE_MIN", to: 2, want: "gdo 2=0 1=1"},
		"a percentile of both": {metric: "level", align: "ALIGN_MAX", reduce: "REDUCE_PERCENTILE_50", to: 2, want: "gdo 2=2 1=2.5"},
		"spread":               {metric: "spread", align: "ALIGN_DELTA", to: 2, want: "2xx ddi 1-2=1×60±0[0 0 0 0 0 0 1] 0-1=4×15±200[0 1 2 1]\n5xx ddi 0-1=1×-5±0[1]"},
		"spread of all":        {metric: "spread", align: "ALIGN_SUM", reduce: "REDUCE_SUM", to: 1, want: "ddi 0-1=5×11±520[1 1 2 1]"},
		"median":               {metric: "spread", align: "ALIGN_PERCENTILE_50", to: 1, want: "2xx gdo 1=15\n5xx gdo 1=0"},
		"99 % of all":          {metric: "spread", align: "ALIGN_DELTA", reduce: "REDUCE_PERCENTILE_99", to: 2, want: "ddo 1-2=50 0-1=29.5"},
		"mean of all":          {metric: "spread", align: "ALIGN_DELTA", reduce: "REDUCE_MEAN", to: 1, want: "ddo 0-1=11"},
		"no rate of a level":   {metric: "level", align: "ALIGN_RATE", to: 2},
		"no delta of a level":  {metric: "level", align: "ALIGN_DELTA", to: 2},
		"no most of a spread":  {metric: "spread", align: "ALIGN_MAX", to: 2}, // as Google says of max_request_concurrencies
		"no percentile of one": {metric: "level", align: "ALIGN_PERCENTILE_99", to: 2},
		"no most of spreads":   {metric: "spread", align: "ALIGN_DELTA", reduce: "REDUCE_MAX", to: 2},
		"not played":           {metric: "level", align: "ALIGN_INTERPOLATE", to: 2},
		"not played, either":   {metric: "level", align: "ALIGN_MEAN", reduce: "REDUCE_STDDEV", to: 2},
		"no such field":        {metric: "level", align: "ALIGN_MEAN", reduce: "REDUCE_SUM", group: []string{"state"}, to: 2},
	} {
		call := c.Projects.TimeSeries.List("projects/p").Filter(fmt.Sprintf("metric.type = %q", k.metric)).
			IntervalStartTime(m(k.from).Format(time.RFC3339)).IntervalEndTime(m(k.to).Format(time.RFC3339))
		if k.align != "" {
			call = call.AggregationPerSeriesAligner(k.align).AggregationAlignmentPeriod("60s").AggregationGroupByFields(k.group...)
		}
		if k.reduce != "" {
			call = call.AggregationCrossSeriesReducer(k.reduce)
		}
		got, err := call.Do()
		if k.want == "" {
			wantStatus(t, err, http.StatusBadRequest)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if text := lines(got); text != k.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, text, k.want)
		}
	}
	for _, period := range []string{"59s", "60", "", "1m"} {
		_, err := c.Projects.TimeSeries.List("projects/p").Filter(`metric.type = "level"`).IntervalEndTime(m(2).Format(time.RFC3339)).
			AggregationPerSeriesAligner("ALIGN_MEAN").AggregationAlignmentPeriod(period).Do()
		wantStatus(t, err, http.StatusBadRequest)
	}
}
