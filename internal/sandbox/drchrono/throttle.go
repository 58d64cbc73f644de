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
	recent []time.Time // in the last second
	longer []time.Time // in the last ten minutes, where they are limited
}

// take counts a call, or says how long to wait.
func (t *throttle) take(now time.Time, s Settings) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if hour := hourOf(now, s); !hour.Equal(t.hour) {
		t.hour, t.calls = hour, 0
	}
	t.recent = within(t.recent, now, time.Second)
	if s.PerTenMinutes > 0 {
		t.longer = within(t.longer, now, tenMinutes)
	} else {
		t.longer = nil
	}
	switch {
	case s.PerHour > 0 && t.calls >= s.PerHour:
		wait = t.hour.Add(s.hour()).Sub(now)
	case s.PerTenMinutes > 0 && len(t.longer) >= s.PerTenMinutes:
		wait = t.longer[len(t.longer)-s.PerTenMinutes].Add(tenMinutes).Sub(now)
	case s.PerSecond > 0 && len(t.recent)+1 >= s.PerSecond:
		wait = time.Second
		if len(t.recent) > 0 {
			wait = t.recent[0].Add(time.Second).Sub(now)
		}
	default:
		t.count(now, s)
		return 0, true
	}
	if s.Hot {
		t.count(now, s)
	}
	return wait, false
}

func (t *throttle) count(now time.Time, s Settings) {
	t.calls++
	t.recent = append(t.recent, now)
	if s.PerTenMinutes > 0 {
		t.longer = append(t.longer, now)
	}
}

const tenMinutes = 10 * time.Minute

// within drops calls that a sliding window has left behind.
func within(calls []time.Time, now time.Time, window time.Duration) []time.Time {
	keep := calls[:0]
	for _, at := range calls {
		if now.Sub(at) < window && !at.After(now) {
			keep = append(keep, at)
		}
	}
	return keep
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
	t.hour, t.calls, t.recent, t.longer = time.Time{}, 0, nil, nil
}

func throttled(w http.ResponseWriter, wait time.Duration, s Settings) {
	seconds := math.Max(1, math.Ceil(wait.Seconds()))
	if s.RetryAfter {
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	text := throttleText(fmt.Sprintf("%.1f", seconds))
	if s.WaitUnsaid {
		text = "Request was throttled."
	}
	refuse(w, http.StatusTooManyRequests, text)
}

func throttleText(seconds string) string {
	return "Request was throttled. Expected available in " + seconds + " seconds."
}
