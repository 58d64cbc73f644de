package drchrono

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// throttle counts one application's calls in the clock hour and in the last second.
type throttle struct {
	mu     sync.Mutex
	hour   time.Time
	calls  int
	recent []time.Time
}

// take counts a call, or says how long to wait.
func (t *throttle) take(now time.Time, s Settings) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if hour := hourOf(now, s); !hour.Equal(t.hour) {
		t.hour, t.calls = hour, 0
	}
	keep := t.recent[:0]
	for _, at := range t.recent {
		if now.Sub(at) < time.Second && !at.After(now) {
			keep = append(keep, at)
		}
	}
	t.recent = keep
	switch {
	case s.PerHour > 0 && t.calls >= s.PerHour:
		wait = t.hour.Add(s.hour()).Sub(now)
	case s.PerSecond > 0 && len(t.recent)+1 >= s.PerSecond:
		wait = time.Second
		if len(t.recent) > 0 {
			wait = t.recent[0].Add(time.Second).Sub(now)
		}
	default:
		t.calls++
		t.recent = append(t.recent, now)
		return 0, true
	}
	if s.Hot {
		t.calls++
		t.recent = append(t.recent, now)
	}
	return wait, false
}

// hourOf is when the hour began, counted from the epoch: Truncate counts from the year one, which is the
// same for whole hours only.
func hourOf(now time.Time, s Settings) time.Time {
	length := s.hour().Milliseconds()
	return time.UnixMilli(now.UnixMilli() / length * length)
}

// used is the number of calls counted in the current hour.
func (t *throttle) used(now time.Time, s Settings) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !hourOf(now, s).Equal(t.hour) {
		return 0
	}
	return t.calls
}

func (t *throttle) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hour, t.calls, t.recent = time.Time{}, 0, nil
}

func throttled(w http.ResponseWriter, wait time.Duration, header bool) {
	seconds := math.Max(1, math.Ceil(wait.Seconds()))
	if header {
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	refuse(w, http.StatusTooManyRequests, fmt.Sprintf("Request was throttled. Expected available in %.1f seconds.", seconds))
}
