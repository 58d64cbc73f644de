package drchrono

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults.
const (
	FaultStatus    FaultKind = "status"    // answer Status (500 unless set) with an HTML body
	FaultHTML      FaultKind = "html"      // 200 with an HTML page
	FaultSlow      FaultKind = "slow"      // wait DelayMillis, then answer rightly
	FaultDrop      FaultKind = "drop"      // close the connection
	FaultThrottle  FaultKind = "throttle"  // 429 that asks for Seconds, as another program of the application causes
	FaultRedirect  FaultKind = "redirect"  // 302 to the same call at To, or at another address of this host
	FaultTruncated FaultKind = "truncated" // 200 with the first half of the right JSON
	FaultCut       FaultKind = "cut"       // the right answer, whose connection ends half-way

	FaultRepeat    FaultKind = "repeat"    // a page that holds the rows of the page before in place of its own
	FaultDuplicate FaultKind = "duplicate" // a page that also holds Rows (3 unless set) of the page before
	FaultLose      FaultKind = "lose"      // a page without Rows of its own, as when rows move between pages
	FaultCircle    FaultKind = "circle"    // a page whose next is one that was read before

	FaultAsync    FaultKind = "async_error"    // a bulk request that ends in 500 AsyncResourceError
	FaultFailed   FaultKind = "async_failed"   // a bulk request that ends as Failed
	FaultCanceled FaultKind = "async_canceled" // a bulk request that ends as Canceled
	FaultExpired  FaultKind = "async_expired"  // a bulk request whose uuid is gone when it should be ready
	FaultStuck    FaultKind = "async_stuck"    // a bulk request that stays In progress for DelayMillis, or for good
)

// stage is where in a call a fault strikes.
type stage int

const (
	early      stage = iota // before anything else
	duringPage              // while a page's rows are chosen
	async                   // at the end of a bulk request
)

var stages = map[FaultKind]stage{
	FaultStatus: early, FaultHTML: early, FaultSlow: early, FaultDrop: early, FaultThrottle: early, FaultRedirect: early,
	FaultTruncated: early, FaultCut: early, FaultRepeat: duringPage, FaultDuplicate: duringPage, FaultLose: duringPage, FaultCircle: duringPage,
	FaultAsync: async, FaultFailed: async, FaultCanceled: async, FaultExpired: async, FaultStuck: async,
}

