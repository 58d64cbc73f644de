package pipeline_test

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// BenchmarkThrottledSync is a full sync of line items and transactions under DrChrono's real limits: ten calls in
// a second are refused, and a page is two calls. The ceiling is nine calls a second; "ceiling-%" is how much of
// it the sync reaches. Pages are small, so that there are many: only their number matters here.
func BenchmarkThrottledSync(b *testing.B) {
	r := newRig(b, 300)
	r.server.Set(func(s *sandbox.Settings) {
		s.PerSecond, s.PerHour, s.BulkPolls, s.BulkMillis = 10, 100_000, 0, 500
		s.PageCaps = map[string]int{"line_items_list": 50, "transactions_list": 50}
	})
	r.limits = store.Limits{PerSecond: store.DefaultPerSecond, PerHour: 100_000}
	two := pipeline.Dataset{Feeds: []feed.Feed{feed.LineItems, feed.Transactions}}
	s, _ := r.instance(func(c *pipeline.Config) { c.Datasets = map[string]pipeline.Dataset{"billing": two} })
	r.start(s)
	for b.Loop() {
		r.server.ResetStats()
		began := time.Now()
		if _, err := s.Put(b.Context(), "billing", spec); err != nil {
			b.Fatal(err)
		}
		run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed)
		took := time.Since(began).Seconds()
		if run.State != runtimeapi.RunSucceeded {
			b.Fatalf("%+v\n%s", run, r.logs)
		}
		stats := r.server.Stats()["app"]
		pages, rows := 0.0, 0.0
		for _, f := range run.Feeds {
			pages, rows = pages+float64(f.Pages), rows+float64(f.Read)
		}
		ceiling := store.DefaultPerSecond / 2.0 // pages a second
		b.ReportMetric(pages/took, "pages/s")
		b.ReportMetric(ceiling, "ceiling-pages/s")
		b.ReportMetric(100*pages/took/ceiling, "ceiling-%")
		b.ReportMetric(pages/took*1000, "rows/s-of-1000-row-pages")
		b.ReportMetric(float64(stats.Calls)/pages, "calls/page")
		b.ReportMetric(float64(stats.Throttled), "refused")
		b.ReportMetric(rows, "rows")
		if err := s.Delete(b.Context(), "billing"); err != nil {
			b.Fatal(err)
		}
	}
}
