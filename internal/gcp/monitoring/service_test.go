package monitoring

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	local "github.com/feel-august/terraform-provider-august/internal/localcloud/monitoring"
)

// meter is a made-up project, as Google would have measured it: the local cloud's Cloud Monitoring aligns and reduces it.
type meter map[string]metered

type metered struct {
	face.Metric
	series []face.Series
}

func (m meter) Metrics() (all []face.Metric) {
	for _, one := range m {
		all = append(all, one.Metric)
	}
	return all
}

func (m meter) Look(context.Context) {}

func (m meter) Series(_ context.Context, project, metric string, _ time.Time) []face.Series {
	if project != "p" {
		return nil
	}
	return m[metric].series
}

func (m meter) add(metric, kind, value, resource string, series ...face.Series) {
	m[metric] = metered{face.Metric{Type: metric, Kind: kind, Value: value, Resource: resource}, series}
}

// ago is a sample of so many minutes ago: of that minute, or of its end.
func ago(minutes float64, n float64, spread ...float64) face.Point {
	to := time.Now().Add(-time.Duration(minutes * float64(time.Minute)))
	p := face.Point{From: to.Add(-time.Minute), To: to, Number: n}
	if spread != nil {
		p.Spread = face.NewDistribution(face.Buckets{Finite: 1000, Width: 1})
		for _, v := range spread {
			p.Spread.Add(v)
		}
	}
	return p
}

func at(minutes, n float64) face.Point {
	p := ago(minutes, n)
	p.From = p.To
	return p
}

