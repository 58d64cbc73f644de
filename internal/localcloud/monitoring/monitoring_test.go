package monitoring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	api "google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

const metric = "cloudsql.googleapis.com/database/replication/replica_lag"

// fake measures what a test says.
type fake struct {
	metrics []face.Metric
	series  map[string][]face.Series
}

func (f fake) Metrics() []face.Metric { return f.metrics }

func (f fake) Look(context.Context) {}

func (f fake) Series(_ context.Context, _, metric string, _ time.Time) []face.Series {
	return f.series[metric]
}

func serveMeter(t *testing.T, meters ...face.Meter) (*api.Service, string) {
	t.Helper()
	mux := http.NewServeMux()
	New(meters...).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := api.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c, server.URL
}

// now measures three replicas when it is asked.
type now struct{ fake }

func (n now) Series(context.Context, string, string, time.Time) (all []face.Series) {
	at := time.Now()
	for n, id := range []string{"near", "far", `say \ "far"`} {
		all = append(all, face.Series{
			Labels:   map[string]string{"kind": id},
			Resource: map[string]string{"project_id": "p", "database_id": "p:" + id, "region": "us-east1"},
			Points:   []face.Point{{From: at, To: at, Number: float64(n)}},
		})
	}
	return all
}

func serve(t *testing.T) (*api.Service, string) {
	t.Helper()
	return serveMeter(t, fake{}, now{fake{metrics: []face.Metric{{Type: metric, Kind: face.Gauge, Value: face.Double, Unit: "s", Resource: "cloudsql_database"}}}})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	const base = `metric.type = "` + metric + `"`
	now := time.Now().UTC()
	for filter, want := range map[string]string{ // empty: refused; -: nothing
		base: `near far say \ "far"`,
		base + ` AND resource.type = "cloudsql_database"`:                               `near far say \ "far"`,
		base + ` resource.labels.database_id="p:near"`:                                  "near",
		base + ` AND resource.label.database_id = one_of("p:far", "p:none",  "p:near")`: "near far",
		base + ` AND resource.labels.database_id = one_of("p:say \\ \"far\"")`:          `say \ "far"`,
		base + ` AND resource.labels.region = "us-west1"`:                               "-",
		base + ` AND resource.type = "gce_instance"`:                                    "-",
		"":                                                 "",
		`resource.type = "cloudsql_database"`:              "",
		`metric.type = starts_with("cloudsql")`:            "",
		`metric.type = one_of("a", "b")`:                   "",
		base + ` OR resource.type = "x"`:                   "",
		base + ` AND`:                                      "",
		base + ` AND ` + base:                              "",
		base + ` AND metric.labels.kind = "far"`:           "far",
		base + ` AND metric.labels.x = "y"`:                "-",
		base + ` AND resource.labels.region != "x"`:        "",
		base + ` AND resource.labels.region = one_of("x"`:  "",
		base + ` AND resource.labels.region = one_of()`:    "",
		base + ` AND NOT resource.labels.region = "x"`:     "",
		base + ` AND resource.labels.region = "unfinished`: "",
		base + ` AND resource.labels.region = x`:           "",
	} {
		got, err := c.Projects.TimeSeries.List("projects/p").Filter(filter).
			IntervalStartTime(now.Add(-time.Minute).Format(time.RFC3339)).IntervalEndTime(now.Format(time.RFC3339)).Do()
		if want == "" {
			wantStatus(t, err, http.StatusBadRequest)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		names := []string{}
		for _, s := range got.TimeSeries {
			names = append(names, strings.TrimPrefix(s.Resource.Labels["database_id"], "p:"))
		}
		if text := strings.Join(names, " "); text != strings.TrimPrefix(want, "-") {
			t.Errorf("%s: %s, want %s", filter, text, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	_, base := serve(t)
	ask := func(change func(url.Values)) (int, api.ListTimeSeriesResponse) {
		t.Helper()
		q := url.Values{
			"filter":             {`metric.type = "` + metric + `" AND resource.labels.database_id = "p:far"`},
			"interval.startTime": {time.Now().Add(-time.Minute).Format(time.RFC3339)}, "interval.endTime": {time.Now().Add(time.Second).Format(time.RFC3339Nano)},
		}
		change(q)
		r, err := http.Get(base + "/v3/projects/p/timeSeries?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		body, _ := io.ReadAll(r.Body)
		var answer api.ListTimeSeriesResponse
		if r.StatusCode == http.StatusOK {
			// The client's types are generated from Google's description of the API: what is not in them is not in it.
			d := json.NewDecoder(bytes.NewReader(body))
			d.DisallowUnknownFields()
			if err := d.Decode(&answer); err != nil {
				t.Errorf("%s: %v", body, err)
			}
		}
		return r.StatusCode, answer
	}
	_, full := ask(func(url.Values) {})
	if len(full.TimeSeries) != 1 || len(full.TimeSeries[0].Points) != 1 {
		t.Fatalf("answer %+v", full)
	}
	s := full.TimeSeries[0]
	at, err := time.Parse(time.RFC3339, s.Points[0].Interval.EndTime)
	if s.MetricKind != "GAUGE" || s.ValueType != "DOUBLE" || s.Unit != "s" || *s.Points[0].Value.DoubleValue != 1 || err != nil || time.Since(at) > time.Minute {
		t.Errorf("series %+v", s)
	}
	if _, headers := ask(func(q url.Values) { q.Set("view", "HEADERS") }); len(headers.TimeSeries) != 1 || headers.TimeSeries[0].Points != nil {
		t.Errorf("headers %+v", headers.TimeSeries)
	}
	// Nothing is kept of yesterday, and nothing known of tomorrow.
	for _, days := range []int{-1, 1} {
		code, other := ask(func(q url.Values) {
			q.Set("interval.startTime", time.Now().AddDate(0, 0, days).Format(time.RFC3339))
			q.Set("interval.endTime", time.Now().AddDate(0, 0, days).Add(time.Minute).Format(time.RFC3339))
		})
		if code != http.StatusOK || len(other.TimeSeries) != 0 {
			t.Errorf("%d days from now: %d %+v", days, code, other.TimeSeries)
		}
	}
	for name, c := range map[string]struct {
		value string
		code  int
	}{
		"filter": {`metric.type = "cloudsql.googleapis.com/database/up"`, http.StatusNotFound}, "interval.endTime": {"", http.StatusBadRequest},
		"interval.startTime": {"2100-01-01T00:00:00Z", http.StatusBadRequest}, "aggregation.perSeriesAligner": {"ALIGN_MEAN", http.StatusBadRequest}, // without a period
		"aggregation.crossSeriesReducer": {"REDUCE_SUM", http.StatusBadRequest}, "secondaryAggregation.perSeriesAligner": {"ALIGN_MEAN", http.StatusBadRequest},
		"orderBy": {"x", http.StatusBadRequest}, "pageToken": {"2", http.StatusBadRequest}, "view": {"ALL", http.StatusBadRequest},
	} {
		if code, _ := ask(func(q url.Values) { q.Set(name, c.value) }); code != c.code {
			t.Errorf("%s = %q: %d, want %d", name, c.value, code, c.code)
		}
	}
}

func wantStatus(t *testing.T, err error, code int) {
	t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("want %d, got %v", code, err)
	}
}
