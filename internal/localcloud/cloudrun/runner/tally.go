package runner

import (
	"slices"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Bounds of what is counted: latencies and starts in ms, shares of a CPU limit, requests at once.
var (
	latencyBuckets     = face.Buckets{Finite: 66, Scale: 1, Growth: 1.4}
	utilizationBuckets = face.Buckets{Finite: 100, Width: 0.01}
	concurrencyBuckets = face.Buckets{Finite: 1000, Width: 1}
)

// Tally is what a revision has done: its requests as they end, its instances as they are looked at.
type Tally struct {
	mu   sync.Mutex
	open Sample
	past []Sample
	used bool // somebody has asked
}

// Sample is what a revision has done in a time.
type Sample struct {
	From, To  time.Time
	Requests  map[int]*face.Distribution // latencies, by status
	Starts    *face.Distribution         // nil: none
	Instances []Instance                 // at its end; those that have ended meanwhile are not in it
	Looked    bool                       // at the instances
}

// Instance is one as a sample has it.
type Instance struct {
	CPU  float64 // share of its limit that it has used
	Most int     // requests at once
}

// NewTally begins now.
func NewTally() *Tally { return &Tally{open: Sample{From: time.Now()}} }

// Request counts one that an instance has answered.
func (t *Tally) Request(status int, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from := time.Now().Add(-took); !t.used && from.After(t.open.From) {
		t.open.From = from // the rate of the first seconds is of those, not of the wait for them
	}
	t.used = true
	if t.open.Requests == nil {
		t.open.Requests = map[int]*face.Distribution{}
	}
	d := t.open.Requests[status]
	if d == nil {
		d = face.NewDistribution(latencyBuckets)
		t.open.Requests[status] = d
	}
	d.Add(milliseconds(took))
}

// started counts an instance that has become ready.
func (t *Tally) started(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open.Starts == nil {
		t.open.Starts = face.NewDistribution(latencyBuckets)
	}
	t.open.Starts.Add(milliseconds(took))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// end closes the open sample with what its instances have done.
func (t *Tally) end(now time.Time, instances []Instance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open.To, t.open.Instances, t.open.Looked = now, instances, true
	t.past = append(t.past, t.open)
	t.open = Sample{From: now}
	old := 0
	for old < len(t.past) && now.Sub(t.past[old].To) > face.SampleAge {
		old++
	}
	t.past = slices.Delete(t.past, 0, old)
}

// Forgotten says that nothing is kept of the revision, and nothing of it runs.
func (t *Tally) Forgotten(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	newest := t.open.From
	if n := len(t.past); n > 0 {
		newest = t.past[n-1].To
	}
	return now.Sub(newest) > face.SampleAge
}

// Samples is those that end after a moment, and what has happened since the last.
func (t *Tally) Samples(since time.Time) []Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Sample
	for _, s := range t.past {
		if s.To.After(since) {
			all = append(all, s)
		}
	}
	if t.open.Requests == nil && t.open.Starts == nil {
		return all
	}
	last := Sample{From: t.open.From, To: time.Now()}
	for status, d := range t.open.Requests { // it grows on
		if last.Requests == nil {
			last.Requests = map[int]*face.Distribution{}
		}
		last.Requests[status] = d.Clone()
	}
	if t.open.Starts != nil {
		last.Starts = t.open.Starts.Clone()
	}
	return append(all, last)
}

// Spreads are a sample's instances as distributions: of CPU, and of requests at once by whether there were any.
func (s Sample) Spreads() (cpu, active, idle *face.Distribution) {
	cpu, active, idle = face.NewDistribution(utilizationBuckets), face.NewDistribution(concurrencyBuckets), face.NewDistribution(concurrencyBuckets)
	for _, i := range s.Instances {
		cpu.Add(i.CPU)
		if i.Most > 0 {
			active.Add(float64(i.Most))
		} else {
			idle.Add(0)
		}
	}
	return cpu, active, idle
}

// Sample ends the open sample of the pool's tally, when it is not too short to say anything.
func (p *Pool) Sample() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	span := now.Sub(p.sampled)
	if p.cfg.Tally == nil || span < face.SampleLeast { // CPU time is counted in hundredths of a second
		return
	}
	var all []Instance
	for _, i := range p.instances {
		if i.pid == 0 || i.slot == nil {
			continue
		}
		used := cpuTime(i.pid)
		seen := Instance{Most: i.slot.most}
		if limit := p.cfg.Scaling.CPULimit; limit > 0 {
			seen.CPU = max(used-i.sampled, 0).Seconds() / min(span, now.Sub(i.since)+time.Millisecond).Seconds() / limit
		}
		i.sampled, i.slot.most = used, i.slot.taken
		all = append(all, seen)
	}
	p.sampled = now
	p.cfg.Tally.end(now, all)
}
