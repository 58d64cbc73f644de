// Package monitoring is the local cloud's Cloud Monitoring API, v3: the list of time series, of metrics that other faces
// measure, aligned and reduced as the question asks. It keeps nothing itself: each face has what it has measured since the
// local cloud started, some hours of it.
package monitoring

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	api "google.golang.org/api/monitoring/v3"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// sampling is how often Google takes a sample: a question about the last minute is one about now.
const sampling = time.Minute

// Face is the local Cloud Monitoring.
type Face struct {
	meters []face.Meter
	cancel context.CancelFunc
	looks  sync.WaitGroup
}

var _ face.Face = (*Face)(nil)

// New makes the face, over what measures. It has no state.
func New(meters ...face.Meter) *Face { return &Face{meters: meters} }

// Name is the face's name in the status report.
func (f *Face) Name() string { return "monitoring" }

// Start has samples taken until Close.
func (f *Face) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ctx bounds the start only
	f.cancel = cancel
	f.looks.Go(func() {
		tick := time.NewTicker(face.SamplePeriod)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f.look(ctx)
			}
		}
	})
	return nil
}

func (f *Face) look(ctx context.Context) {
	for _, m := range f.meters {
		m.Look(ctx)
	}
}

// Close ends that.
func (f *Face) Close(context.Context) error {
	if f.cancel != nil {
		f.cancel()
		f.looks.Wait()
	}
	return nil
}

// Report has nothing to show: nothing of it runs.
func (f *Face) Report() []face.Line { return nil }

// Register mounts the API at /v3/projects/{project}/timeSeries.
func (f *Face) Register(mux *http.ServeMux) {
	mux.Handle("GET /v3/projects/{project}/timeSeries", gapi.Handler(f.list))
}

// question is what is asked.
type question struct {
	filter  filter
	window  window
	aligner *aligner // nil: none
	reducer *reducer
	group   []string
	headers bool
}

func (f *Face) list(r *http.Request) (any, error) {
	query := r.URL.Query()
	for name := range query {
		switch name {
		case "filter", "interval.startTime", "interval.endTime", "view", "pageSize", "alt", "prettyPrint", "$alt",
			"aggregation.alignmentPeriod", "aggregation.perSeriesAligner", "aggregation.crossSeriesReducer", "aggregation.groupByFields":
		case "pageToken":
			if query.Get(name) != "" {
				return nil, gapi.Invalid("Field pageToken had an invalid value: all is on the first page.")
			}
		default:
			return nil, gapi.Invalid("The local cloud's Cloud Monitoring does not know the parameter %q of projects.timeSeries.list.", name)
		}
	}
	q, err := parse(query)
	if err != nil {
		return nil, err
	}
	name := q.filter[metricType][0]
	meter, metric := f.find(name)
	if meter == nil {
		return nil, gapi.NotFound("Cannot find metric(s) that match type = %q. The local cloud measures %q.", name, f.names())
	}
	asked := time.Now()
	meter.Look(r.Context())
	var all []face.Series
	for _, s := range meter.Series(r.Context(), r.PathValue("project"), name, q.window.start) {
		if s.Points = q.window.cut(s.Points, asked); len(s.Points) > 0 && q.filter.matches(metric, s) {
			all = append(all, s)
		}
	}
	if all, metric, err = q.aggregate(all, metric); err != nil {
		return nil, err
	}
	answer := &api.ListTimeSeriesResponse{}
	for _, s := range all {
		answer.TimeSeries = append(answer.TimeSeries, render(metric, s, q.headers))
	}
	return answer, nil
}

// find is the metric of a name, and who measures it.
func (f *Face) find(name string) (face.Meter, face.Metric) {
	for _, meter := range f.meters {
		for _, m := range meter.Metrics() {
			if m.Type == name {
				return meter, m
			}
		}
	}
	return nil, face.Metric{}
}

func (f *Face) names() (all []string) {
	for _, meter := range f.meters {
		for _, m := range meter.Metrics() {
			all = append(all, m.Type)
		}
	}
	return all
}

func parse(query url.Values) (q question, err error) {
	if q.filter, err = parseFilter(query.Get("filter")); err != nil {
		return q, err
	}
	if q.window.start, q.window.end, err = interval(query.Get("interval.startTime"), query.Get("interval.endTime")); err != nil {
		return q, err
	}
	switch view := query.Get("view"); view {
	case "", "FULL":
	case "HEADERS":
		q.headers = true
	default:
		return q, gapi.Invalid("Field view had an invalid value of %q: it is FULL or HEADERS.", view)
	}
	name := query.Get("aggregation.perSeriesAligner")
	if a, ok := aligners[name]; ok {
		q.aligner = &a
		if q.window.period, err = parsePeriod(query.Get("aggregation.alignmentPeriod")); err != nil {
			return q, err
		}
	} else if name != "" && name != "ALIGN_NONE" {
		return q, gapi.Invalid("Field aggregation.perSeriesAligner had an invalid value of %q: the local cloud does not play it.", name)
	}
	name = query.Get("aggregation.crossSeriesReducer")
	if r, ok := reducers[name]; ok {
		q.reducer, q.group = &r, query["aggregation.groupByFields"]
		if q.aligner == nil {
			return q, gapi.Invalid("Field aggregation.crossSeriesReducer had an invalid value of %q: a reducer needs a per-series aligner other than ALIGN_NONE.", name)
		}
	} else if name != "" && name != "REDUCE_NONE" {
		return q, gapi.Invalid("Field aggregation.crossSeriesReducer had an invalid value of %q: the local cloud does not play it.", name)
	}
	return q, nil
}