func (m meter) serve(t *testing.T) *Client {
	t.Helper()
	mux := http.NewServeMux()
	local.New(m).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := New(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-2*math.Max(math.Abs(b), 1e-9) }

// A service that has been asked for five minutes of an hour: two revisions, some errors, one busy minute.
func TestService(t *testing.T) {
	t.Parallel()
	of := func(name, revision string, labels map[string]string, points ...face.Point) face.Series {
		return face.Series{Labels: labels, Points: points, Resource: map[string]string{"service_name": name, "location": "us-central1", "revision_name": revision}}
	}
	ok, failed := map[string]string{"response_code": "200"}, map[string]string{"response_code": "503"}
	m := meter{}
	m.add(requestCount, face.Delta, face.Int64, revision,
		of("web", "1", ok, ago(4.1, 600), ago(3.1, 600)), of("web", "2", ok, ago(2.1, 2400), ago(1.1, 600), ago(0.1, 540)), of("web", "2", failed, ago(0.1, 60)),
		of("other", "1", ok, ago(0.1, 1e6)))
	m.add(requestLatency, face.Delta, face.Spread, revision,
		of("web", "1", ok, ago(4.1, 0, 10, 20, 30)), of("web", "2", ok, ago(0.1, 0, 40, 900)), of("other", "1", ok, ago(0.1, 0, 7)))
	m.add(instanceCount, face.Gauge, face.Int64, revision,
		of("web", "1", nil, at(30, 9), at(4.1, 2), at(3.1, 2)), of("web", "2", nil, at(2.1, 4), at(1.1, 2), at(0.1, 2)))
	m.add(utilization, face.Delta, face.Spread, revision, of("web", "1", nil, ago(4.1, 0, 0.25, 0.25)), of("web", "2", nil, ago(0.1, 0, 0.75, 0.75)))
	m.add(concurrency, face.Delta, face.Spread, revision, of("web", "1", map[string]string{"state": "active"}, ago(4.1, 0, 5, 7)), of("web", "1", map[string]string{"state": "idle"}, ago(4.1, 0, 0)))
	m.add(startLatency, face.Delta, face.Spread, revision, of("web", "1", nil, ago(4.1, 0, 300, 500)))
	c := m.serve(t)

	s, err := c.Service(t.Context(), "p", "us-central1", "web", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if span := s.Until.Sub(s.Since).Minutes(); math.Abs(span-5.1) > 0.15 { // the service was asked first 5.1 minutes ago
		t.Errorf("of %g minutes", span)
	}
	seconds := s.Until.Sub(s.Since).Seconds()
	if s.Requests != 4800 || s.Failed != 60 || !near(s.Rate, 4800/seconds) || !near(s.Peak, 40) {
		t.Errorf("requests %+v", s)
	}
	if l := s.Latency; l == nil || l.Count != 5 || l.Mean != 200 || l.Percentile(50) < 29 || l.Percentile(50) > 31 || l.Percentile(99) < 900 || l.Percentile(99) > 901 || l.Percentile(0) < 10 {
		t.Errorf("latency %+v", l)
	}
	if s.Instances == nil || !near(s.Instances.Mean, 12./5.1) && !near(s.Instances.Mean, 12./5) || s.Instances.Most != 4 { // what was before the first request is of another time
		t.Errorf("instances %+v", s.Instances)
	}
	if s.CPU == nil || *s.CPU != 0.5 || s.Concurrency.Count != 3 || s.Concurrency.Mean != 4 || s.Start.Mean != 400 {
		t.Errorf("CPU %v, at once %+v, start %+v", s.CPU, s.Concurrency, s.Start)
	}
	// Half of two processors of some 2.4 instances, for some 16 requests a second.
	if ms, known := s.CPUMs(2); !known || !near(ms, 0.5*2*s.Instances.Mean/s.Rate*1000) || ms < 140 || ms > 165 {
		t.Errorf("CPU a request %v", ms)
	}

	// The window ends the figures; and a service that nobody asks has none.
	if s, err = c.Service(t.Context(), "p", "us-central1", "web", 150*time.Second); err != nil || s.Requests >= 4200 || s.Requests < 3600 || !near(s.Peak, s.Peak) || s.Start != nil {
		t.Errorf("of the last minutes %+v, %v", s, err)
	}
	none, err := c.Service(t.Context(), "p", "europe-west1", "web", time.Hour)
	if err != nil || none.Requests != 0 || none.Rate != 0 || none.Latency != nil || none.Instances != nil || none.CPU != nil || none.Concurrency != nil {
		t.Errorf("elsewhere %+v, %v", none, err)
	}
	if _, known := none.CPUMs(1); known {
		t.Error("CPU of no request")
	}
}

// Figures that are still on their way are not a service that is asked no more.
func TestService_late(t *testing.T) {
	t.Parallel()
	m := meter{}
	series := func(labels map[string]string, points ...face.Point) face.Series {
		return face.Series{Labels: labels, Points: points, Resource: map[string]string{"service_name": "web", "location": "l"}}
	}
	m.add(requestCount, face.Delta, face.Int64, revision, series(map[string]string{"response_code": "200"}, ago(6, 60), ago(5, 60), ago(4, 60), ago(3, 60)))
	m.add(instanceCount, face.Gauge, face.Int64, revision, series(nil, at(4, 1), at(3, 1)))
	for _, other := range []string{requestLatency, utilization, concurrency, startLatency} {
		m.add(other, face.Delta, face.Spread, revision)
	}
	s, err := m.serve(t).Service(t.Context(), "p", "l", "web", 7*time.Minute)
	if err != nil || s.Rate < 0.8 || s.Rate > 1.05 {
		t.Errorf("rate %g of %s, %v", s.Rate, s.Until.Sub(s.Since), err)
	}
}

func TestInstance(t *testing.T) {
	t.Parallel()
	of := func(id, db string, points ...face.Point) face.Series {
		return face.Series{Labels: map[string]string{"database": db}, Points: points, Resource: map[string]string{"database_id": id}}
	}
	m := meter{}
	m.add(backends, face.Gauge, face.Int64, database, of("p:platform", "platform", at(2.5, 10), at(2.2, 40), at(0.5, 30)), of("p:platform", "postgres", at(2.5, 1), at(0.5, 1)), of("p:other", "x", at(0.5, 99)))
	m.add(databaseCPU, face.Gauge, face.Double, database, of("p:platform", "", at(2.5, 0.2), at(0.5, 0.6)))
	m.add(databaseMemory, face.Gauge, face.Double, database)
	got, err := m.serve(t).Instance(t.Context(), "p", "platform", time.Hour)
	if err != nil || got.Connections == nil || *got.Connections != (Level{(26 + 31) / 2., 41}) || got.CPU == nil || !near(got.CPU.Mean, 0.4) || got.CPU.Most != 0.6 || got.Memory != nil {
		t.Errorf("%+v %+v %+v, %v", got.Connections, got.CPU, got.Memory, err)
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	of := func(id string, points ...face.Point) face.Series {
		return face.Series{Points: points, Resource: map[string]string{"subscription_id": id}}
	}
	m := meter{}
	m.add(undelivered, face.Gauge, face.Int64, subscription, of("drain", at(2.5, 10), at(0.5, 500)), of("other", at(0.5, 9999)))
	m.add(oldest, face.Gauge, face.Int64, subscription, of("drain", at(2.5, 3), at(0.5, 40)))
	got, err := m.serve(t).Subscription(t.Context(), "p", "drain", time.Hour)
	if err != nil || got.Backlog == nil || *got.Backlog != (Level{255, 500}) || got.Oldest == nil || got.Oldest.Most != 40 {
		t.Errorf("%+v %+v, %v", got.Backlog, got.Oldest, err)
	}
}

// Whoever may not read metrics is told so, and which.
func TestFigures_denied(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Permission monitoring.timeSeries.list denied"}}`))
	})
	_, service := c.Service(t.Context(), "p", "l", "web", time.Hour)
	_, instance := c.Instance(t.Context(), "p", "platform", time.Hour)
	_, queue := c.Subscription(t.Context(), "p", "drain", time.Hour)
	for metric, err := range map[string]error{requestCount: service, backends: instance, undelivered: queue} {
		if gcp.KindOf(err) != gcp.Denied || !strings.Contains(err.Error(), metric) {
			t.Errorf("%s: %v", metric, err)
		}
	}
}

// Percentiles of buckets of each kind, worked out by hand.
func TestBounds(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		options   string
		low, high [4]float64
	}{
		"explicit":    {`{"explicitBuckets":{"bounds":[1,5,20]}}`, [4]float64{-inf, 1, 5, 20}, [4]float64{1, 5, 20, inf}},
		"linear":      {`{"linearBuckets":{"numFiniteBuckets":2,"offset":10,"width":5}}`, [4]float64{-inf, 10, 15, 20}, [4]float64{10, 15, 20, inf}},
		"exponential": {`{"exponentialBuckets":{"numFiniteBuckets":2,"scale":3,"growthFactor":2}}`, [4]float64{-inf, 3, 6, 12}, [4]float64{3, 6, 12, inf}},
	} {
		o := options(t, c.options)
		for i := range c.low {
			if low, high := bounds(o, i); low != c.low[i] || high != c.high[i] {
				t.Errorf("%s: bucket %d is from %g to %g", name, i, low, high)
			}
		}
	}
}

func options(t *testing.T, text string) *monitoring.BucketOptions {
	t.Helper()
	o := &monitoring.BucketOptions{}
	if err := json.Unmarshal([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}
