package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
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
			r.answer = store.Reason(err)
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

// stuck is how long a pool whose connections are all at work may hand none of them on before that is
// no sign of life any more: its database may have vanished with all of them.
const stuck = 5 * time.Second

// sign asks a pool for a sign of life. It is not for use side by side.
type sign struct {
	handed int64 // connections handed out when that last changed
	at     time.Time
}

// of asks the database; a pool whose connections are all at work is a sign too, as long as they are
// handed on.
func (s *sign) of(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error {
		err := pool.Ping(ctx)
		stat := pool.Stat()
		if n := stat.AcquireCount(); n != s.handed || err == nil {
			s.handed, s.at = n, time.Now()
		}
		if errors.Is(err, context.DeadlineExceeded) && stat.AcquiredConns() >= stat.MaxConns() && time.Since(s.at) < stuck {
			return nil
		}
		return err
	}
}
