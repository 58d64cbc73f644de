package monitoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/monitoring/v3"
)

// Names of Google's list of Cloud Run metrics, which are of revisions.
const (
	requestCount   = "run.googleapis.com/request_count"
	requestLatency = "run.googleapis.com/request_latencies"
	utilization    = "run.googleapis.com/container/cpu/utilizations"
	instanceCount  = "run.googleapis.com/container/instance_count"
	concurrency    = "run.googleapis.com/container/max_request_concurrencies"
	startLatency   = "run.googleapis.com/container/startup_latencies"
	revision       = "cloud_run_revision"
)

// late is how long figures may be on their way: a sample of a minute is seen some minutes later. Until then there are none, which must not be
// taken for a service that nobody asks any more.
const late = 4 * time.Minute

// Service is what Cloud Run has measured of a service, all its revisions together. What nothing was written of is nil.
type Service struct {
	Since, Until time.Time // what is said is of that time: from the first request on, or the start of the window, to the newest figure

	Requests float64 // that reached an instance
	Failed   float64 // of them, answered with a status of 500 and above
	Rate     float64 // requests a second, in the mean
	Peak     float64 // in the busiest minute, a second

	Latency     *Distribution // ms, of a request within an instance; waiting for an instance to start is not in it
	Start       *Distribution // ms, from the start of an instance until it was ready
	Instances   *Level
	Concurrency *Distribution // the most requests at once, of each instance and minute
	CPU         *float64      // how much of its CPU limit an instance used, in the mean: 0 to 1
}

// CPUMs is the CPU time of a request in ms, when an instance has so many CPUs; what an instance does beside requests is shared among them.
func (s Service) CPUMs(limit float64) (float64, bool) {
	if s.CPU == nil || s.Instances == nil || s.Rate == 0 {
		return 0, false
	}
	return *s.CPU * limit * s.Instances.Mean / s.Rate * 1000, true
}

// Service reads what was measured of a Cloud Run service within a window that ends now, a minute at least.
func (c *Client) Service(ctx context.Context, project, location, name string, window time.Duration) (Service, error) {
	now := time.Now().UTC().Truncate(time.Second)
	q := question{
		project: project, from: now.Add(-max(window, period)), to: now,
		filter: fmt.Sprintf("resource.type = %q AND resource.labels.service_name = %q AND resource.labels.location = %q", revision, name, location),
	}
	s := Service{Since: q.from, Until: q.to}
	q.metric = requestCount
	requests, err := c.read(ctx, q)
	if err != nil {
		return Service{}, err
	}
	ask := func(metric, align string, of time.Duration) []*monitoring.TimeSeries {
		q.metric, q.align, q.reduce, q.period = metric, align, "REDUCE_SUM", of
		series, failed := c.read(ctx, q)
		err = errors.Join(err, failed)
		return series
	}
	instances := ask(instanceCount, "ALIGN_MEAN", period)
	s.count(requests, instances)
	s.Latency = distribution(ask(requestLatency, "ALIGN_DELTA", 0))
	s.Start = distribution(ask(startLatency, "ALIGN_DELTA", 0))
	s.Concurrency = distribution(ask(concurrency, "ALIGN_DELTA", 0))
	used := distribution(ask(utilization, "ALIGN_DELTA", 0))
	if err != nil {
		return Service{}, err
	}
	if used != nil {
		s.CPU = &used.Mean
	}
	if l, n := level(instances, s.Since); l != nil { // in minutes without one there is no point
		l.Mean *= min(1, float64(n)*period.Seconds()/max(s.Until.Sub(s.Since), period).Seconds())
		s.Instances = l
	}
	return s, nil
}

// count takes the requests out of their series, one of each revision and status.
func (s *Service) count(requests, instances []*monitoring.TimeSeries) {
	var all []point
	for _, one := range requests {
		failed := one.Metric != nil && strings.HasPrefix(one.Metric.Labels["response_code"], "5")
		for _, p := range points(one) {
			all = append(all, p)
			s.Requests += p.value
			if failed {
				s.Failed += p.value
			}
		}
	}
	if len(all) == 0 {
		return
	}
	s.Until = newest(append(instances, requests...), s.Until)
	first := slices.MinFunc(all, func(a, b point) int { return a.from.Compare(b.from) }).from
	if first.After(s.Since) {
		s.Since = first
	}
	span := s.Until.Sub(s.Since)
	if span <= 0 {
		return
	}
	s.Rate = s.Requests / span.Seconds()
	s.Peak = max(busiest(all)/min(span, period).Seconds(), s.Rate)
}

// newest is when the newest figure is of. When that is long ago, nothing has happened since.
func newest(series []*monitoring.TimeSeries, now time.Time) time.Time {
	at := now.Add(-late)
	for _, one := range series {
		for _, p := range points(one) {
			if p.to.After(at) {
				at = p.to
			}
		}
	}
	return at
}

// busiest is the most within any minute.
func busiest(all []point) (most float64) {
	slices.SortFunc(all, func(a, b point) int { return a.to.Compare(b.to) })
	sum, first := 0.0, 0
	for _, p := range all {
		sum += p.value
		for p.to.Sub(all[first].to) >= period {
			sum -= all[first].value
			first++
		}
		most = max(most, sum)
	}
	return most
}
