package capacity

import (
	"math"

	"github.com/feel-august/terraform-provider-august/internal/advise"
)

// Bounds of a pool where nothing else sets one. With two connections a slow request holds nobody up. More than a hundred an
// instance cannot have: Cloud Run's socket to Cloud SQL ends there.
const (
	leastPool = 2
	mostPool  = 100
)

// choice is what one service is to be set to, as far as that is decided.
type choice struct {
	Service
	load  load
	set   *Settings
	kept  bool
	sized advise.Concurrency // how it came about; of what is kept, what would else be advised
	why   []string           // of the pool
	alone int64              // the pool that it would have without the others
	short bool               // it has fewer instances than its load needs
	// squeezed is that it has fewer instances than usual for the load, and catches up with it in time all the same.
	squeezed bool
	options  map[int64]advise.Concurrency
}

// choose sizes a service as if it were alone.
func choose(s Service, of shares) *choice {
	c := &choice{Service: s, load: loadOf(s, of), options: map[int64]advise.Concurrency{}}
	if c.load.known {
		c.alone, c.why = natural(s, c.load)
		c.take(c.alone)
	} else if s.Present != nil && s.Present.PoolMax > 0 {
		c.keep() // of which nothing is known but that it is there
	}
	return c
}

// take sets the service to a pool of that size.
func (c *choice) take(pool int64) {
	c.sized = c.option(pool)
	c.set = &Settings{pool, c.sized.Concurrency, c.sized.MinInstances, c.sized.MaxInstances}
}

// option is how the service is scaled with a pool of that size.
func (c *choice) option(pool int64) advise.Concurrency {
	if _, known := c.options[pool]; !known {
		c.options[pool] = c.load.scale(c.Service, pool*c.processes())
	}
	return c.options[pool]
}

// keep leaves the service as it is deployed.
func (c *choice) keep() { c.set, c.kept = c.Present, true }

func (s Service) processes() int64 { return max(1, s.Processes) }

func (s Service) least() int64 { return max(leastPool, s.PoolLeast) }

// natural is the pool that an instance makes use of: what its processors carry, and no more than the whole load needs. Beyond
// the mean, twice its root is for how much the number of requests at once goes up and down by chance.
func natural(s Service, l load) (pool int64, why []string) {
	if s.Pool > 0 {
		return s.Pool, nil
	}
	busy := l.busy()
	whole := max(1, ceil(busy+2*math.Sqrt(busy)))
	note := func(format string, args ...any) { l.note(format, args...) }
	l.lines = nil
	note("connections at work when the burst is there: %s a second × %s ms = %s; with twice its root for chance: %d", shown(l.peak), shown(l.database), shown(busy), whole)
	alone := l.scale(s, math.MaxInt32).Concurrency
	carried := max(1, ceil(float64(alone)*l.database/l.latency))
	note("an instance has processors for %s at once, which have %s at a time", plural(alone, "request"), plural(carried, "connection"))
	pool = min(whole, carried, mostPool)
	if n := s.processes(); n > 1 {
		pool = (pool + n - 1) / n
		note("%d processes of an instance share them", n)
	}
	if least := s.least(); pool < least {
		pool = least
		note("pool: %d, the least", pool)
	} else {
		note("pool: %d", pool)
	}
	return pool, l.lines
}

// counted is the service as the budget of connections counts it.
func (c *choice) counted() advise.Service {
	return advise.Service{Name: c.Name, MaxInstances: c.set.MaxInstances, MinInstances: c.set.MinInstances, Processes: c.Processes,
		PoolMax: c.set.PoolMax, PoolLeast: c.least(), Overlap: c.Overlap, Beside: c.Beside, Pooled: c.Pooled}
}

// need is how many connections of the database the service's pools may hold.
func (c *choice) need() int64 {
	if c.set == nil || c.Pooled {
		return 0
	}
	return c.counted().Needs()
}

// possible is the smallest pool that the service can have.
func (c *choice) possible() int64 {
	if c.Pool > 0 {
		return c.Pool
	}
	return c.least()
}

// movable says that the pool may be made smaller.
func (c *choice) movable() bool { return c.set != nil && !c.kept && c.Pool == 0 && !c.Pooled }

// advice is the choice in figures and words.
func (c *choice) advice() Advice {
	a := Advice{Name: c.Name, Settings: c.set, Kept: c.kept, Fits: c.load.known && c.set != nil, Unknown: c.load.unknown, Batch: batchOf(c.Measured.Batches, c.Burst)}
	a.Lines = append(a.Lines, c.load.lines...)
	if c.load.known {
		a.Busy, a.Rate = c.load.busy(), c.sized.Rate
		a.Fits = a.Fits && !c.short
		a.Lines = append(a.Lines, c.why...)
		if !c.kept && c.set.PoolMax < c.alone {
			a.note("pool: %d instead of %d, since there are too few connections for all services", c.set.PoolMax, c.alone)
		}
		a.Lines = append(a.Lines, c.sized.Lines...)
	}
	if c.Sudden && c.load.known {
		a.Lines = append(a.Lines, c.load.explain(c.Service, *c.set)...)
	}
	switch {
	case c.kept && c.load.known:
		a.Rate = c.load.carried(c.Service, *c.set)
		a.note("what is deployed stays: %s; it is what a load would need that is a fifth smaller, or a quarter larger", c.set)
	case c.kept:
		a.note("what is deployed stays: %s", c.set)
	case c.set != nil:
		a.note("%s: up to %s a second", c.set, shown(a.Rate))
	}
	if a.Batch != nil {
		a.Lines = append(a.Lines, a.Batch.Lines...)
		a.Unknown = append(a.Unknown, a.Batch.unknown...)
	}
	a.Lines = append(a.Lines, c.Measured.Missing...)
	return a
}