// aggregate aligns and reduces, and says what the metric is then.
func (q question) aggregate(all []face.Series, m face.Metric) ([]face.Series, face.Metric, error) {
	if q.aligner == nil {
		return all, m, nil
	}
	if a := q.aligner; !slices.Contains(a.kinds, m.Kind) || !slices.Contains(a.values, m.Value) {
		return nil, m, gapi.Invalid("Field aggregation.perSeriesAligner had an invalid value: The aligner cannot be applied to metrics with kind %s and value type %s.", m.Kind, m.Value)
	}
	for i := range all {
		all[i] = q.aligner.align(m, all[i], q.window)
	}
	m = q.aligner.made(m)
	if q.reducer == nil {
		return all, m, nil
	}
	if !slices.Contains(q.reducer.values, m.Value) {
		return nil, m, gapi.Invalid("Field aggregation.crossSeriesReducer had an invalid value: The reducer cannot be applied to metrics with value type %s.", m.Value)
	}
	all, err := q.reducer.reduce(all, q.group)
	if q.reducer.value != "" {
		m.Value = q.reducer.value
	}
	return all, m, err
}

// cut leaves the points that are asked about. What was measured a moment after the end, since the question was asked, is of the end.
func (w window) cut(points []face.Point, asked time.Time) (inside []face.Point) {
	for _, p := range points {
		if p.To.After(w.end) {
			gauge := !p.To.After(p.From)
			if asked.Sub(w.end) > sampling || !gauge && !p.From.Before(w.end) {
				break
			}
			if p.To = w.end; gauge || p.From.After(p.To) {
				p.From = p.To
			}
			if !p.To.Before(w.start) {
				inside = append(inside, p)
			}
			break
		}
		if p.To.Before(w.start) {
			continue
		}
		inside = append(inside, p)
	}
	return inside
}

// render is a series as the API shows it, the newest point first.
func render(m face.Metric, s face.Series, headers bool) *api.TimeSeries {
	out := &api.TimeSeries{
		Metric: &api.Metric{Type: m.Type, Labels: s.Labels}, MetricKind: m.Kind, ValueType: m.Value, Unit: m.Unit,
		Resource: &api.MonitoredResource{Type: m.Resource, Labels: s.Resource},
	}
	if headers {
		return out
	}
	for _, p := range slices.Backward(s.Points) {
		value := &api.TypedValue{}
		switch m.Value {
		case face.Int64:
			n := int64(p.Number)
			value.Int64Value = &n
		case face.Spread:
			value.DistributionValue = spread(p.Spread)
		default:
			value.DoubleValue = &p.Number
		}
		out.Points = append(out.Points, &api.Point{Value: value, Interval: &api.TimeInterval{
			StartTime: p.From.UTC().Format(time.RFC3339Nano), EndTime: p.To.UTC().Format(time.RFC3339Nano),
		}})
	}
	return out
}

// spread is a distribution as the API shows it, which leaves out empty buckets at the end.
func spread(d *face.Distribution) *api.Distribution {
	out := &api.Distribution{Count: d.Count, Mean: d.Mean(), SumOfSquaredDeviation: d.Deviation(), BucketOptions: &api.BucketOptions{}}
	b := d.Buckets
	if b.Growth != 0 {
		out.BucketOptions.ExponentialBuckets = &api.Exponential{NumFiniteBuckets: int64(b.Finite), GrowthFactor: b.Growth, Scale: b.Scale}
	} else {
		out.BucketOptions.LinearBuckets = &api.Linear{NumFiniteBuckets: int64(b.Finite), Offset: b.Offset, Width: b.Width}
	}
	last := len(d.Counts)
	for last > 0 && d.Counts[last-1] == 0 {
		last--
	}
	out.BucketCounts = d.Counts[:last]
	return out
}

// interval reads the time that is asked about. Without a start it is one instant.
func interval(from, to string) (start, end time.Time, err error) {
	if end, err = time.Parse(time.RFC3339, to); err != nil {
		return start, end, gapi.Invalid("Field interval.endTime had an invalid value of %q: it is required, in RFC 3339.", to)
	}
	if strings.TrimSpace(from) == "" {
		return end, end, nil
	}
	if start, err = time.Parse(time.RFC3339, from); err != nil {
		return start, end, gapi.Invalid("Field interval.startTime had an invalid value of %q: it has to be in RFC 3339.", from)
	}
	if start.After(end) {
		return start, end, gapi.Invalid("Field interval.endTime had an invalid value of %q: the end time must not be before the start time.", to)
	}
	return start, end, nil
}
