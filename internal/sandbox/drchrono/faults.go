package drchrono

import (
	"net/http"
	"path"
	"strconv"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults.
const (
	FaultStatus    FaultKind = "status"       // answer Status (500 unless set) with an HTML body
	FaultTruncated FaultKind = "truncated"    // 200 with the first half of the right JSON
	FaultHTML      FaultKind = "html"         // 200 with an HTML page
	FaultSlow      FaultKind = "slow"         // wait DelayMillis, then answer rightly
	FaultDrop      FaultKind = "drop"         // close the connection
	FaultAsync     FaultKind = "async_error"  // a bulk request that ends in 500 AsyncResourceError
	FaultFailed    FaultKind = "async_failed" // a bulk request that ends as Failed
)

// Fault makes calls go wrong. Empty fields match every call.
type Fault struct {
	ID          int       `json:"id"`
	Kind        FaultKind `json:"kind"`
	App         string    `json:"app,omitempty"`          // client id
	Endpoint    string    `json:"endpoint,omitempty"`     // a path.Match pattern: "lab_results", "*_list", "o/token"
	Page        int       `json:"page,omitempty"`         // the page of a list or bulk request, from 1
	Times       int       `json:"times,omitempty"`        // how often, 0 = until cleared
	Skip        int       `json:"skip,omitempty"`         // matching calls to let pass first
	Status      int       `json:"status,omitempty"`       // FaultStatus
	DelayMillis int       `json:"delay_millis,omitempty"` // FaultSlow

	hits int
}

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

func (f *Fault) over() bool { return f.Times > 0 && f.hits-f.Skip >= f.Times }

func (f *Fault) async() bool { return f.Kind == FaultAsync || f.Kind == FaultFailed }

func (f *Fault) needsAnswer() bool { return f.Kind == FaultTruncated }

func (s *Server) fault(app, endpoint string, page int) *Fault {
	return s.match(app, endpoint, page, false)
}

func (s *Server) asyncFault(app, endpoint string, page int) *Fault {
	return s.match(app, endpoint, page, true)
}

// match finds the first fault that a call meets, and uses it up by one.
func (s *Server) match(app, endpoint string, page int, async bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		hit, _ := path.Match(f.Endpoint, endpoint) // a bad pattern hits nothing
		if f.async() != async || f.over() || (f.App != "" && f.App != app) ||
			(f.Endpoint != "" && !hit) || (f.Page != 0 && f.Page != page) {
			continue
		}
		f.hits++
		if f.hits <= f.Skip {
			continue
		}
		c := *f
		return &c
	}
	return nil
}

// inject plays a fault; true means that the call is answered.
func (s *Server) inject(w http.ResponseWriter, r *http.Request, f *Fault, answer *capture) bool {
	switch f.Kind {
	case FaultStatus:
		status := f.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body><h1>" + strconv.Itoa(status) + "</h1>Synthetic trouble.</body></html>"))
	case FaultHTML:
		html(w)
	case FaultTruncated:
		if answer == nil {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(answer.body[:len(answer.body)/2])
	case FaultDrop:
		panic(http.ErrAbortHandler)
	case FaultSlow:
		t := time.NewTimer(time.Duration(f.DelayMillis) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
			return false
		case <-r.Context().Done():
			return true
		}
	default:
		return false
	}
	return true
}

func html(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!DOCTYPE html><html><body>The page you would see in a browser.</body></html>"))
}

// capture is an answer that is not sent yet.
type capture struct {
	header http.Header
	body   []byte
}

// Header implements http.ResponseWriter.
func (c *capture) Header() http.Header { return c.header }

// WriteHeader implements http.ResponseWriter.
func (c *capture) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (c *capture) Write(b []byte) (int, error) {
	c.body = append(c.body, b...)
	return len(b), nil
}
