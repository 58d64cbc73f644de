package measures

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	// fading is what a batch counts when the next one has come: the line is that of the newest thousand or so.
	fading = 0.999
	// fitLeast is how many batches make a line.
	fitLeast = 20
)

// Batches notes how long batches of an instance have taken.
type Batches struct {
	mu    sync.Mutex
	began time.Time
	by    map[string]*batches
}

// batches is those of one source: sums over sizes x and times y in ms, of which older ones count for less.
type batches struct {
	n, rows         int64
	least, largest  int
	sum, most       float64
	w, x, y, xx, xy float64
}

// NewBatches begins now.
func NewBatches() *Batches { return &Batches{began: time.Now(), by: map[string]*batches{}} }

// Note counts a batch.
func (b *Batches) Note(source string, rows int, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.by[source]
	if s == nil {
		s = &batches{least: rows}
		b.by[source] = s
	}
	x, y := float64(rows), took.Seconds()*1000
	s.n, s.rows = s.n+1, s.rows+int64(rows)
	s.least, s.largest = min(s.least, rows), max(s.largest, rows)
	s.sum, s.most = s.sum+y, max(s.most, y)
	for _, sum := range []struct {
		of *float64
		v  float64
	}{{&s.w, 1}, {&s.x, x}, {&s.y, y}, {&s.xx, x * x}, {&s.xy, x * y}} {
		*sum.of = *sum.of*fading + sum.v
	}
}

// Measures is what was noted, by source.
func (b *Batches) Measures() []runtimeapi.BatchMeasures {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []runtimeapi.BatchMeasures{}
	for _, source := range slices.Sorted(maps.Keys(b.by)) {
		s := b.by[source]
		one := runtimeapi.BatchMeasures{
			Source: source, Since: b.began.UTC(), Batches: s.n, Rows: s.rows, Largest: s.largest,
			MeanSize: float64(s.rows) / float64(s.n), MeanMs: s.sum / float64(s.n), MostMs: s.most,
		}
		one.BaseMs, one.EachMs = s.line()
		out = append(out, one)
	}
	return out
}

// line is base + each × size, by least squares. There is none when sizes hardly differ, or larger batches seem to take less: then
// something else decided. A base below nothing is nothing, and the line goes through the origin.
func (s *batches) line() (base, each *float64) {
	spread := s.w*s.xx - s.x*s.x
	if s.n < fitLeast || s.largest < 2*s.least || spread <= 0 {
		return nil, nil
	}
	b := (s.w*s.xy - s.x*s.y) / spread
	a := (s.y - b*s.x) / s.w
	if b <= 0 {
		return nil, nil
	}
	if a < 0 {
		a, b = 0, s.xy/s.xx
	}
	return &a, &b
}
