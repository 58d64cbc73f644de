package advise

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// What Cloud Run does when nothing else is set: another instance is started when the busy ones use so much of their processors, or of
// the requests that they may have at once.
const (
	DefaultCPUTarget         = 60 // in percent
	DefaultConcurrencyTarget = 60
	DefaultBurst             = 100 // in percent: twice as much for a while
	MostConcurrency          = 1000
)

// Load is the requests of a service. Figures are not negative, and Rate, Latency and CPU are not 0.
type Load struct {
	Rate     float64 // requests a second, as usual
	Burst    float64 // how much more there may be for a while, in percent
	Peak     float64 // how many there may be for a while, where that is known better; 0: Rate and Burst
	Latency  float64 // how long one takes, in milliseconds
	CPU      float64 // how long it has a processor, in milliseconds
	Database float64 // how long it has a connection, in milliseconds
}

// Machine is one instance of the service, and what all of them may have together.
type Machine struct {
	CPU               float64 // processors
	CPUTarget         float64 // in percent
	ConcurrencyTarget float64 // in percent
	Chance            bool    // an instance has room for as many more requests as come together by chance
	PoolMax           int64
	Connections       int64  // that the database has for the service; 0: not to be looked at
	Overlap           *int64 // instances of a new revision beside the old one; nil: one, or MinInstances when they are more
}

// Concurrency is how a service is to be scaled.
type Concurrency struct {
	Concurrency  int64 // requests at once of one instance
	MinInstances int64 // carry the usual load, without waiting for one to start
	MaxInstances int64 // carry the burst, within the connections that there are
	Connections  int64 // that those have at most
	Rate         float64
	Lines        []string
	short        bool
}

// Fits says that the connections are enough for the burst.
func (c Concurrency) Fits() bool { return !c.short }

// Explanation is the arithmetic, for a person to read.
func (c Concurrency) Explanation() string { return strings.Join(c.Lines, "\n") }

// CloudRun scales a service by Little's law: what is in flight is the rate times how long each takes.
func CloudRun(l Load, m Machine) Concurrency {
	c := size(l, m)
	if !c.short {
		return c
	}
	// Smaller pools leave connections for more instances, each of which then does less.
	for pool := min(m.PoolMax-1, m.Connections); pool >= 1; pool-- { // one instance has a pool
		smaller := m
		smaller.PoolMax = pool
		if fitting := size(l, smaller); !fitting.short {
			c.note("a pool_max of %d would do: concurrency %d, %s", pool, fitting.Concurrency, plural(fitting.MaxInstances, "instance"))
			break
		}
	}
	return c
}

func size(l Load, m Machine) Concurrency {
	var c Concurrency
	usual := l.Rate * l.Latency / 1000
	peak := l.peak() * l.Latency / 1000
	more := "at " + decimal(l.Peak) + " a second"
	if l.Peak == 0 {
		more = "with " + decimal(l.Burst) + " % more for a while"
	}
	c.note("in flight: %s a second × %s ms = %s; %s: %s", decimal(l.Rate), decimal(l.Latency), decimal(usual), more, decimal(peak))

	busy := m.CPU * m.CPUTarget / 100 * l.Latency / l.CPU
	c.note("by CPU: %s × %s %% ÷ %s ms a request × %s ms = %s at once", plainCPU(m.CPU), decimal(m.CPUTarget), decimal(l.CPU), decimal(l.Latency), decimal(busy))
	c.Concurrency = max(1, down(busy/(m.ConcurrencyTarget/100)))
	c.note("another instance starts at %s %% of the concurrency: %s ÷ %s %% = %d", decimal(m.ConcurrencyTarget), decimal(busy), decimal(m.ConcurrencyTarget), c.Concurrency)
	if together := up(busy + 2*math.Sqrt(busy)); m.Chance && together > c.Concurrency {
		c.Concurrency = together
		c.note("with twice the root for those that come together by chance: %s + 2 × √%s = %d", decimal(busy), decimal(busy), together)
	}
	if l.Database > 0 {
		pool := max(1, down(float64(m.PoolMax)*l.Latency/l.Database))
		c.note("by connections: pool of %d × %s ms ÷ %s ms with one = %d at once", m.PoolMax, decimal(l.Latency), decimal(l.Database), pool)
		c.Concurrency = min(c.Concurrency, pool)
	}
	c.Concurrency = min(c.Concurrency, MostConcurrency)
	if m.CPU < 1 {
		c.Concurrency = 1
		c.note("with less than one processor, Cloud Run gives an instance one request at once")
	}
	c.note("concurrency: %d", c.Concurrency)

	each := min(busy, float64(c.Concurrency)*m.ConcurrencyTarget/100)
	c.MinInstances, c.MaxInstances = up(usual/each), up(peak/each)
	c.note("an instance carries %s at once: %s as usual, %s at most", decimal(each), plural(c.MinInstances, "instance"), plural(c.MaxInstances, "instance"))
	c.budget(m)
	c.Rate = float64(c.MaxInstances) * each * 1000 / l.Latency
	if c.short {
		c.note("%s carry %s a second, of %s", plural(c.MaxInstances, "instance"), decimal(c.Rate), decimal(l.peak()))
	}
	return c
}

// budget holds the instances against the connections that there are, and leaves as many as those carry.
func (c *Concurrency) budget(m Machine) {
	need := (c.MaxInstances + m.overlap(c.MinInstances)) * m.PoolMax
	c.note("connections: (%s + %d while a new revision is rolled out) × %d = %d", plural(c.MaxInstances, "instance"), m.overlap(c.MinInstances), m.PoolMax, need)
	if c.Connections = need; m.Connections == 0 || need <= m.Connections {
		return
	}
	c.short = true
	c.note("need %d of %d: %d too many", need, m.Connections, need-m.Connections)
	usual := c.MinInstances
	c.MaxInstances = int64(sort.Search(int(c.MaxInstances), func(n int) bool { // the most of which one more is too many
		return (int64(n+1)+m.overlap(min(usual, int64(n+1))))*m.PoolMax > m.Connections
	}))
	c.MinInstances = min(usual, c.MaxInstances)
	c.Connections = (c.MaxInstances + m.overlap(c.MinInstances)) * m.PoolMax
	if c.MaxInstances == 0 {
		c.Connections = 0
	}
}

func (l Load) peak() float64 {
	if l.Peak > 0 {
		return l.Peak
	}
	return l.Rate * (1 + l.Burst/100)
}

func (m Machine) overlap(least int64) int64 {
	if m.Overlap != nil {
		return *m.Overlap
	}
	return max(1, least)
}

func (c *Concurrency) note(format string, args ...any) {
	c.Lines = append(c.Lines, fmt.Sprintf(format, args...))
}

// A whole number may come out of a division as a little less or more.
const almost = 1e-9

func down(x float64) int64 { return int64(math.Floor(min(x, math.MaxInt32) + almost)) }

func up(x float64) int64 { return max(1, int64(math.Ceil(min(x, math.MaxInt32)-almost))) }

// decimal is a figure with two decimals, when it has any.
func decimal(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

func plainCPU(n float64) string {
	if n == 1 {
		return "1 processor"
	}
	return decimal(n) + " processors"
}
