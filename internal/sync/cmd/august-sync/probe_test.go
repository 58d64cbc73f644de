package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// witness keeps what a drill keeps.
type witness struct {
	mu     sync.Mutex
	acked  []runtimeapi.ProbeRange
	n      int
	next   int64
	errors []string
	last   time.Time
	gap    time.Duration
}

func (w *witness) note(e runtimeapi.ProbeEvent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Number == 0 {
		return nil
	}
	w.next = e.Number + 1
	if e.Error != "" {
		w.errors = append(w.errors, e.Error)
		return nil
	}
	if !w.last.IsZero() {
		w.gap = max(w.gap, e.At.Sub(w.last))
	}
	w.last = e.At
	w.n++
	if k := len(w.acked) - 1; k >= 0 && w.acked[k].Last+1 == e.Number {
		w.acked[k].Last = e.Number
	} else {
		w.acked = append(w.acked, runtimeapi.ProbeRange{First: e.Number, Last: e.Number})
	}
	return nil
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// A probe through the process as it ships: over an outage of its database, over the end of its instance,
// and over a caller that is killed.
func TestServe_probe(t *testing.T) {
	t.Parallel()
	b := setup(t, 10)
	proxy := pgtest.NewProxy(t, b.db)
	b.env["AUGUST_DATABASE_PORT"] = fmt.Sprint(proxy.Database().Port)
	const id = "drill-end-to-end"
	w := &witness{next: 1}
	begin := func(p *process) (ended chan error) {
		ended = make(chan error, 1)
		w.mu.Lock()
		first := w.next
		w.mu.Unlock()
		go func() {
			ended <- b.client(p).Probe(t.Context(), runtimeapi.ProbeRequest{ID: id, First: first}, w.note)
		}()
		return ended
	}
	more := func(p *process, n int) {
		t.Helper()
		want := w.count() + n
		p.until("rows are acknowledged", func() bool { return w.count() >= want })
	}
	p := b.start("serve").ready()
	ended := begin(p)
	more(p, 50)
	proxy.Refuse()
	p.until("the outage shows", func() bool { code, _ := p.get("/readyz"); return code == http.StatusServiceUnavailable })
	if code, _ := p.get("/livez"); code != http.StatusOK {
		t.Errorf("an outage of the database is no reason to be killed: /livez is %d", code)
	}
	began := time.Now()
	if _, err := b.client(p).WithPatience(0).ListPipelines(t.Context()); !runtimeapi.IsUnavailable(err) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the control API says %v", err)
	}
	refused := time.Since(began)
	proxy.Heal()
	healed := time.Now()
	p.until("the control API is back", func() bool { _, err := b.client(p).WithPatience(0).ListPipelines(t.Context()); return err == nil })
	t.Logf("refused in %v, back %v after the database", refused, time.Since(healed))
	more(p, 50)

	// The instance ends, and its stream in good order; the next instance goes on.
	next := b.start("serve").ready()
	p.stop()
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	ended = begin(next)
	more(next, 50)
	w.mu.Lock()
	acked, n := slices.Clone(w.acked), w.n
	w.mu.Unlock()
	v, err := b.client(next).Verify(t.Context(), id, runtimeapi.VerifyRequest{Acknowledged: acked, Digest: []string{"*"}})
	if err != nil || v.Missing != 0 || v.Present < int64(n) || len(v.Tables) < 10 {
		t.Errorf("%+v, %v", v, err)
	}
	w.mu.Lock()
	failures := slices.Clone(w.errors)
	t.Logf("%d acknowledged in %d ranges, longest gap %v, %d failures: %v", n, len(acked), w.gap, len(failures), compact(failures))
	w.mu.Unlock()
	for _, e := range failures {
		if strings.ContainsAny(e, "0123456789") {
			t.Errorf("an error says %q", e)
		}
	}

	// A caller that is killed says nothing. Its connection breaks, and the writer ends.
	vanish := errors.New("killed")
	err = b.client(next).Probe(t.Context(), runtimeapi.ProbeRequest{ID: "drill-vanishes", First: 1}, func(e runtimeapi.ProbeEvent) error {
		if e.Number > 10 {
			return vanish
		}
		return nil
	})
	if !errors.Is(err, vanish) {
		t.Errorf("got %v", err)
	}
	next.until("the writer ends", func() bool { return strings.Count(next.log(), `"probe ended"`) == 1 })
	if err := b.client(next).DeleteProbe(t.Context(), id); err != nil {
		t.Error(err)
	}
	next.stop()
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	b.clean("the log", p.log()+next.log())
}

func compact(list []string) map[string]int {
	out := map[string]int{}
	for _, s := range list {
		out[s]++
	}
	return out
}
