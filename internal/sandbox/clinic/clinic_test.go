package clinic

import (
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	start := time.Now()
	c := New(Size{Today: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}, 1)
	t.Log(time.Since(start))
	bytes := 0
	for _, k := range Kinds {
		n := 0
		for _, r := range c.View(k, 0) {
			n += len(r.Body) + len(r.Extra)
		}
		bytes += n
		t.Log(k, c.Count(k), n)
	}
	t.Log(bytes)
}
