package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// readiness answers /readyz: 200 while the database answers, else 503 with the kind of reason.
type readiness struct {
	mu     sync.Mutex
	why    string // why not ready; empty: ask the database
	ping   func(context.Context) error
	asked  time.Time
	answer string
}

// One ping serves all probes of a second, so that probing costs the database nothing to speak of.
const (
	pingEvery   = time.Second
	pingTimeout = time.Second
)

func newReadiness() *readiness { return &readiness{why: "starting"} }

// set makes the runtime not ready.
func (r *readiness) set(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
}

// serve makes the runtime ready as long as ping succeeds.
func (r *readiness) serve(ping func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "stopping" {
		r.why, r.ping, r.asked, r.answer = "", ping, time.Now(), ""
	}
}

// check is why the runtime is not ready, or empty. One caller's answer serves others, so its leaving
// must not spoil it.
func (r *readiness) check(ctx context.Context) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "" {
		return r.why
	}
	if time.Since(r.asked) > pingEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		r.answer = ""
		if err := r.ping(ctx); err != nil {
			r.answer = reason(err)
		}
		r.asked = time.Now()
	}
	return r.answer
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body := map[string]string{"status": "ready"}
	if why := r.check(req.Context()); why != "" {
		body = map[string]string{"status": "not ready", "reason": why}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body)
}