// FaultKinds is every kind.
func FaultKinds() []FaultKind {
	var out []FaultKind
	for k := range stages {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Fault makes calls go wrong. Empty fields match every call.
type Fault struct {
	ID          int       `json:"id"`
	Kind        FaultKind `json:"kind"`
	App         string    `json:"app,omitempty"`          // client id
	Endpoint    string    `json:"endpoint,omitempty"`     // a path.Match pattern: "lab_results", "*_list", "o/token"
	Page        int       `json:"page,omitempty"`         // the page of a list or bulk request, from 1
	Times       int       `json:"times,omitempty"`        // how often, 0 = until cleared
	Skip        int       `json:"skip,omitempty"`         // matching calls to let pass first
	Chance      float64   `json:"chance,omitempty"`       // strikes this share of the matching calls, 0 = all
	Status      int       `json:"status,omitempty"`       // FaultStatus
	DelayMillis int       `json:"delay_millis,omitempty"` // FaultSlow, FaultStuck
	Seconds     float64   `json:"seconds,omitempty"`      // FaultThrottle; 0 = the answer does not say
	Rows        int       `json:"rows,omitempty"`         // FaultDuplicate, FaultLose
	To          string    `json:"to,omitempty"`           // FaultRedirect: another origin, such as "http://127.0.0.2:80"
}

// When implements faults.Fault.
func (f Fault) When() faults.When {
	return faults.When{Skip: f.Skip, Times: f.Times, Chance: f.Chance}
}

// Numbered implements faults.Fault.
func (f Fault) Numbered(id int) Fault { f.ID = id; return f }

// Check implements faults.Fault.
func (f Fault) Check() error {
	if _, ok := stages[f.Kind]; !ok {
		return fmt.Errorf("kind: %q is none of %v", f.Kind, FaultKinds())
	}
	if _, err := path.Match(f.Endpoint, ""); err != nil {
		return fmt.Errorf("endpoint: %q is not a pattern", f.Endpoint)
	}
	if f.Chance < 0 || f.Chance > 1 {
		return fmt.Errorf("chance: %v is not between 0 and 1", f.Chance)
	}
	return nil
}

// rows is how many rows a page gains or loses.
func (f *Fault) rows() int {
	if f.Rows > 0 {
		return f.Rows
	}
	return 3
}

// rowsOf is what a page shows in place of rows[from:to].
func (f *Fault) rowsOf(rows []*clinic.Row, from, to int) []*clinic.Row {
	switch f.Kind {
	case FaultRepeat:
		if from > 0 {
			return rows[max(0, from-(to-from)):from]
		}
	case FaultDuplicate:
		return rows[max(0, from-f.rows()):to]
	case FaultLose:
		return rows[from:max(from, to-f.rows())]
	}
	return rows[from:to]
}

// AddFault switches a fault on and returns its id.
func (s *Server) AddFault(f Fault) int { return s.faults.Add(f) }

// ClearFaults switches every fault off.
func (s *Server) ClearFaults() { s.faults.Clear() }

// Faults lists the faults that are still on.
func (s *Server) Faults() []Fault { return s.faults.All() }

// FaultsStruck is how often each fault that was not cleared struck, by id.
func (s *Server) FaultsStruck() map[int]int { return s.faults.Struck() }

// SeedFaults makes the dice of faults with a chance fall in the same order again.
func (s *Server) SeedFaults(seed uint64) { s.faults.Seed(seed) }

// fault is the fault that a call meets at a stage, or nil.
func (s *Server) fault(at stage, app, endpoint string, number int) *Fault {
	return s.faults.Meet(func(f Fault) bool {
		hit, _ := path.Match(f.Endpoint, endpoint)
		kind, known := stages[f.Kind]
		return known && kind == at && (f.App == "" || f.App == app) && (f.Endpoint == "" || hit) && (f.Page == 0 || f.Page == number)
	})
}

// moved marks the other address of a call that FaultRedirect leads to: it is answered rightly.
const moved = "_moved"

// inject plays an early fault; true means that the call is answered. serve answers it rightly.
func (s *Server) inject(w http.ResponseWriter, r *http.Request, f *Fault, serve func(http.ResponseWriter)) bool {
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
	case FaultSlow:
		return !faults.Slow(r.Context(), f.DelayMillis)
	case FaultDrop:
		faults.Drop()
	case FaultThrottle:
		if f.Seconds <= 0 {
			refuse(w, http.StatusTooManyRequests, "Request was throttled.")
			break
		}
		refuse(w, http.StatusTooManyRequests, throttleText(strconv.FormatFloat(f.Seconds, 'f', -1, 64)))
	case FaultRedirect:
		if r.URL.Query().Has(moved) {
			return false
		}
		to, q := f.To, r.URL.Query()
		if to == "" {
			to = origin(r)
		}
		q.Set(moved, "1")
		w.Header().Set("Location", to+r.URL.Path+"?"+q.Encode())
		w.WriteHeader(http.StatusFound)
	case FaultTruncated, FaultCut:
		answer := &capture{header: http.Header{}, status: http.StatusOK}
		serve(answer)
		w.Header().Set("Content-Type", answer.header.Get("Content-Type"))
		if f.Kind == FaultCut {
			w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
		}
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body[:len(answer.body)/2])
		if f.Kind == FaultCut {
			_ = http.NewResponseController(w).Flush()
			faults.Drop()
		}
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
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (c *capture) Header() http.Header { return c.header }

// WriteHeader implements http.ResponseWriter.
func (c *capture) WriteHeader(status int) { c.status = status }

// Write implements http.ResponseWriter.
func (c *capture) Write(b []byte) (int, error) {
	c.body = append(c.body, b...)
	return len(b), nil
}
