package capacity

import (
	"fmt"
	"slices"
	"sort"
)

// fit makes pools smaller, by turns where it saves the most, until all services together have enough of the connections. Smaller
// pools on more instances leave less idle. It says whether that was enough.
func fit(choices []*choice, room int64) bool {
	for {
		over := -room
		for _, c := range choices {
			over += c.need()
		}
		if over <= 0 {
			return true
		}
		var best *choice
		var pool, saved int64
		for _, c := range choices {
			if p, n := c.smaller(); n > saved {
				best, pool, saved = c, p, n
			}
		}
		if best == nil {
			return false
		}
		best.take(pool)
	}
}

// smaller is the next smaller pool that saves connections, and how many.
func (c *choice) smaller() (pool, saved int64) {
	if !c.movable() {
		return 0, 0
	}
	need := c.need()
	other := *c
	for pool = c.set.PoolMax - 1; pool >= c.possible(); pool-- {
		if other.take(pool); other.need() < need {
			return pool, need - other.need()
		}
	}
	return 0, 0
}

// cut divides the connections among services that need more than there are: as many to each as it can do with, where there are so many, and
// what one instance takes where not; and of the rest to each as much as it lacks.
func cut(choices []*choice, room int64) {
	var lacking []*choice
	var enough []int64 // for each of them
	var lack, spare int64
	least := func(c *choice) int64 {
		one := *c
		one.set = &Settings{c.possible(), 1, 1, 1}
		return one.need()
	}
	for _, c := range choices {
		if !c.load.known || c.Pooled || c.kept {
			room -= c.need() // of which nothing is known but that it is there
			continue
		}
		lacking = append(lacking, c)
		room -= least(c)
		lack += c.need() - least(c)
		enough = append(enough, c.enough(least(c)))
		spare += c.need() - enough[len(enough)-1]
	}
	if lack-spare <= room { // a burst that is caught up with in time is carried by fewer than it would have
		room -= lack - spare
		for i, c := range lacking {
			more := *c
			if more.within(enough[i] + room*(c.need()-enough[i])/max(1, spare)); more.short {
				more = *c
				more.within(enough[i])
			}
			*c = more
		}
		return
	}
	rest := max(0, room)
	for _, c := range lacking {
		share := least(c) + max(0, room)*(c.need()-least(c))/max(1, lack)
		c.within(share)
		rest -= c.need() - least(c)
	}
	for _, c := range lacking { // what rounding has left over
		if had := c.need(); c.short && rest > 0 {
			c.within(had + rest)
			rest -= c.need() - had
		}
	}
}

// enough is the fewest connections, of least and more, with which the service does not fall short.
func (c *choice) enough(least int64) int64 {
	return least + int64(sort.Search(int(c.need()-least), func(n int) bool {
		try := *c
		try.within(least + int64(n))
		return !try.short
	}))
}

// within leaves the service what so many connections carry, with the pool that makes the most of them.
func (c *choice) within(share int64) {
	if c.Sudden && c.ready(share) {
		return
	}
	best := Settings{}
	for pool := c.set.PoolMax; pool >= c.possible(); pool-- {
		if s := c.capped(pool, c.option(pool).MinInstances, share); s.MaxInstances > 0 && (best.MaxInstances == 0 || c.load.carried(c.Service, s) > c.load.carried(c.Service, best)) {
			best = s
		}
	}
	if best.MaxInstances == 0 { // one instance every service has
		best = Settings{c.possible(), c.option(c.possible()).Concurrency, 1, 1}
	}
	sized := c.option(best.PoolMax)
	c.set, c.sized = &best, sized
	if c.short = best.MaxInstances < sized.MaxInstances; c.short {
		c.sized.Lines = append(slices.Clone(sized.Lines), fmt.Sprintf("of all services' connections this one has %d: %s", c.need(), plural(best.MaxInstances, "instance")))
		c.sized.Rate = c.load.carried(c.Service, best)
	}
}

// capped is the service with a pool of that size, and of the instances that are to be there at least and at most, as many as so
// many connections carry.
func (c *choice) capped(pool, least, share int64) Settings {
	sized := c.option(pool)
	at := func(most int64) Settings {
		return Settings{pool, sized.Concurrency, min(least, most), most}
	}
	one := *c
	return at(int64(sort.Search(int(sized.MaxInstances), func(n int) bool { // the most of which one more is too many
		s := at(int64(n + 1))
		one.set = &s
		return one.need() > share
	})))
}
