// Package monitoring is the local cloud's Cloud Monitoring API, v3: the list of time series, of metrics that other faces
// measure at the moment they are asked for. Nothing is kept, so that each series has one point, which is now.
package monitoring

import (
	"context"
	"net/http"
	"slices"
	"time"

	api "google.golang.org/api/monitoring/v3"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// sampling is how often Google takes a sample: a question about the last minute is one about now.
const sampling = time.Minute

// Options is what the face needs.
type Options struct {
	Metrics []string                                               // that Gauges may measure
	Gauges  func(ctx context.Context, project string) []face.Gauge // measures those of a project
}

// Face is the local Cloud Monitoring.
type Face struct{ opt Options }

var _ face.Face = (*Face)(nil)

// New makes the face. It has no state.
func New(opt Options) *Face { return &Face{opt} }

// Name is the face's name in the status report.
func (f *Face) Name() string { return "monitoring" }

// Start has nothing to bring back.
func (f *Face) Start(context.Context) error { return nil }

// Close has nothing to stop.
func (f *Face) Close(context.Context) error { return nil }

// Report has nothing to show: nothing of it runs.
func (f *Face) Report() []face.Line { return nil }

// Register mounts the API at /v3/projects/{project}/timeSeries.
func (f *Face) Register(mux *http.ServeMux) {
	mux.Handle("GET /v3/projects/{project}/timeSeries", gapi.Handler(f.list))
}

func (f *Face) list(r *http.Request) (any, error) {
	q := r.URL.Query()
	for name := range q {
		switch name {
		case "filter", "interval.startTime", "interval.endTime", "view", "pageSize", "alt", "prettyPrint", "$alt":
		case "pageToken":
			if q.Get(name) != "" {
				return nil, gapi.Invalid("Field pageToken had an invalid value: all is on the first page.")
			}
		default:
			return nil, gapi.Invalid("The local cloud's Cloud Monitoring does not know the parameter %q of projects.timeSeries.list.", name)
		}
	}
	want, err := parseFilter(q.Get("filter"))
	if err != nil {
		return nil, err
	}
	metric := want[metricType][0]
	if !slices.Contains(f.opt.Metrics, metric) {
		return nil, gapi.NotFound("Cannot find metric(s) that match type = %q. The local cloud measures %q.", metric, f.opt.Metrics)
	}
	start, end, err := interval(q.Get("interval.startTime"), q.Get("interval.endTime"))
	if err != nil {
		return nil, err
	}
	view := q.Get("view")
	if view != "" && view != "FULL" && view != "HEADERS" {
		return nil, gapi.Invalid("Field view had an invalid value of %q: it is FULL or HEADERS.", view)
	}
	answer := &api.ListTimeSeriesResponse{}
	if time.Since(end) > sampling {
		return answer, nil // nothing is kept of then
	}
	for _, g := range f.opt.Gauges(r.Context(), r.PathValue("project")) {
		at := g.At
		if at.After(end) {
			at = end // asked about when the question began
		}
		if at.Before(start) || !want.matches(g) {
			continue
		}
		series := &api.TimeSeries{
			Metric: &api.Metric{Type: g.Metric}, MetricKind: "GAUGE", ValueType: "DOUBLE", Unit: g.Unit,
			Resource: &api.MonitoredResource{Type: g.Resource, Labels: g.Labels},
		}
		if view != "HEADERS" {
			stamp := at.UTC().Format(time.RFC3339Nano)
			series.Points = []*api.Point{{
				Interval: &api.TimeInterval{StartTime: stamp, EndTime: stamp}, Value: &api.TypedValue{DoubleValue: &g.Value},
			}}
		}
		answer.TimeSeries = append(answer.TimeSeries, series)
	}
	return answer, nil
}

// interval reads the time that is asked about. Without a start it is one instant.
func interval(from, to string) (start, end time.Time, err error) {
	if end, err = time.Parse(time.RFC3339, to); err != nil {
		return start, end, gapi.Invalid("Field interval.endTime had an invalid value of %q: it is required, in RFC 3339.", to)
	}
	if from == "" {
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
