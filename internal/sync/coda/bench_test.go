package coda_test

import (
	"testing"
	"time"

	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// BenchmarkPush measures rows per second to a Coda that applies a write after 20 s, as the real one does,
// under its limit of three writes in ten seconds. Coda's seconds pass faster here; so does what this machine
// takes for its part seem longer than it is.
//
// The ceiling is what could be had at best: full requests, three in each ten seconds, and 20 s for the last one
// to be applied.
func BenchmarkPush(bench *testing.B) {
	const pace = 5
	bench.Run("even", func(bench *testing.B) { push(bench, pace, func(int64) time.Duration { return 0 }) })
	// Some writes take a second and a half longer to arrive.
	bench.Run("uneven", func(bench *testing.B) {
		push(bench, pace, func(write int64) time.Duration {
			if write%7 == 3 {
				return 1500 * time.Millisecond / pace
			}
			return 0
		})
	})
}

func push(bench *testing.B, pace int, delay func(write int64) time.Duration) {
	const rows, applies = 3000, 20 * time.Second
	const best = (rows/100-1)/3*10*time.Second + applies
	in := func(d time.Duration) time.Duration { return d / time.Duration(pace) }
	for bench.Loop() {
		b := setup(bench)
		b.pace = float64(pace)
		b.coda.Set(func(s *sandbox.Settings) { s.MutationMillis = int(applies.Milliseconds()) })
		cfg := coda.Config{
			Pool: b.pool, URL: b.way(delay), Token: token, Every: in(2 * time.Second), Window: in(10100 * time.Millisecond), Throttle: in(30 * time.Second),
			Backoff: in(5 * time.Second), FirstPoll: in(time.Second), LastPoll: in(4 * time.Second), GiveUp: in(3 * time.Minute),
			Appears: in(15 * time.Second), Settle: in(45 * time.Second), Lag: in(2 * time.Minute),
		}
		b.want(rows, 12)
		began := time.Now()
		stop := b.start(cfg)
		for b.status().Pending > 0 { // a look at every moment would be most of the work
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(began) * time.Duration(pace)
		b.settled(rows, 12)
		stop()
		bench.ReportMetric(rows/took.Seconds(), "rows/s")
		bench.ReportMetric(rows/best.Seconds(), "ceiling-rows/s")
		bench.ReportMetric(100*best.Seconds()/took.Seconds(), "%ceiling")
		bench.ReportMetric(float64(b.coda.Stats().Throttled), "throttled")
		bench.ReportMetric(0, "ns/op")
	}
}
