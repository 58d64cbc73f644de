package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// callsPerPage is the least that a bulk page costs: to submit it, and to fetch it when it is ready.
const callsPerPage = 2

// BenchmarkThrottledSync is a full sync of line items and transactions under DrChrono's limits: the tenth call
// in a second is refused ("second"), and so is what goes beyond the clock hour's calls ("hour", which is made
// shorter: the run parks and resumes across three of them). The ceiling is the rows on as many full pages as the
// limits would have let anyone call in the time that the run took; "%ceiling" is how much of it the sync
// reaches. Pages are small, so that there are many: only their number matters here.
func BenchmarkThrottledSync(b *testing.B) {
	b.Run("second", func(b *testing.B) { benchThrottled(b, 100_000, time.Hour) })
	b.Run("hour", func(b *testing.B) { benchThrottled(b, 150, 30*time.Second) })
}

func benchThrottled(b *testing.B, perHour int, hour time.Duration) {
	const size = 50
	r := newRig(b, 300)
	r.server.Set(func(s *sandbox.Settings) {
		s.PerSecond, s.PerHour, s.HourMillis, s.BulkPolls, s.BulkMillis = 10, perHour, int(hour.Milliseconds()), 0, 500
		s.PageCaps = map[string]int{"line_items_list": size, "transactions_list": size}
	})
	r.limits = store.Limits{PerSecond: store.DefaultPerSecond, PerHour: perHour, Hour: hour}
	two := pipeline.Dataset{Feeds: []feed.Feed{feed.LineItems, feed.Transactions}}
	s, _ := r.instance(func(c *pipeline.Config) { c.Datasets = map[string]pipeline.Dataset{"billing": two} })
	r.start(s)
	rows := 0
	for _, f := range two.Feeds {
		rows += r.clinic.Count(kinds[f.Name])
	}
	for b.Loop() {
		b.StopTimer()
		if err := s.Delete(b.Context(), "billing"); err != nil && !runtimeapi.IsNotFound(err) {
			b.Fatal(err)
		}
		r.exec(`truncate drchrono.line_items, drchrono.transactions`)
		if hour < time.Hour { // begin with it, as the share of its first part is chance
			time.Sleep(time.Until(time.UnixMilli((time.Now().UnixMilli()/hour.Milliseconds() + 1) * hour.Milliseconds())))
		}
		r.server.ResetStats()
		parked := strings.Count(r.logs.String(), "run parked")
		b.StartTimer()
		began := time.Now()
		r.put(s, spec)
		r.awaited()
		ended := time.Now()
		got := r.one(`select (select count(*) from drchrono.line_items) + (select count(*) from drchrono.transactions)`)
		if got != fmt.Sprint(rows) {
			b.Fatalf("%s rows of %d", got, rows)
		}
		took := ended.Sub(began).Seconds()
		ceiling := allowed(began, ended, store.DefaultPerSecond, perHour, hour) / callsPerPage * size
		stats := r.server.Stats()["app"]
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(took, "s")
		b.ReportMetric(float64(rows), "rows")
		b.ReportMetric(float64(rows)/took, "rows/s")
		b.ReportMetric(ceiling/took, "ceiling-rows/s")
		b.ReportMetric(100*float64(rows)/ceiling, "%ceiling")
		b.ReportMetric(float64(stats.Calls)/(float64(rows)/size), "calls/page")
		b.ReportMetric(float64(stats.Throttled), "refused")
		b.ReportMetric(float64(strings.Count(r.logs.String(), "run parked")-parked), "parked")
	}
}

// allowed is how many calls the limits let anyone make between two moments.
func allowed(from, to time.Time, perSecond float64, perHour int, hour time.Duration) float64 {
	calls := 0.0
	for at := from; at.Before(to); {
		turn := time.UnixMilli((at.UnixMilli()/hour.Milliseconds() + 1) * hour.Milliseconds())
		if turn.After(to) {
			turn = to
		}
		calls += min(float64(perHour), perSecond*turn.Sub(at).Seconds())
		at = turn
	}
	return calls
}
