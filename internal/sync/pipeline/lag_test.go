package pipeline_test

import (
	"maps"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// gauge is what an instance's metrics say of august.sync.lag, by feed.
func (r *rig) gauge(reader *sdk.ManualReader) map[string]float64 {
	r.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(r.Context(), &all); err != nil {
		r.Fatal(err)
	}
	by := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if g, ok := m.Data.(metricdata.Gauge[float64]); ok && m.Name == "august.sync.lag" {
				for _, point := range g.DataPoints {
					feed, _ := point.Attributes.Value(attribute.Key("feed"))
					by[feed.AsString()] = point.Value
				}
			}
		}
	}
	return by
}

// How old the data is does not depend on who is asked, nor on the database being there to be asked.
func TestEveryInstanceKnowsTheLagOfEachFeed(t *testing.T) {
	r := newRig(t, 10)
	worker, _ := r.instance()
	reader := sdk.NewManualReader()
	idle, idleStore := r.instance(func(c *pipeline.Config) { c.Meter = sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("sync") })
	lag := func() map[string]float64 {
		t.Helper()
		st, err := idle.Status(t.Context(), "billing")
		if err != nil {
			t.Fatal(err)
		}
		return st.Lag
	}
	r.put(worker, runtimeapi.PipelineSpec{Dataset: "billing", Paused: true})
	if st, err := idle.Status(t.Context(), "billing"); err != nil || !st.Paused || len(st.Lag) != 0 || st.Lag == nil {
		t.Errorf("before the first sync: %+v, %v", st, err)
	}
	if by := r.gauge(reader); len(by) != 0 {
		t.Errorf("before the first sync: %v", by)
	}
	stop := r.start(worker)
	r.put(worker, spec)
	r.ended(worker, runtimeapi.RunSucceeded)
	stop()

	var names []string
	for _, f := range feeds {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if got := lag(); !slices.Equal(slices.Sorted(maps.Keys(got)), names) {
		t.Errorf("lag of %v", got)
	}
	r.exec(`update august.checkpoint set fresh_at = now() - interval '2 hours' where feed = 'doctors'`)
	if got := lag(); got["doctors"] < 7200 || got["offices"] >= 7200 {
		t.Errorf("lag of %v", got)
	}
	if by := r.gauge(reader); len(by) != len(feeds) || by["doctors"] < 7200 || by["offices"] >= 7200 {
		t.Errorf("gauge of %v", by)
	}
	// Calls of the hour, and of one that has passed.
	r.exec(`insert into august.throttle (application, hour, used) values ('old', date_trunc('hour', now()) - interval '1 hour', 1000000)`)
	if st, err := idle.Status(t.Context(), "billing"); err != nil || st.CallsThisHour >= 1_000_000 {
		t.Errorf("%d calls, %v", st.CallsThisHour, err)
	}
	r.exec(`update august.throttle set hour = date_trunc('hour', now()), used = 321 where application <> 'old'`)
	if st, err := idle.Status(t.Context(), "billing"); err != nil || st.CallsThisHour != 321 {
		t.Errorf("%d calls, %v", st.CallsThisHour, err)
	}

	idleStore.Close() // as good as a database that has gone
	if by := r.gauge(reader); by["doctors"] < 7200 {
		t.Errorf("without the database: %v", by)
	}
}

// A full sweep that missed too much to be believed makes nothing fresh.
func TestAnImplausibleSweepLeavesTheLag(t *testing.T) {
	r := newRig(t, 10, feed.Doctors, feed.Offices)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	r.exec(`insert into drchrono.offices (id, raw, content_hash, observed_at) select 900000 + n, '{}', '', now() - interval '1 day' from generate_series(1, 200) n`)
	before := r.one(`select fresh_at from august.checkpoint where feed = 'offices'`)
	others := r.one(`select fresh_at from august.checkpoint where feed = 'doctors'`)
	if _, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
		t.Fatal(err)
	}
	r.ended(s, runtimeapi.RunFailed)
	if r.one(`select fresh_at from august.checkpoint where feed = 'offices'`) != before {
		t.Error("offices are fresh")
	}
	if r.one(`select fresh_at from august.checkpoint where feed = 'doctors'`) == others {
		t.Error("doctors are not")
	}
}
