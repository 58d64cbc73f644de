package coda_test

import (
	"testing"
	"time"

	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

// BenchmarkPush measures rows per second to a Coda that applies a write after 20 s, as the real one does,
// under its limit of three writes in ten seconds. The sandbox's clock is fast, and so is the limit: the
// ceiling is full requests as fast as the limit lets them go.
func BenchmarkPush(bench *testing.B) {
	const rows, pace = 3000, 5
	b := setup(bench)
	b.pace = pace
	b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = 20_000 })
	cfg := b.fast()
	cfg.Window, cfg.Settle, cfg.Appears, cfg.GiveUp = 10500*time.Millisecond/pace, 45*time.Second/pace, 15*time.Second/pace, time.Minute
	cfg.FirstPoll, cfg.LastPoll = time.Second/pace, 10*time.Second/pace
	for bench.Loop() {
		b.want(rows, 12)
		began := time.Now()
		b.start(cfg)
		for b.status().Pending > 0 { // a look at every moment would be most of the work
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(began).Seconds() * pace
		b.settled(rows, 12)
		bench.ReportMetric(rows/took, "rows/s")
		bench.ReportMetric(3*100/10.5, "ceiling-rows/s")
		bench.ReportMetric(100*(rows/took)/(3*100/10.5), "%ceiling")
		bench.ReportMetric(0, "ns/op")
	}
}
