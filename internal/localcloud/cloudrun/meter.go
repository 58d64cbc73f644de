package cloudrun

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Names, kinds and units of Google's list of Cloud Run metrics.
const (
	metricRequests    = "run.googleapis.com/request_count"
	metricLatencies   = "run.googleapis.com/request_latencies"
	metricCPU         = "run.googleapis.com/container/cpu/utilizations"
	metricInstances   = "run.googleapis.com/container/instance_count"
	metricConcurrency = "run.googleapis.com/container/max_request_concurrencies"
	metricStarts      = "run.googleapis.com/container/startup_latencies"
	revisionResource  = "cloud_run_revision"
)

var _ face.Meter = (*Face)(nil)

// Metrics are those of services that are played.
func (f *Face) Metrics() []face.Metric {
	return []face.Metric{
		{Type: metricRequests, Kind: face.Delta, Value: face.Int64, Unit: "1", Resource: revisionResource},
		{Type: metricLatencies, Kind: face.Delta, Value: face.Spread, Unit: "ms", Resource: revisionResource},
		{Type: metricCPU, Kind: face.Delta, Value: face.Spread, Unit: "10^2.%", Resource: revisionResource},
		{Type: metricInstances, Kind: face.Gauge, Value: face.Int64, Unit: "1", Resource: revisionResource},
		{Type: metricConcurrency, Kind: face.Delta, Value: face.Spread, Unit: "1", Resource: revisionResource},
		{Type: metricStarts, Kind: face.Delta, Value: face.Spread, Unit: "ms", Resource: revisionResource},
	}
}

// tallyKey names a revision, which may be gone.
type tallyKey struct{ project, location, service, revision string }

// tally is that of a revision, whose processes may have been stopped and started again.
func (f *Face) tally(s *service, revision string) *runner.Tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := tallyKey{s.Project, s.Location, s.ID, revision}
	if f.tallies[key] == nil {
		f.tallies[key] = runner.NewTally()
	}
	return f.tallies[key]
}

// Look ends the sample of every revision that has processes.
func (f *Face) Look(context.Context) {
	f.mu.Lock()
	maps.DeleteFunc(f.tallies, func(_ tallyKey, t *runner.Tally) bool { return t.Forgotten(time.Now()) })
	var pools []*runner.Pool
	for _, s := range f.services {
		pools = slices.AppendSeq(pools, maps.Values(s.pools))
	}
	f.mu.Unlock()
	for _, p := range pools {
		p.Sample()
	}
}

// Series is what was measured of a project's revisions.
func (f *Face) Series(_ context.Context, project, metric string, since time.Time) (all []face.Series) {
	f.mu.Lock()
	tallies := maps.Clone(f.tallies)
	f.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(tallies), compareKeys) {
		if key.project != project {
			continue
		}
		b := builder{resource: map[string]string{
			"project_id": project, "location": key.location, "service_name": key.service, "revision_name": key.revision, "configuration_name": key.service,
		}}
		for _, s := range tallies[key].Samples(since) {
			b.add(metric, s)
		}
		all = append(all, b.series()...)
	}
	return all
}

func compareKeys(a, b tallyKey) int {
	return cmp.Or(cmp.Compare(a.location, b.location), cmp.Compare(a.service, b.service), cmp.Compare(a.revision, b.revision))
}

// builder makes the series of one revision, by a label of the metric.
type builder struct {
	resource map[string]string
	by       map[string]*face.Series
}

func (b *builder) add(metric string, s runner.Sample) {
	point := face.Point{From: s.From, To: s.To}
	switch metric {
	case metricRequests, metricLatencies:
		for status, d := range s.Requests {
			labels := map[string]string{"response_code": strconv.Itoa(status), "response_code_class": strconv.Itoa(status/100) + "xx"}
			if point.Number, point.Spread = 0, d; metric == metricRequests {
				point.Number, point.Spread = float64(d.Count), nil
			}
			b.put(strconv.Itoa(status), labels, point)
		}
		return
	case metricStarts:
		if point.Spread = s.Starts; s.Starts != nil {
			b.put("", nil, point)
		}
		return
	}
	if !s.Looked {
		return
	}
	cpu, active, idle := s.Spreads()
	switch metric {
	case metricCPU:
		if point.Spread = cpu; cpu.Count > 0 {
			b.put("", nil, point)
		}
	case metricInstances:
		for state, d := range map[string]*face.Distribution{"active": active, "idle": idle} {
			b.put(state, map[string]string{"state": state}, face.Point{From: s.To, To: s.To, Number: float64(d.Count)})
		}
	case metricConcurrency:
		for state, d := range map[string]*face.Distribution{"active": active, "idle": idle} {
			if point.Spread = d; d.Count > 0 {
				b.put(state, map[string]string{"state": state}, point)
			}
		}
	}
}

func (b *builder) put(key string, labels map[string]string, p face.Point) {
	if b.by == nil {
		b.by = map[string]*face.Series{}
	}
	s := b.by[key]
	if s == nil {
		s = &face.Series{Labels: labels, Resource: b.resource}
		b.by[key] = s
	}
	s.Points = append(s.Points, p)
}

func (b *builder) series() (all []face.Series) {
	for _, key := range slices.Sorted(maps.Keys(b.by)) {
		all = append(all, *b.by[key])
	}
	return all
}
