package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	// A stream that broke may have tried rows that nobody heard of; the next one starts well above them, so that every
	// attempt keeps a number of its own.
	skip = 1000
	// How long after a stream broke the next is begun: it bounds how exactly an outage is measured.
	retry = 100 * time.Millisecond
	// The first word of a stream may have to wait for an instance of the runtime to start.
	firstWord = 15 * time.Second
)

var errSilent = errors.New("the runtime fell silent")

// ack is one acknowledged row.
type ack struct {
	number int64
	at     time.Time // when we heard of it, by our own clock: the one clock that an outage touches in no way
	clock  time.Time // by the database's clock, from before its commit
}

// witness keeps a probe going, and every acknowledgement.
type witness struct {
	d     Drill
	probe string
	end   context.CancelFunc
	ended chan struct{}

	mu      sync.Mutex
	acks    []ack // in the order of their coming, which is that of their numbers
	next    int64 // number for the next stream to begin with
	streams int
	last    error // of the last stream that broke
	fatal   error // why it makes no sense to begin another
}

// watch begins a probe, which goes on until stop.
func (d Drill) watch(ctx context.Context, probe string, first int64) *witness {
	ctx, cancel := context.WithCancel(ctx)
	w := &witness{d: d, probe: probe, end: cancel, ended: make(chan struct{}), next: first}
	go func() {
		defer close(w.ended)
		for w.stream(ctx) && gcp.Sleep(ctx, retry) == nil {
			continue
		}
	}()
	return w
}

// stop ends the probe. It may be called again.
func (w *witness) stop() {
	w.end()
	<-w.ended
}

// stream runs one stream to its end and says whether another may do better.
func (w *witness) stream(ctx context.Context) (again bool) {
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	silence := time.AfterFunc(max(firstWord, w.d.Pace.Silence), func() { hangUp(errSilent) })
	defer silence.Stop()

	w.mu.Lock()
	first := w.next
	w.streams++
	w.mu.Unlock()
	err := w.d.Runtime.Probe(ctx, runtimeapi.ProbeRequest{ID: w.probe, First: first, EveryMS: w.d.Interval.Milliseconds()},
		func(event runtimeapi.ProbeEvent) error {
			silence.Reset(w.d.Pace.Silence)
			w.hear(event)
			return nil
		})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.last = err
	}
	var refused *runtimeapi.Error
	if errors.As(err, &refused) && len(w.acks) == 0 && refused.Code != runtimeapi.CodeUnavailable && refused.Code != runtimeapi.CodeInternal {
		w.fatal = err // it never worked, and never will
		return false
	}
	if w.next > first {
		w.next += skip
	}
	return true
}

func (w *witness) hear(event runtimeapi.ProbeEvent) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if event.Number < w.next {
		return // a sign of life
	}
	w.next = event.Number + 1
	if event.Error == "" {
		w.acks = append(w.acks, ack{event.Number, now, event.Clock})
	}
}

// steady waits until rows have been acknowledged without a break for Pace.Steady, all of it after from.
func (w *witness) steady(ctx context.Context, from time.Time) error {
	told := time.Now()
	return gcp.Poll(ctx, 50*time.Millisecond, func(context.Context) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.fatal != nil {
			return false, w.fatal
		}
		if w.unbroken(time.Now(), from) >= w.d.Pace.Steady {
			return true, nil
		}
		if time.Since(told) > w.d.Pace.Look {
			told = time.Now()
			w.d.tell("waiting for rows to be acknowledged", map[string]any{"acknowledged": len(w.acks), "streams": w.streams})
		}
		return false, nil
	})
}

// unbroken is for how long rows have been acknowledged up to now, counting only what came after from.
func (w *witness) unbroken(now, from time.Time) time.Duration {
	n := len(w.acks)
	if n == 0 || now.Sub(w.acks[n-1].at) > w.d.Pace.Calm {
		return 0
	}
	first := n - 1
	for first > 0 && w.acks[first-1].at.After(from) && w.acks[first].at.Sub(w.acks[first-1].at) <= w.d.Pace.Calm {
		first--
	}
	if !w.acks[first].at.After(from) {
		return 0
	}
	return w.acks[n-1].at.Sub(w.acks[first].at)
}

// why is what to say when the rows did not come.
func (w *witness) why(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last != nil && !errors.Is(err, w.last) {
		return fmt.Errorf("%w; the last probe ended with: %w", err, w.last)
	}
	return err
}

// heard is every acknowledgement until now.
func (w *witness) heard() []ack {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acks)
}

// outage is the time without acknowledgements around an event.
type outage struct {
	began   time.Time     // the last acknowledgement before the longest pause
	longest time.Duration // between two acknowledgements
	total   time.Duration // of all pauses that count
}

// outageOf looks at the pauses that touch the time from one moment to another. A pause that has not ended is as long as it
// has lasted.
func outageOf(acks []ack, from, to time.Time, calm time.Duration) outage {
	var o outage
	for i, a := range acks {
		end := to
		if i+1 < len(acks) {
			end = acks[i+1].at
		}
		if end.Before(from) || a.at.After(to) {
			continue
		}
		pause := end.Sub(a.at)
		if pause > calm {
			o.total += pause
		}
		if pause > o.longest {
			o.longest, o.began = pause, a.at
		}
	}
	return o
}

// ranges writes acknowledged numbers down as the runtime takes them.
func ranges(acks []ack) []runtimeapi.ProbeRange {
	var all []runtimeapi.ProbeRange
	for _, a := range acks {
		if n := len(all); n > 0 && all[n-1].Last+1 == a.number {
			all[n-1].Last = a.number
			continue
		}
		all = append(all, runtimeapi.ProbeRange{First: a.number, Last: a.number})
	}
	return all
}

// lostWork is how much of the work is gone when rows are missing, from one number to another: from the last row before them
// that is still there to the event. A row that is missing from after the moment that was taken for the event, since the
// longest pause had another reason, is lost work too. when picks the clock of it.
func lostWork(acks []ack, firstMissing, lastMissing int64, event time.Time, when func(ack) time.Time) time.Duration {
	if len(acks) == 0 {
		return 0
	}
	find := func(number int64) int {
		at, _ := slices.BinarySearchFunc(acks, number, func(a ack, number int64) int { return int(a.number - number) })
		return at
	}
	if last := when(acks[min(find(lastMissing), len(acks)-1)]); last.After(event) {
		event = last
	}
	return max(0, event.Sub(when(acks[max(0, find(firstMissing)-1)])))
}
