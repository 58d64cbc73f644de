// Package drchrono is a stand-in for DrChrono's REST API v4: OAuth, lists, bulk endpoints, throttles
// and the faults that integrations have met, over a synthetic clinic.
//
// Where the real API is undocumented or reports disagree, a Settings field chooses, and the default
// is the harder case for a client. The server logs no bodies, queries or headers.
package drchrono

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// App is one API application: the unit that DrChrono throttles and issues tokens to.
type App struct {
	ClientID     string
	ClientSecret string
	Clinic       *clinic.Clinic
	// RefreshToken is good from the start, as if a person had authorised the application before. Once
	// it has been used up it stays dead, also after a restart with StateFile.
	RefreshToken string
	// AccessToken, when set, is an access token good for 48 hours from the start. For tests.
	AccessToken string
	// Scope is what the tokens above may do. Default: all scopes.
	Scope string
}

// Options make a Server.
type Options struct {
	Apps []App
	// Clock drives token life, throttle windows and bulk expiry. Default time.Now.
	Clock func() time.Time
	// Log gets one debug line per request: method, path, status. Default: nothing.
	Log *slog.Logger
	// StateFile keeps the OAuth tokens over a restart. Default: memory only.
	StateFile string
	// Settings override DefaultSettings where not nil.
	Settings *Settings
}

// Server is the sandbox. It is an http.Handler; its methods are the switches.
type Server struct {
	apps  map[string]*app
	names []string
	clock func() time.Time
	log   *slog.Logger
	mux   *http.ServeMux
	oauth *oauth

	mu       sync.Mutex
	settings Settings

	faults faults.List[Fault]
}

// app is one application's running state.
type app struct {
	App
	throttle throttle
	bulk     jobs
	sender   *sender

	mu    sync.Mutex
	stats Stats
}

// New makes a sandbox. It fails when two applications share an id or the state file is damaged.
func New(o Options) (*Server, error) {
	s := &Server{apps: map[string]*app{}, clock: o.Clock, log: o.Log, settings: DefaultSettings()}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Settings != nil {
		s.settings = *o.Settings
	}
	for _, a := range o.Apps {
		if s.apps[a.ClientID] != nil {
			return nil, fmt.Errorf("two applications have the client id %q", a.ClientID)
		}
		if a.Clinic == nil {
			return nil, fmt.Errorf("application %q has no clinic", a.ClientID)
		}
		if a.Scope == "" {
			a.Scope = AllScopes
		}
		s.apps[a.ClientID] = &app{App: a, stats: newStats(), sender: newSender(a.Clinic, s.Settings)}
		s.names = append(s.names, a.ClientID)
	}
	var err error
	if s.oauth, err = newOAuth(s.clock, o.StateFile, o.Apps); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// Close ends the deliveries that are under way or wait to be tried again.
func (s *Server) Close() {
	for _, a := range s.apps {
		a.sender.close()
	}
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /o/authorize/", s.authorize)
	s.mux.HandleFunc("POST /o/token/", s.token)
	s.mux.HandleFunc("POST /o/revoke_token/", s.revoke)
	for _, path := range []string{"/o/authorize", "/o/token", "/o/revoke_token"} {
		s.mux.HandleFunc(path, addSlash) // the framework's redirect, which makes a POST lose its body
	}
	s.mux.HandleFunc("/api/", s.api)
	s.control()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Not found.") })
}

// ServeHTTP serves the API and, to loopback callers, the control endpoints under /_sandbox/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	start := time.Now()
	s.mux.ServeHTTP(rec, r)
	s.log.Debug("drchrono sandbox", "method", r.Method, "path", r.URL.Path, "status", rec.status, "took", time.Since(start))
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func addSlash(w http.ResponseWriter, r *http.Request) {
	to := *r.URL
	to.Path += "/"
	http.Redirect(w, r, to.String(), http.StatusMovedPermanently) //nolint:gosec // the same path with a slash, as Django does
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON; a client that hangs up gets nothing
}

// refuse answers with the framework's error body.
func refuse(w http.ResponseWriter, status int, detail string) {
	reply(w, status, map[string]string{"detail": detail})
}

// invalid answers 400 with messages per field.
func invalid(w http.ResponseWriter, field, message string) {
	reply(w, http.StatusBadRequest, map[string][]string{field: {message}})
}

func drain(r *http.Request) { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) }
