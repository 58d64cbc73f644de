package webhook

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	var b breaker
	now := moment
	pass := func(try, probe bool) {
		t.Helper()
		if gotTry, gotProbe := b.pass(now); gotTry != try || gotProbe != probe {
			t.Errorf("try %v, probe %v", gotTry, gotProbe)
		}
	}
	pass(true, false)
	if b.worked() || b.open() {
		t.Error("was open")
	}
	if !b.failed(now, false) || b.failed(now, false) || !b.open() {
		t.Error("only the first failure opens it")
	}
	pass(false, false)
	now = now.Add(firstPause)
	pass(true, true)
	pass(false, false) // one probe at a time
	if b.failed(now, false) {
		t.Error("opened twice")
	}
	pass(false, false) // somebody else's failure does not end the probe
	b.failed(now, true)
	for pause := 2 * firstPause; pause < time.Hour; pause *= 2 {
		now = now.Add(min(pause, mostPause) - 1)
		pass(false, false)
		now = now.Add(1)
		pass(true, true)
		b.failed(now, true)
	}
	now = now.Add(mostPause)
	pass(true, true)
	if !b.worked() || b.open() || b.worked() {
		t.Error("a success closes it, once")
	}
	pass(true, false)
	b.failed(now, false)
	now = now.Add(firstPause) // and the pauses begin anew
	pass(true, true)
	// A late success of before closes it; then the probe's failure opens it again.
	b.worked()
	if !b.failed(now, true) {
		t.Error("stayed closed")
	}
	now = now.Add(firstPause)
	pass(true, true)
}
