package drchrono

import (
	"sync"
	"time"
)

// tempo learns how long a bulk list takes to prepare a page, so that the first look at a result is
// seldom in vain: every look is a call of the hour's budget, and the least a page can cost is two.
type tempo struct {
	mu    sync.Mutex
	least time.Duration // the shortest wait; what a list begins with
	wait  time.Duration // before the first look

	early     time.Duration // the longest wait that lately was too short
	earlyLeft int           // pages for which that is remembered
	vain      int           // pages in a row that were not ready after as long as the page before had needed
	rest      int           // pages for which nothing is learned
}

const (
	memory = 100             // pages; then a shorter wait is tried again
	latest = 2 * time.Minute // before the first look
	inVain = 3
)

// first is how long to wait before the first look.
func (t *tempo) first() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.wait, t.least)
}

// next is how long to wait after a look that found nothing, when the page has waited for so long.
func (t *tempo) next(waited time.Duration) time.Duration {
	return max(t.least, min(waited/2, 10*time.Second))
}

// learn takes in that a page was ready at the look that came after "ready", its first look after "first".
func (t *tempo) learn(first, ready time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest > 0 {
		t.rest--
		return
	}
	if ready <= first { // at the first look
		t.vain = 0
		least := t.least
		if t.earlyLeft > 0 {
			t.earlyLeft--
			least = max(least, t.early+t.early/16)
		}
		t.wait = max(least, t.wait-t.wait/32)
		return
	}
	if first < t.wait { // submitted before something was learned
		return
	}
	// A source that counts looks, or is busy, is not ready sooner for a later first look.
	if t.wait > t.least {
		if t.vain++; t.vain >= inVain {
			t.wait, t.vain, t.rest, t.earlyLeft = t.least, 0, memory, 0
			return
		}
	}
	t.early, t.earlyLeft = first, memory
	t.wait = min(ready+ready/8, latest)
}
