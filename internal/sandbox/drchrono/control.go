package drchrono

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// Stats counts one application's calls.
type Stats struct {
	Calls     int            `json:"calls"`     // API calls, refused ones included
	Throttled int            `json:"throttled"` // answered 429
	ThisHour  int            `json:"this_hour"` // counted against the hourly limit
	Endpoints map[string]int `json:"endpoints"`
	Statuses  map[int]int    `json:"statuses"`
}

func newStats() Stats { return Stats{Endpoints: map[string]int{}, Statuses: map[int]int{}} }

func (a *app) count(endpoint string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.Endpoints[endpoint]++
	if status == 0 { // the token endpoint is no API call
		return
	}
	a.stats.Calls++
	a.stats.Statuses[status]++
	if status == http.StatusTooManyRequests {
		a.stats.Throttled++
	}
}

// Stats returns the counts of every application.
func (s *Server) Stats() map[string]Stats {
	out := map[string]Stats{}
	for id, a := range s.apps {
		a.mu.Lock()
		st := a.stats
		st.Endpoints, st.Statuses = maps.Clone(st.Endpoints), maps.Clone(st.Statuses)
		a.mu.Unlock()
		st.ThisHour = a.throttle.used(s.clock(), s.Settings())
		out[id] = st
	}
	return out
}

// ResetStats forgets the counts and empties the throttle windows.
func (s *Server) ResetStats() {
	for _, a := range s.apps {
		a.mu.Lock()
		a.stats = newStats()
		a.mu.Unlock()
		a.throttle.reset()
	}
}

// Clinic returns an application's clinic, or nil.
func (s *Server) Clinic(clientID string) *clinic.Clinic {
	if a := s.apps[clientID]; a != nil {
		return a.Clinic
	}
	return nil
}

// control mounts the switches: for tests and people on this machine, not part of the API.
func (s *Server) control() {
	handle := func(pattern string, h http.HandlerFunc) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			// No Origin: a web page in a browser on this machine must not reach the switches.
			if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() || r.Header.Get("Origin") != "" {
				refuse(w, http.StatusForbidden, "The sandbox's switches answer to this machine only.")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			h(w, r)
		})
	}
	handle("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Stats()) })
	handle("DELETE /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		s.ResetStats()
		w.WriteHeader(http.StatusNoContent)
	})
	handle("GET /_sandbox/settings", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Settings()) })
	handle("POST /_sandbox/settings", func(w http.ResponseWriter, r *http.Request) {
		next := s.Settings()
		if !decode(w, r, &next) {
			return
		}
		s.Set(func(old *Settings) { *old = next })
		reply(w, http.StatusOK, next)
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
	handle("POST /_sandbox/deauthorise/{app}", func(w http.ResponseWriter, r *http.Request) {
		finish(w, s.Deauthorise(r.PathValue("app")))
	})
	handle("GET /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(c *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		if o, ok := c.Get(k, r.PathValue("id")); ok {
			reply(w, http.StatusOK, o)
			return
		}
		refuse(w, http.StatusNotFound, "Not found.")
	}))
	handle("POST /_sandbox/objects/{app}/{kind}", s.edit(func(c *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		var o clinic.Object
		if !decode(w, r, &o) {
			return
		}
		id, err := c.Add(k, o)
		if err != nil {
			finish(w, err)
			return
		}
		reply(w, http.StatusCreated, map[string]string{"id": id})
	}))
	handle("PATCH /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(c *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		var o clinic.Object
		if decode(w, r, &o) {
			finish(w, c.Edit(k, r.PathValue("id"), o))
		}
	}))
	handle("DELETE /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(c *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		finish(w, c.Delete(k, r.PathValue("id")))
	}))
}

func (s *Server) edit(h func(*clinic.Clinic, clinic.Kind, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.Clinic(r.PathValue("app"))
		if c == nil {
			refuse(w, http.StatusNotFound, "No such application.")
			return
		}
		h(c, clinic.Kind(r.PathValue("kind")), w, r)
	}
}

func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "The body is not the JSON that this switch takes.")
		return false
	}
	return true
}

func finish(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
