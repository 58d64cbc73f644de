package coda

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
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

	hits int
}

func (f *Fault) over() bool { return f.Times > 0 && f.hits-f.Skip >= f.Times }

// AddFault switches a fault on and returns its id.
func (s *Server) AddFault(f Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultID++
	f.ID, f.hits = s.faultID, 0
	s.faults = append(s.faults, &f)
	return f.ID
}

// ClearFaults switches every fault off.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults lists the faults that are still on.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Fault{}
	for _, f := range s.faults {
		if !f.over() {
			out = append(out, *f)
		}
	}
	return out
}

// match finds the first fault that a call meets, and uses it up by one. The caller holds the lock.
func (s *Server) match(c *call, applied bool) *Fault {
	for _, f := range s.faults {
		hit, _ := path.Match(f.Path, strings.TrimPrefix(c.r.URL.Path, Base)) // a bad pattern hits nothing
		if (f.Kind == FaultApplied) != applied || f.over() || (f.Path != "" && !hit) || (f.Method != "" && f.Method != c.r.Method) {
			continue
		}
		f.hits++
		if f.hits > f.Skip {
			found := *f
			return &found
		}
	}
	return nil
}

// inject plays a fault before the call; true means that it is answered.
func (s *Server) inject(c *call) bool {
	s.mu.Lock()
	f := s.match(c, false)
	s.mu.Unlock()
	if f == nil {
		return false
	}
	switch f.Kind {
	case FaultStatus:
		status := f.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		f.answer(c.w, status)
		return true
	case FaultDrop:
		panic(http.ErrAbortHandler)
	case FaultSlow:
		t := time.NewTimer(time.Duration(f.DelayMillis) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.r.Context().Done():
			return true
		}
	}
	return false
}

// answerLost plays a fault after a write took effect. The caller holds the lock.
func (s *Server) answerLost(c *call) bool {
	f := s.match(c, true)
	if f == nil {
		return false
	}
	status := f.Status
	if status == 0 {
		status = http.StatusGatewayTimeout
	}
	f.answer(c.w, status)
	return true
}

func (f *Fault) answer(w http.ResponseWriter, status int) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	message := f.Message
	if message == "" {
		message = "Synthetic trouble."
	}
	problem(w, status, "%s", message)
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
	handle := func(pattern string, h http.HandlerFunc) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			// No Origin: a web page in a browser on this machine must not reach the switches.
			if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() || r.Header.Get("Origin") != "" {
				problem(w, http.StatusForbidden, "The sandbox's switches answer to this machine only.")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			h(w, r)
		})
	}
	decode := func(w http.ResponseWriter, r *http.Request, v any) bool {
		if err := json.NewDecoder(r.Body).Decode(v); err != nil {
			problem(w, http.StatusBadRequest, "The body is not the JSON that this switch takes.")
			return false
		}
		return true
	}
	handle("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Stats()) })
	handle("GET /_sandbox/settings", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Settings()) })
	handle("POST /_sandbox/settings", func(w http.ResponseWriter, r *http.Request) {
		next := s.Settings()
		if decode(w, r, &next) {
			s.Set(func(old *Settings) { *old = next })
			reply(w, http.StatusOK, next)
		}
	})
	handle("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Faults()) })
	handle("POST /_sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if decode(w, r, &f) {
			reply(w, http.StatusCreated, map[string]int{"id": s.AddFault(f)})
		}
	})
	handle("DELETE /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	handle("GET /_sandbox/rows/{doc}/{table}", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, s.Rows(r.PathValue("doc"), r.PathValue("table")))
	})
}
