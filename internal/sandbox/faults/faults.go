// Package faults is what the sandboxes' switches have in common: a list of faults that calls meet, and
// the control endpoints that answer to this machine only.
package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// When says which of the calls that a fault is meant for it strikes.
type When struct {
	Skip   int     // calls to let pass first
	Times  int     // how often, 0 = until cleared
	Chance float64 // of the others, this share; 0 = all
}

// Fault is one sort of a sandbox's faults.
type Fault[F any] interface {
	// When says which calls it strikes.
	When() When
	// Check names what is wrong with a fault that somebody asks for.
	Check() error
	// Numbered is the fault with its id.
	Numbered(id int) F
}

// List is the faults that are on. The zero List is empty and throws its dice from no seed.
type List[F Fault[F]] struct {
	mu   sync.Mutex
	last int
	dice *rand.Rand
	on   []*entry[F]
}

type entry[F Fault[F]] struct {
	id             int
	fault          F
	when           When
	passed, struck int
}

func (e *entry[F]) over() bool { return e.when.Times > 0 && e.struck >= e.when.Times }

// Add switches a fault on and returns its id.
func (l *List[F]) Add(f F) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.on = append(l.on, &entry[F]{id: l.last, fault: f.Numbered(l.last), when: f.When()})
	return l.last
}

// Clear switches every fault off.
func (l *List[F]) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = nil
}

// Seed makes the dice fall in the same order again.
func (l *List[F]) Seed(seed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dice = rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // dice, no secret
}

// All is the faults that are not used up.
func (l *List[F]) All() []F {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []F{}
	for _, e := range l.on {
		if !e.over() {
			out = append(out, e.fault)
		}
	}
	return out
}

// Struck is how often each fault struck, used up or not, by id.
func (l *List[F]) Struck() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int]int{}
	for _, e := range l.on {
		out[e.id] = e.struck
	}
	return out
}

// Meet is the first fault that strikes a call, and uses it up by one; nil when none does.
func (l *List[F]) Meet(meant func(F) bool) *F {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.on {
		if e.over() || !meant(e.fault) {
			continue
		}
		if e.passed < e.when.Skip {
			e.passed++
			continue
		}
		if c := e.when.Chance; c > 0 && c < 1 && l.float() >= c {
			continue
		}
		e.struck++
		f := e.fault
		return &f
	}
	return nil
}

func (l *List[F]) float() float64 {
	if l.dice == nil {
		return rand.Float64() //nolint:gosec // dice, no secret
	}
	return l.dice.Float64()
}

// Slow waits, and is false when the caller gave up meanwhile.
func Slow(ctx context.Context, millis int) bool {
	t := time.NewTimer(time.Duration(millis) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Drop closes the connection without an answer.
func Drop() { panic(http.ErrAbortHandler) }
