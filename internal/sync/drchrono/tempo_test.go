package drchrono

import (
	"testing"
	"time"
)

// pages plays a source to a tempo: ready says whether a page is ready at look number n, so long after it was
// submitted. It returns the calls that the last hundred of the pages cost on average.
func pages(t *tempo, count int, ready func(page, look int, after time.Duration) bool) float64 {
	calls := 0
	for page := range count {
		first := t.first()
		waited, look := first, 1
		for ; !ready(page, look, waited); look++ {
			waited += t.next(waited)
		}
		t.learn(first, waited)
		if page >= count-100 {
			calls += 1 + look
		}
	}
	return float64(calls) / 100
}

func TestTempoBringsAPageToTwoCalls(t *testing.T) {
	for name, c := range map[string]struct {
		ready func(page, look int, after time.Duration) bool
		most  float64
	}{
		"at once":           {func(_, _ int, _ time.Duration) bool { return true }, 2},
		"after a second":    {func(_, _ int, after time.Duration) bool { return after >= time.Second }, 2},
		"after 3.3 seconds": {func(_, _ int, after time.Duration) bool { return after >= 3300*time.Millisecond }, 2.05},
		"after a minute":    {func(_, _ int, after time.Duration) bool { return after >= time.Minute }, 2.05},
		"more and less": {func(page, _ int, after time.Duration) bool {
			return after >= 2*time.Second+time.Duration(page%7)*300*time.Millisecond
		}, 2.15},
		// Nothing helps against a source that counts looks; but nothing is to be made worse, either.
		"at the second look": {func(_, look int, _ time.Duration) bool { return look > 1 }, 3},
		"at the fourth look": {func(_, look int, _ time.Duration) bool { return look > 3 }, 5},
	} {
		tempo := &tempo{least: time.Second}
		if got := pages(tempo, 400, c.ready); got > c.most {
			t.Errorf("%s: %.2f calls a page, want %.2f", name, got, c.most)
		}
		if tempo.first() > 70*time.Second {
			t.Errorf("%s: the first look comes after %v", name, tempo.first())
		}
	}
	// A source that was slow once is asked earlier again.
	tempo := &tempo{least: time.Second}
	pages(tempo, 100, func(_, _ int, after time.Duration) bool { return after >= time.Minute })
	if got := pages(tempo, 1000, func(_, _ int, _ time.Duration) bool { return true }); got != 2 || tempo.first() > 2*time.Second {
		t.Errorf("%.2f calls a page, the first look after %v", got, tempo.first())
	}
}
