package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/advise/capacity"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func TestCapacityAdvice_databaseTime(t *testing.T) {
	t.Parallel()
	window := func(active, idle float64, samples int64) *runtimeapi.RoleWindow {
		return &runtimeapi.RoleWindow{MeanActive: active, MeanIdleInTransaction: idle, Samples: samples}
	}
	m := runtimeapi.Measures{Roles: []runtimeapi.RoleMeasures{
		{Role: "sampled", Window: window(0.3, 0.1, 1000)},
		{Role: "both", Window: window(0.3, 0.1, 1000), CallsPerSecond: new(40.0), CallMs: new(2.0)},
		{Role: "hardly seen", Window: window(0.05, 0, 1000), CallsPerSecond: new(40.0), CallMs: new(2.0)},
		{Role: "asked only", CallsPerSecond: new(40.0), CallMs: new(2.0)},
		{Role: "new"},
	}}
	for user, want := range map[string]float64{"sampled": 40, "both": 40, "hardly seen": 8, "asked only": 8} {
		if got, problem := databaseTime(m, user, 10); got == nil || problem != "" || *got < want*0.999 || *got > want*1.001 {
			t.Errorf("%s: %v, %q, want %g ms", user, got, problem, want)
		}
	}
	for user, want := range map[string]string{"new": "no sample of the database user new yet", "nobody": "has seen no connection of the database user nobody"} {
		if got, problem := databaseTime(m, user, 10); got != nil || !strings.Contains(problem, want) {
			t.Errorf("%s: %v, %q", user, got, problem)
		}
	}
	if got, problem := databaseTime(m, "both", 0); got != nil || problem == "" {
		t.Errorf("without a request: %v, %q", got, problem)
	}
}

// What is given takes the place of what was measured, and what is deployed is known when all of it is.
func TestCapacityAdvice_expand(t *testing.T) {
	t.Parallel()
	live := &run.GoogleCloudRunV2Service{Uri: "https://sync.test", Template: &run.GoogleCloudRunV2RevisionTemplate{Scaling: &run.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: 7}}}
	spec := cloudrun.Spec{CPU: "2000m", Concurrency: 30, Min: 1, Env: []cloudrun.Env{{Name: envDatabasePoolMax, Value: "5"}, {Name: "DB_POOL", Value: "9"}}}
	seen := seenService{live: live, spec: spec, measured: &monitoring.Service{
		Until: time.Unix(7200, 0), Since: time.Unix(3600, 0), Rate: 10, Peak: 20, CPU: new(0.1), Instances: &monitoring.Level{Mean: 2, Most: 3}, Latency: &monitoring.Distribution{Mean: 50},
	}}
	measures := &runtimeapi.Measures{
		Roles:      []runtimeapi.RoleMeasures{{Role: "sync", Window: &runtimeapi.RoleWindow{MeanActive: 0.2, Samples: 1000}}},
		Batches:    []runtimeapi.BatchMeasures{{Source: "inbox", Rows: 1, BaseMs: new(1.0)}, {Source: "pubsub", Rows: 9, BaseMs: new(8.0), EachMs: new(0.2)}},
		Deliveries: &runtimeapi.DeliveryMeasures{PerSecond: 3, PeakMinute: 4},
	}
	seen.backlog = new(70.0)
	m := capacityAdviceModel{Endpoint: types.StringValue("https://sync.test"), BurstPercent: types.Float64Value(100)}
	s := capacityServiceModel{Service: types.StringValue("sync"), DatabaseUser: types.StringValue("sync")}

	got := s.expand("sync", m, seen, measures, 24*time.Hour)
	f := got.Measured
	if got.CPU != 2 || got.Burst != 100 || *got.Present != (capacity.Settings{PoolMax: 5, Concurrency: 30, MinInstances: 1, MaxInstances: 7}) || got.PoolLeast != defaultPoolMax || len(got.Beside) != 3 {
		t.Errorf("%+v", got)
	}
	if f.Window != time.Hour || *f.Rate != 10 || *f.PeakRate != 20 || *f.LatencyMS != 50 || *f.CPUMS != 40 || *f.DatabaseMS != 20 || *f.Instances != 3 || len(f.Missing) != 0 {
		t.Errorf("%+v", f)
	}
	if b := f.Batches; b == nil || *b.Rate != 3 || *b.PeakRate != 4 || *b.FixedMS != 8 || *b.EachMS != 0.2 || *b.Backlog != 70 {
		t.Errorf("%+v", b)
	}

	s.PoolVariable, s.LatencyMS, s.RequestsPerSecond, s.DatabaseMS = types.StringValue("DB_POOL"), types.Float64Value(60), types.Float64Value(1), types.Float64Value(6)
	s.CPU, s.BesideConnections, s.MessageMS, s.BurstPercent = types.Float64Value(4), types.Int64Value(3), types.Float64Value(1), types.Float64Value(50)
	got = s.expand("sync", m, seen, measures, 24*time.Hour)
	f = got.Measured
	if got.Present.PoolMax != 9 || got.CPU != 4 || got.Burst != 50 || got.Beside[0].Connections != 3 || f.Window != 0 || *f.LatencyMS != 60 || *f.Rate != 1 || *f.DatabaseMS != 6 ||
		*f.Batches.EachMS != 1 || *f.Batches.FixedMS != 8 {
		t.Errorf("%+v", got)
	}

	m.Endpoint, s.PoolVariable, s.MessageMS = types.StringValue("https://another.test"), types.StringValue("NONE"), types.Float64Null()
	if got = s.expand("sync", m, seen, measures, 24*time.Hour); got.Present != nil || got.Measured.Batches != nil {
		t.Errorf("%+v", got)
	}
	seen.measured = &monitoring.Service{}
	if got = (capacityServiceModel{Service: types.StringValue("sync")}).expand("sync", m, seen, nil, time.Hour); got.Measured.Rate != nil || len(got.Measured.Missing) != 1 {
		t.Errorf("%+v", got.Measured)
	}
}

