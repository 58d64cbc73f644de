package faults

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
)

// Refuse answers in the words of the sandbox's API.
type Refuse func(w http.ResponseWriter, status int, detail string)

// Control mounts switches: for tests and people on this machine, not part of the API.
type Control struct {
	Mux    *http.ServeMux
	Refuse Refuse
	Root   string // of the settings and the faults; "" is /_sandbox
}

// path is a switch's own below the root.
func (c Control) path(method, name string) string {
	return method + " " + cmp.Or(c.Root, "/_sandbox") + "/" + name
}

// Handle mounts one switch.
func (c Control) Handle(pattern string, h http.HandlerFunc) {
	c.Mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		// No Origin: a web page in a browser on this machine must not reach the switches.
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() || r.Header.Get("Origin") != "" {
			c.Refuse(w, http.StatusForbidden, "The sandbox's switches answer to this machine only.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		h(w, r)
	})
}

// Decode reads a switch's body; false means that it is refused.
func (c Control) Decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	d.DisallowUnknownFields() // a switch that was misspelt must not seem to be on
	if err := d.Decode(v); err != nil {
		c.Refuse(w, http.StatusBadRequest, "The body is not the JSON that this switch takes.")
		return false
	}
	return true
}

// Reply answers with JSON.
func (c Control) Reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hangs up gets nothing
}

// Finish answers an act that has nothing to say when it went well.
func (c Control) Finish(w http.ResponseWriter, err error) {
	if err != nil {
		c.Refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Settings mounts the switches that stay as they are set. POST takes any of the fields.
func Settings[S any](c Control, get func() S, set func(S) error) {
	c.Handle(c.path(http.MethodGet, "settings"), func(w http.ResponseWriter, _ *http.Request) { c.Reply(w, http.StatusOK, get()) })
	c.Handle(c.path(http.MethodPost, "settings"), func(w http.ResponseWriter, r *http.Request) {
		var next S
		// A copy through and through: what is refused must not have reached a list or map of those in force.
		if body, err := json.Marshal(get()); err != nil || json.Unmarshal(body, &next) != nil {
			panic("settings that are no JSON") // our own types
		}
		if !c.Decode(w, r, &next) {
			return
		}
		if err := set(next); err != nil {
			c.Refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		c.Reply(w, http.StatusOK, get())
	})
}

// Mount mounts the list: what is on, one more, none.
func (l *List[F]) Mount(c Control) {
	c.Handle(c.path(http.MethodGet, "faults"), func(w http.ResponseWriter, _ *http.Request) { c.Reply(w, http.StatusOK, l.All()) })
	c.Handle(c.path(http.MethodPost, "faults"), func(w http.ResponseWriter, r *http.Request) {
		var f F
		if !c.Decode(w, r, &f) {
			return
		}
		if err := f.Check(); err != nil {
			c.Refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		c.Reply(w, http.StatusCreated, map[string]int{"id": l.Add(f)})
	})
	c.Handle(c.path(http.MethodDelete, "faults"), func(w http.ResponseWriter, _ *http.Request) {
		l.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
}
