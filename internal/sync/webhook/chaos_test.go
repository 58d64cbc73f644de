package webhook

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// mixed is deliveries of a few objects, each newer than the one before.
func mixed(from, n int) []Delivery {
	var list []Delivery
	for i := from; i < from+n; i++ {
		list = append(list, delivery(fmt.Sprint("m", i), "LINE_ITEM_MODIFY", lineItem(i%40, fmt.Sprintf("%d.00", i), time.Date(2026, 3, 4, 0, 0, i, 0, time.UTC).Format("2006-01-02T15:04:05"))))
	}
	return list
}

// newest checks that each object is as the newest of n deliveries has it, and that each was applied once.
func (r *drainRig) newest(n int) {
	r.Helper()
	r.is("deliveries", fmt.Sprintf("%d applied applied 1", n), `select concat(count(*), ' ', min(state), ' ', max(state), ' ', max(attempts)) from august.inbox where delivery like 'm%'`)
	r.is("objects that are not the newest", "0", `select count(*) from drchrono.line_items where billed < $1`, n-40)
	r.is("objects", "40", `select count(*) from drchrono.line_items`)
}

// Connections that break between any two steps, of two instances and both ways, lose nothing and double nothing.
func TestDrain_cutAnywhere(t *testing.T) {
	t.Parallel()
	b := newDrainRig(t).broker()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	proxies := []*pgtest.Proxy{pgtest.NewProxy(t, b.db), pgtest.NewProxy(t, b.db)}
	for _, p := range proxies {
		b.start(b.drain(p.Database()))
	}
	n := 0
	for range 60 {
		list := mixed(n, 1+rnd.IntN(30))
		n += len(list)
		if rnd.IntN(2) == 0 {
			b.arrive(list...)
		} else {
			b.publish(list...)
		}
		time.Sleep(time.Duration(rnd.IntN(12_000)) * time.Microsecond)
		proxies[rnd.IntN(2)].Cut()
	}
	b.acknowledged()
	b.settled()
	b.newest(n)
}

// A failover to a standby, while deliveries come.
func TestDrain_failover(t *testing.T) {
	r := newDrainRig(t)
	standby := pgtest.NewStandby(t)
	proxy := pgtest.NewProxy(t, r.db)
	b := r.broker()
	b.start(b.drain(proxy.Database()))
	b.arrive(mixed(0, 400)...)
	b.publish(mixed(400, 400)...)
	b.until("a part is applied", func() bool { return b.one(`select count(*) >= 50 from august.inbox where state = 'applied'`) == "true" })
	proxy.Refuse() // the old primary is out of reach for good
	standby.Promote()
	r.store.Close()
	r.store = r.connect(standby.Database(r.db))
	proxy.Lead(standby.Database(r.db))
	proxy.Heal()
	b.arrive(mixed(800, 100)...)
	b.acknowledged()
	b.settled()
	b.newest(900)
}
