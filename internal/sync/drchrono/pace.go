package drchrono

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// pacer keeps this process's calls apart as they really leave. The ledger spaces reservations, but a
// goroutine that wakes late leaves late, and ten calls inside one second are throttled.
type pacer struct {
	mu   sync.Mutex
	last []time.Time // of the newest calls, in a ring
	n    int
}

// window is a little over the source's second, for what the network does to the gaps.
const window = 1060 * time.Millisecond

func (p *pacer) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		now := time.Now()
		oldest := &p.last[p.n%len(p.last)]
		free := oldest.Add(window)
		if !now.Before(free) {
			*oldest = now
			p.n++
			p.mu.Unlock()
			return ctx.Err()
		}
		p.mu.Unlock()
		if err := sleep(ctx, free.Sub(now)); err != nil {
			return err
		}
	}
}

var throttleText = regexp.MustCompile(`in ([0-9]{1,7}(?:\.[0-9]+)?) second`)

// longest is the longest pause that a 429 can mean: the budget is one of a clock hour. An answer that
// asks for days is wrong, and nobody could call the pause off.
const longest = time.Hour + time.Minute

// throttlePause reads how long a 429 asks to wait: from its text, else from Retry-After, else a
// minute, doubled each time.
func throttlePause(body []byte, header http.Header, before int) time.Duration {
	return min(asked(body, header, before), longest)
}

func asked(body []byte, header http.Header, before int) time.Duration {
	if m := throttleText.FindSubmatch(body); m != nil {
		if s, err := strconv.ParseFloat(string(m[1]), 64); err == nil {
			// The source's seconds are those left when it answered; a little more is safe.
			return time.Duration(s*float64(time.Second)) + 250*time.Millisecond
		}
	}
	if s, err := strconv.Atoi(header.Get("Retry-After")); err == nil && s >= 0 && s < 1e7 {
		return time.Duration(s)*time.Second + 250*time.Millisecond
	}
	return time.Minute << min(before, 5)
}
