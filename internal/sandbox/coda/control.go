package coda

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults.
const (
	FaultStatus  FaultKind = "status"  // answer Status (500 unless set); the call has no effect
	FaultApplied FaultKind = "applied" // a write takes effect, and the answer is Status (504 unless set)
	FaultSlow    FaultKind = "slow"    // wait DelayMillis first
	FaultDrop    FaultKind = "drop"    // close the connection; the call has no effect
)

// Fault makes calls go wrong. Empty fields match every call.
type Fault struct {
	ID          int       `json:"id"`
	Kind        FaultKind `json:"kind"`
	Method      string    `json:"method,omitempty"`
	Path        string    `json:"path,omitempty"`  // a path.Match pattern below /apis/v1: "/docs/*/tables/*/rows"
	Times       int       `json:"times,omitempty"` // how often, 0 = until cleared
	Skip        int       `json:"skip,omitempty"`  // matching calls to let pass first
	Status      int       `json:"status,omitempty"`
	Message     string    `json:"message,omitempty"`             // of the answer
	RetryAfter  int       `json:"retry_after_seconds,omitempty"` // sent with the answer, in seconds
	DelayMillis int       `json:"delay_millis,omitempty"`
}

// When implements faults.Fault.
func (f Fault) When() faults.When { return faults.When{Skip: f.Skip, Times: f.Times} }

// Numbered implements faults.Fault.
func (f Fault) Numbered(id int) Fault { f.ID = id; return f }

// Check implements faults.Fault.
func (f Fault) Check() error {
	if kinds := []FaultKind{FaultStatus, FaultApplied, FaultSlow, FaultDrop}; !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("kind: %q is none of %v", f.Kind, kinds)
	}
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("path: %q is not a pattern", f.Path)
	}
	return nil
}

// AddFault switches a fault on and returns its id.
func (s *Server) AddFault(f Fault) int { return s.faults.Add(f) }

// ClearFaults switches every fault off.
func (s *Server) ClearFaults() { s.faults.Clear() }

// Faults lists the faults that are still on.
func (s *Server) Faults() []Fault { return s.faults.All() }

// fault is the fault that a call meets, before it or after its write took effect; or nil.
func (s *Server) fault(c *call, applied bool) *Fault {
	return s.faults.Meet(func(f Fault) bool {
		hit, _ := path.Match(f.Path, strings.TrimPrefix(c.r.URL.Path, Base))
		return (f.Kind == FaultApplied) == applied && (f.Path == "" || hit) && (f.Method == "" || f.Method == c.r.Method)
	})
}

// inject plays a fault before the call; true means that it is answered.
func (s *Server) inject(c *call) bool {
	f := s.fault(c, false)
	if f == nil {
		return false
	}
	switch f.Kind {
	case FaultStatus:
		f.answer(c.w, http.StatusInternalServerError)
		return true
	case FaultDrop:
		faults.Drop()
	case FaultSlow:
		return !faults.Slow(c.r.Context(), f.DelayMillis)
	}
	return false
}

// answerLost plays a fault after a write took effect.
func (s *Server) answerLost(c *call) bool {
	f := s.fault(c, true)
	if f == nil {
		return false
	}
	f.answer(c.w, http.StatusGatewayTimeout)
	return true
}

// answer is the fault's own, or one of the status.
func (f *Fault) answer(w http.ResponseWriter, status int) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	problem(w, cmp.Or(f.Status, status), "%s", cmp.Or(f.Message, "Synthetic trouble."))
}

// Stats counts the calls.
type Stats struct {
	Calls     map[string]int `json:"calls"` // by method and route
	Throttled int            `json:"throttled"`
	Statuses  map[int]int    `json:"statuses"`
	Pending   int            `json:"pending"` // mutations accepted and not applied
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := s.stats
	out.Calls, out.Statuses = maps.Clone(out.Calls), maps.Clone(out.Statuses)
	for _, d := range s.docs {
		out.Pending += len(d.queue)
	}
	return out
}

// Rows returns a table's applied rows by display name, column ids to values as reads with
// simpleWithArrays and numeric currency give them. For tests; the API shows the same, later.
func (s *Server) Rows(docID, tableID string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := []map[string]any{}
	d := s.doc(docID)
	if d == nil || d.table(tableID) == nil {
		return out
	}
	t := d.table(tableID).base()
	for _, r := range t.live {
		values := map[string]any{}
		for i := range t.Columns {
			values[t.Columns[i].ID] = d.show(&t.Columns[i], r, simpleWithArrays, true)
		}
		out = append(out, values)
	}
	return out
}

// control mounts the switches: for tests and people on this machine, not part of the API.
func (s *Server) control() {
	c := faults.Control{Mux: s.mux, Refuse: func(w http.ResponseWriter, status int, detail string) { problem(w, status, "%s", detail) }}
	c.Handle("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { c.Reply(w, http.StatusOK, s.Stats()) })
	faults.Settings(c, s.Settings, func(next Settings) error {
		s.Set(func(old *Settings) { *old = next })
		return nil
	})
	s.faults.Mount(c)
	c.Handle("GET /_sandbox/rows/{doc}/{table}", func(w http.ResponseWriter, r *http.Request) {
		c.Reply(w, http.StatusOK, s.Rows(r.PathValue("doc"), r.PathValue("table")))
	})
}
