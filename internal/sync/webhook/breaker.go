package webhook

import (
	"sync"
	"time"
)

// While Pub/Sub fails it is asked again by one delivery at a time, at growing intervals: the others go on at once.
const (
	firstPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
)

// breaker spares whoever comes the wait for what has just failed.
type breaker struct {
	mu      sync.Mutex
	pause   time.Duration // 0: closed
	until   time.Time     // of the pause
	probing bool
}

// pass tells whether to try, and whether that is the probe of a pause that is over.
func (b *breaker) pass(now time.Time) (try, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return true, false
	}
	if b.probing || now.Before(b.until) {
		return false, false
	}
	b.probing = true
	return true, true
}

// worked closes the breaker and tells whether it was open.
func (b *breaker) worked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.pause > 0
	b.pause, b.probing = 0, false
	return was
}

// failed opens the breaker and tells whether it was closed. Of those that fail while it is open only the probe makes the
// pause longer.
func (b *breaker) failed(now time.Time, probe bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.pause == 0
	switch {
	case was:
		b.pause = firstPause
	case probe && b.probing:
		b.pause = min(2*b.pause, mostPause)
	default:
		return false
	}
	b.until, b.probing = now.Add(b.pause), false
	return was
}

// open tells whether it is.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause > 0
}
