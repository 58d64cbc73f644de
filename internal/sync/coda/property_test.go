package coda_test

import (
	"math/rand/v2"
	"testing"
	"time"

	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

// Any interleaving of changes, deletions, faults, and two writers that are killed at random moments ends
// with Coda's table equal to the view, without doubles.
func TestPusher_endsWithTheView(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	b := setup(t)
	cfg := b.free()
	cfg.Lag, cfg.Verify, cfg.Throttle, cfg.Retry = time.Second, time.Second, 100*time.Millisecond, 2*time.Second
	b.coda.Set(func(s *sandbox.Settings) {
		s.ConcurrentInserts, s.SnapshotMillis, s.MutationMillis = true, 20_000, 5_000
	})
	want := map[int]string{}
	kill := []func(){b.fork(cfg), b.fork(cfg)}
	for range 40 {
		switch chance.IntN(6) {
		case 0, 1:
			for range 1 + chance.IntN(60) {
				if i := chance.IntN(250); chance.IntN(4) == 0 {
					delete(want, i)
				} else {
					want[i] = []string{"Example Payer", "Other Payer", "1/2", "Bad Payer"}[chance.IntN(4)]
				}
			}
			b.enqueue(want)
		case 2, 3:
			i := chance.IntN(2)
			kill[i]()
			kill[i] = b.fork(cfg)
		case 4:
			b.coda.AddFault([]sandbox.Fault{
				{Kind: sandbox.FaultApplied, Times: 1},
				{Kind: sandbox.FaultDrop, Times: 1},
				{Kind: sandbox.FaultStatus, Status: 429, Times: 1},
				{Kind: sandbox.FaultStatus, Status: 503, Times: 2},
				{Kind: sandbox.FaultStatus, Status: 413, Method: "POST", Times: 1},
				{Kind: sandbox.FaultStatus, Status: 504, Method: "GET", Path: "/docs/*/tables/*/rows", Times: 1},
			}[chance.IntN(6)])
		case 5:
			b.coda.Set(func(s *sandbox.Settings) {
				s.LoseMutations = chance.IntN(2)
				s.RefuseText = []string{"", "Bad"}[chance.IntN(2)]
			})
		}
		time.Sleep(time.Duration(chance.IntN(150)) * time.Millisecond)
	}
	b.coda.ClearFaults()
	b.coda.Set(func(s *sandbox.Settings) { s.RefuseText, s.LoseMutations = "", 0 })
	b.until("Coda's table is the view", func() bool {
		got := b.payers()
		if len(b.rows()) != len(want) {
			return false
		}
		for i, payer := range want {
			if got[key(i)] != payer {
				return false
			}
		}
		s := b.status()
		return s.Pending == 0 && s.Refused == 0
	})
	t.Logf("%d rows; %+v", len(want), b.coda.Stats().Statuses)
}
