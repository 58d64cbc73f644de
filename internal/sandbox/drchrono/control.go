package drchrono

import (
	"maps"
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
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
	c := faults.Control{Mux: s.mux, Refuse: refuse}
	c.Handle("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Stats()) })
	c.Handle("DELETE /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		s.ResetStats()
		w.WriteHeader(http.StatusNoContent)
	})
	faults.Settings(c, s.Settings, func(next Settings) error {
		if err := next.check(); err != nil {
			return err
		}
		s.Set(func(old *Settings) { *old = next })
		return nil
	})
	s.faults.Mount(c)
	s.mountWebhooks(c)
	c.Handle("POST /_sandbox/deauthorise/{app}", func(w http.ResponseWriter, r *http.Request) {
		c.Finish(w, s.Deauthorise(r.PathValue("app")))
	})
	c.Handle("GET /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(of *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		if o, ok := of.Get(k, r.PathValue("id")); ok {
			reply(w, http.StatusOK, o)
			return
		}
		refuse(w, http.StatusNotFound, "Not found.")
	}))
	c.Handle("POST /_sandbox/objects/{app}/{kind}", s.edit(func(of *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		var o clinic.Object
		if !c.Decode(w, r, &o) {
			return
		}
		id, err := of.Add(k, o)
		if err != nil {
			c.Finish(w, err)
			return
		}
		reply(w, http.StatusCreated, map[string]string{"id": id})
	}))
	c.Handle("PATCH /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(of *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		var o clinic.Object
		if c.Decode(w, r, &o) {
			c.Finish(w, of.Edit(k, r.PathValue("id"), o))
		}
	}))
	c.Handle("DELETE /_sandbox/objects/{app}/{kind}/{id}", s.edit(func(of *clinic.Clinic, k clinic.Kind, w http.ResponseWriter, r *http.Request) {
		c.Finish(w, of.Delete(k, r.PathValue("id")))
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
