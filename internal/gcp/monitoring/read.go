package monitoring

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/api/monitoring/v3"
)

// period is how often Google samples what is read here, and the shortest time that it aligns by.
const period = time.Minute

// question is what is asked of one metric.
type question struct {
	project, metric, filter string // filter is what follows the metric's type
	from, to                time.Time
	align, reduce           string
	period                  time.Duration // the whole time, when it is not said
	group                   []string
}

// read asks for the time series of a metric. What nothing was written of has none; it is no error.
func (c *Client) read(ctx context.Context, q question) ([]*monitoring.TimeSeries, error) {
	call := c.api.Projects.TimeSeries.List("projects/" + q.project).Filter(fmt.Sprintf("metric.type = %q AND %s", q.metric, q.filter)).
		IntervalStartTime(q.from.UTC().Format(time.RFC3339Nano)).IntervalEndTime(q.to.UTC().Format(time.RFC3339Nano))
	if q.align != "" {
		if q.period == 0 {
			q.period = q.to.Sub(q.from)
		}
		seconds := int64(math.Ceil(max(q.period, period).Seconds()))
		call = call.AggregationAlignmentPeriod(strconv.FormatInt(seconds, 10) + "s").AggregationPerSeriesAligner(q.align).
			AggregationCrossSeriesReducer(q.reduce).AggregationGroupByFields(q.group...)
	}
	var all []*monitoring.TimeSeries
	err := call.Pages(ctx, func(page *monitoring.ListTimeSeriesResponse) error {
		all = append(all, page.TimeSeries...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read metric %s of project %s: %w", q.metric, q.project, err)
	}
	return all, nil
}

// point is a value of a number at a moment, or of a time that ends then.
type point struct {
	from, to time.Time
	value    float64
}

// points is those of a series. Google answers the newest first.
func points(s *monitoring.TimeSeries) (all []point) {
	for _, p := range s.Points {
		if p.Interval == nil || p.Value == nil {
			continue
		}
		to, err := time.Parse(time.RFC3339, p.Interval.EndTime)
		if err != nil {
			continue
		}
		from, err := time.Parse(time.RFC3339, p.Interval.StartTime)
		if err != nil {
			from = to
		}
		switch v := p.Value; {
		case v.DoubleValue != nil:
			all = append(all, point{from, to, *v.DoubleValue})
		case v.Int64Value != nil:
			all = append(all, point{from, to, float64(*v.Int64Value)})
		}
	}
	return all
}

// Level is a figure that goes up and down, in the mean and at its highest.
type Level struct{ Mean, Most float64 }

// level is that of the points of all series, which do not overlap. Without a point there is none.
func level(series []*monitoring.TimeSeries, since time.Time) (*Level, int) {
	l, n := &Level{}, 0
	for _, s := range series {
		for _, p := range points(s) {
			if !p.to.After(since) {
				continue
			}
			l.Mean += p.value
			l.Most = max(l.Most, p.value)
			n++
		}
	}
	if n == 0 {
		return nil, 0
	}
	l.Mean /= float64(n)
	return l, n
}