// What waits is in the runtime's subscription, which Cloud Monitoring counts, or in its inbox.
func TestCapacityAdvice_backlog(t *testing.T) {
	t.Parallel()
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/v3/projects/p/timeSeries":
			w.WriteHeader(http.StatusForbidden)
		case strings.Contains(r.URL.Query().Get("filter"), `resource.labels.subscription_id = "deliveries"`) && strings.Contains(r.URL.Query().Get("filter"), "num_undelivered_messages"):
			_, _ = w.Write([]byte(`{"timeSeries":[{"points":[{"interval":{"endTime":"2099-01-01T00:00:00Z"},"value":{"int64Value":"12"}},{"interval":{"endTime":"2098-12-31T23:59:00Z"},"value":{"int64Value":"400"}}]}]}`))
		default:
			_, _ = w.Write([]byte(`{}`))
		}
	}))
	t.Cleanup(google.Close)
	d := &capacityAdviceDataSource{configuredDataSource{configured{clients: &clients{accessToken: setting{value: "test"}, monitoring: setting{value: google.URL + "/"}}}}}
	of := func(subscription string) *runtimeapi.Measures {
		return &runtimeapi.Measures{Deliveries: &runtimeapi.DeliveryMeasures{Pending: 7, Subscription: subscription}}
	}
	for subscription, want := range map[string]float64{"": 7, "projects/p/subscriptions/deliveries": 400} {
		if got, problem := d.backlog(t.Context(), of(subscription), time.Hour); got == nil || *got != want || problem != "" {
			t.Errorf("%q: %v, %q, want %g", subscription, got, problem, want)
		}
	}
	if got, problem := d.backlog(t.Context(), of("projects/p/subscriptions/other"), time.Hour); got != nil || problem != "" {
		t.Errorf("without a figure: %v, %q", got, problem)
	}
	if got, problem := d.backlog(t.Context(), of("projects/q/subscriptions/deliveries"), time.Hour); got != nil || !strings.Contains(problem, monitoring.Role) {
		t.Errorf("denied: %v, %q", got, problem)
	}
	if got, problem := d.backlog(t.Context(), nil, time.Hour); got != nil || problem != "" {
		t.Errorf("without a runtime: %v, %q", got, problem)
	}
}
