package runner

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds are how many instances a pool may have.
type Bounds struct{ Min, Max int }

// Scaling says what makes a pool grow beyond its least, and how soon it shrinks.
type Scaling struct {
	// Concurrency and CPU are the shares of an instance's places and of its CPU limit that are
	// meant to be in use; 0 leaves the one out of account.
	Concurrency, CPU float64
	CPULimit         float64       // of one instance, in CPUs
	Window           time.Duration // what is measured is the mean over it
	IdleAfter        time.Duration // one instance less, when fewer would have done for so long
}

// demand is what a pool has to do.
type demand struct {
	now  int     // requests in hand and in line at this moment
	mean float64 // the same, over the window
	cpu  float64 // CPUs that its instances used, over the window
}

// wanted is how many instances d asks for. Nobody who can be helped waits in line, so that the
// requests of the moment count in full; beyond them there is to be room, on average. Where nothing is asked, work in
// the background keeps no instance, but it can ask for another one.
func (c Config) wanted(d demand) int {
	n := c.places(d.now)
	if d.mean > 0 {
		n = max(n, 1)
	}
	if t := c.Scaling.Concurrency; t > 0 {
		n = max(n, ceil(d.mean/(t*float64(c.Concurrency))))
	}
	if t := c.Scaling.CPU * c.Scaling.CPULimit; t > 0 && d.cpu > t {
		n = max(n, ceil(d.cpu/t))
	}
	return n
}

// places is how many instances n requests fill.
func (c Config) places(n int) int { return ceil(float64(n) / float64(c.Concurrency)) }

// ceil leaves a rounding error aside: 3/(0.6*5) is not more than one.
func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }

// Rescale changes the bounds. Instances beyond the greatest number finish what they have in hand.
func (p *Pool) Rescale(b Bounds) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bounds = b
	for len(p.instances) > b.Max {
		p.shrink()
	}
	p.grow(b.Min)
}

// Widen has at least as many instances as b asks for, and allows as many.
func (p *Pool) Widen(b Bounds) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bounds = Bounds{Min: max(p.bounds.Min, b.Min), Max: max(p.bounds.Max, b.Max)}
	p.grow(p.bounds.Min)
}

// grow has n instances at least, as far as the bounds allow. mu is held.
func (p *Pool) grow(n int) {
	if p.closed || p.failure != nil {
		return
	}
	for len(p.instances) < min(n, p.bounds.Max) {
		ctx, cancel := context.WithCancel(p.ctx)
		i, number := &instance{cancel: cancel}, p.started
		p.started++
		p.instances = append(p.instances, i)
		p.all.Go(func() {
			defer cancel()
			p.keep(ctx, i, number)
			p.forget(i)
		})
	}
}

// forget leaves out an instance that has ended for good: one that failed beside one which did not.
func (p *Pool) forget(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instances = slices.DeleteFunc(p.instances, func(o *instance) bool { return o == i })
}

// shrink lets the least busy instance go once its requests have finished. mu is held.
func (p *Pool) shrink() {
	least := 0
	for n, i := range p.instances {
		if i.taken() <= p.instances[least].taken() {
			least = n // the youngest of those, which has the least to lose
		}
	}
	i := p.instances[least]
	p.instances = append(p.instances[:least], p.instances[least+1:]...)
	if i.slot == nil {
		i.cancel()
		return
	}
	p.unlist(i.slot)
	if i.slot.taken == 0 {
		i.cancel()
		return
	}
	i.slot.last = i.cancel
}

func (i *instance) taken() int {
	if i.slot == nil {
		return -1
	}
	return i.slot.taken
}

// process notes which process an instance is now, 0 for none. What a process needs to start is not what it
// needs to serve, and does not count.
func (p *Pool) process(i *instance, pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.pid, i.used = pid, cpuTime(pid); pid == 0 {
		i.slot = nil
	}
	i.sampled, i.since = i.used, time.Now()
}

// scale looks at the demand once a window until the pool is stopped.
func (p *Pool) scale() {
	last := time.Now()
	tick := time.NewTicker(p.cfg.Scaling.Window)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
			now := time.Now()
			p.weigh(now, now.Sub(last))
			last = now
		}
	}
}

// spent is the CPU time that the instances have used since it was asked last. mu is held.
func (p *Pool) spent() (sum time.Duration) {
	for _, i := range p.instances {
		if i.pid == 0 {
			continue
		}
		now := cpuTime(i.pid)
		sum += max(now-i.used, 0)
		i.used = now
	}
	return sum
}

// weigh grows or shrinks the pool by what the last window asked for.
func (p *Pool) weigh(now time.Time, window time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cpu := p.spent().Seconds() / window.Seconds()
	d := demand{now: p.busy + len(p.waiting), mean: p.load.mean(now), cpu: cpu}
	want := min(max(p.cfg.wanted(d), p.bounds.Min), p.bounds.Max)
	have := len(p.instances)
	switch {
	case !p.ready:
		// A revision is being found ready by its first instance, which nobody has to ask anything for that.
	case want > have:
		p.note("INFO", fmt.Sprintf("scaling from %d to %d instances: %d requests in hand, %.2f on average, %.2f CPUs in use", have, want, d.now, d.mean, cpu))
		p.grow(want)
		p.spared = time.Time{}
	case want == have:
		p.spared = time.Time{}
	case p.spared.IsZero():
		p.spared = now
	case now.Sub(p.spared) >= p.cfg.Scaling.IdleAfter:
		p.note("INFO", fmt.Sprintf("scaling from %d to %d instances: fewer have been enough for %s", have, have-1, p.cfg.Scaling.IdleAfter))
		p.shrink()
	}
}

// loaded tells the meter. mu is held.
func (p *Pool) loaded() { p.load.set(time.Now(), p.busy+len(p.waiting)) }

// meter is the mean of a number that changes in steps.
type meter struct {
	value       int
	since, from time.Time
	area        float64 // value × seconds
}

func (m *meter) reset(now time.Time) { m.from, m.since, m.area = now, now, 0 }

func (m *meter) set(now time.Time, value int) {
	m.area += float64(m.value) * now.Sub(m.since).Seconds()
	m.value, m.since = value, now
}

// mean is that of the time since it was asked last.
func (m *meter) mean(now time.Time) float64 {
	m.set(now, m.value)
	area, span := m.area, now.Sub(m.from).Seconds()
	m.reset(now)
	if span <= 0 {
		return float64(m.value)
	}
	return area / span
}
