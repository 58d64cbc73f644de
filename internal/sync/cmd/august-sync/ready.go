package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// readiness answers /readyz: 200 while the database answers, else 503 with the kind of reason. While the database is
// away, but Pub/Sub takes deliveries, it is 200 with the status "receiving": Cloud Run sends requests only to instances that
// have been ready once, and an outage of the database is when new ones must not be without them. A database that
// refuses the runtime, or does not exist, is no outage: a person has to put that right, and the revision must not go live.
type readiness struct {
	receives func() bool

	mu     sync.Mutex
	why    string // why not ready; empty: ask the database
	outage bool   // that passes by itself
	ping   func(context.Context) error
	asked  time.Time
	answer error
}

// One ping serves all probes of a second, so that probing costs the database nothing to speak of.
const (
	pingEvery   = time.Second
	pingTimeout = time.Second
)

func newReadiness(receives func() bool) *readiness {
	return &readiness{why: "starting", receives: receives}
}

// set makes the runtime not ready.
func (r *readiness) set(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why, r.outage = why, false
}

// waits notes why the database is not there yet.
func (r *readiness) waits(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why, r.outage = store.Reason(err), passes(err)
}

// serve makes the runtime ready as long as ping succeeds.
func (r *readiness) serve(ping func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "stopping" {
		r.why, r.ping, r.asked, r.answer = "", ping, time.Now(), nil
	}
}

// check is why the database is not there, or empty, and whether that passes. One caller's answer serves others, so its
// leaving must not spoil it.
func (r *readiness) check(ctx context.Context) (why string, outage bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "" {
		return r.why, r.outage
	}
	if time.Since(r.asked) > pingEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		r.answer, r.asked = r.ping(ctx), time.Now()
	}
	if r.answer != nil {
		return store.Reason(r.answer), passes(r.answer)
	}
	return "", false
}

// passes tells of a database that is not there whether it will come back by itself.
func passes(err error) bool {
	var pg *pgconn.PgError
	var dns *net.DNSError
	switch {
	case errors.As(err, &pg):
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "25", "53", "57": // connections, a standby, resources, starting or stopping
			return true
		}
		return false
	case errors.Is(err, store.ErrCredentials), errors.As(err, &dns) && dns.IsNotFound:
		return false
	}
	return true
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body := map[string]string{"status": "ready"}
	switch why, outage := r.check(req.Context()); {
	case why == "":
	case outage && r.receives():
		body = map[string]string{"status": "receiving", "reason": why}
	default:
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
