// Package coda is a stand-in for Coda's REST API v1: documents with tables, eventual writes, stale
// reads, size and rate limits, and the faults a writer must survive.
//
// A write is accepted at once, applied later and seen by readers later still, as with the real
// thing. The server logs no bodies, queries or headers.
package coda

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/faults"
)

// Token is an API token: a person's, and perhaps restricted to a document or a table.
type Token struct {
	Token string
	// Owner is the e-mail of the person it acts as. Rate limits are counted per owner.
	Owner string
	// Doc and Table restrict the token; empty means no restriction.
	Doc, Table string
	// ReadOnly and WriteOnly restrict what it may do there.
	ReadOnly, WriteOnly bool
}

func (t Token) scoped() bool { return t.Doc != "" || t.Table != "" || t.ReadOnly || t.WriteOnly }

// Options make a Server.
type Options struct {
	// Docs are the documents. Default: LandingZone().
	Docs   []Doc
	Tokens []Token
	// Clock drives mutations, snapshots and rate windows. Default time.Now.
	Clock func() time.Time
	// Log gets one debug line per request. Default: nothing.
	Log *slog.Logger
	// MutationDelay is the time from 202 to applied: default 1 s (the real thing takes 10 to 23 s);
	// negative means at once.
	MutationDelay time.Duration
	// SnapshotDelay is the time between the snapshots that reads come from. Default 0: reads see what
	// is applied.
	SnapshotDelay time.Duration
	// StateFile keeps the rows over a restart. Default: memory only.
	StateFile string
}

// Server is the sandbox. It is an http.Handler; its methods are the switches.
type Server struct {
	clock  func() time.Time
	log    *slog.Logger
	mux    *http.ServeMux
	tokens map[string]Token
	file   string

	mu        sync.Mutex
	settings  Settings
	docs      []*doc
	mutations map[string]*mutation
	nextRow   int
	version   int64 // counts applied row changes
	limits    map[string]*window
	stats     Stats
	dirty     bool

	faults faults.List[Fault]
}

// Base is the path that the API lives under.
const Base = "/apis/v1"

// New makes a sandbox. It fails when the state file is damaged.
func New(o Options) (*Server, error) {
	s := &Server{
		clock: o.Clock, log: o.Log, tokens: map[string]Token{}, file: o.StateFile, settings: defaultSettings(),
		mutations: map[string]*mutation{}, limits: map[string]*window{}, stats: Stats{Calls: map[string]int{}, Statuses: map[int]int{}},
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Docs == nil {
		o.Docs = LandingZone()
	}
	switch {
	case o.MutationDelay > 0:
		s.settings.MutationMillis = int(o.MutationDelay / time.Millisecond)
	case o.MutationDelay < 0:
		s.settings.MutationMillis = 0
	}
	s.settings.SnapshotMillis = int(o.SnapshotDelay / time.Millisecond)
	for _, t := range o.Tokens {
		s.tokens[t.Token] = t
	}
	for _, d := range o.Docs {
		s.docs = append(s.docs, newDoc(d, s.clock()))
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	handle := func(method, path string, class limit, h func(*call)) {
		s.mux.HandleFunc(method+" "+Base+path, func(w http.ResponseWriter, r *http.Request) {
			c := &call{s: s, w: w, r: r}
			if c.enter(method+" "+path, class) {
				h(c)
			}
		})
	}
	handle("GET", "/whoami", readLimit, (*call).whoami)
	handle("GET", "/docs", docsLimit, (*call).listDocs)
	handle("GET", "/docs/{doc}", readLimit, (*call).getDoc)
	handle("GET", "/docs/{doc}/tables", readLimit, (*call).listTables)
	handle("GET", "/docs/{doc}/tables/{table}", readLimit, (*call).getTable)
	handle("GET", "/docs/{doc}/tables/{table}/columns", readLimit, (*call).listColumns)
	handle("GET", "/docs/{doc}/tables/{table}/columns/{column}", readLimit, (*call).getColumn)
	handle("GET", "/docs/{doc}/tables/{table}/rows", readLimit, (*call).listRows)
	handle("GET", "/docs/{doc}/tables/{table}/rows/{row}", readLimit, (*call).getRow)
	handle("POST", "/docs/{doc}/tables/{table}/rows", rowLimit, (*call).upsertRows)
	handle("DELETE", "/docs/{doc}/tables/{table}/rows", rowLimit, (*call).deleteRows)
	handle("PUT", "/docs/{doc}/tables/{table}/rows/{row}", rowLimit, (*call).updateRow)
	handle("DELETE", "/docs/{doc}/tables/{table}/rows/{row}", rowLimit, (*call).deleteRow)
	handle("GET", "/mutationStatus/{id}", readLimit, (*call).mutationStatus)
	s.control()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "The requested resource does not exist.")
	})
}

// ServeHTTP serves the API and, to loopback callers, the control endpoints under /_sandbox/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	start := time.Now()
	s.mux.ServeHTTP(rec, r)
	if strings.HasPrefix(r.URL.Path, Base) {
		s.mu.Lock()
		s.stats.Statuses[rec.status]++
		s.mu.Unlock()
	}
	s.log.Debug("coda sandbox", "method", r.Method, "path", r.URL.Path, "status", rec.status, "took", time.Since(start))
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

// call is one request on its way.
type call struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	token Token
}

// enter authenticates, applies faults and counts the call. False means that it is answered.
func (c *call) enter(endpoint string, class limit) bool {
	s := c.s
	bearer, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	token, known := s.tokens[bearer]
	s.mu.Lock()
	revoked := slices.Contains(s.settings.RevokedTokens, bearer)
	s.mu.Unlock()
	if !ok || !known || revoked || bearer == "" {
		problem(c.w, http.StatusUnauthorized, "Unauthorized")
		return false
	}
	c.token = token
	s.mu.Lock()
	s.stats.Calls[endpoint]++
	allowed := s.take(c.token.Owner, class)
	if !allowed {
		s.stats.Throttled++
		if after := s.settings.RetryAfter; after > 0 {
			c.w.Header().Set("Retry-After", strconv.Itoa(after))
		}
	}
	s.mu.Unlock()
	if !allowed {
		problem(c.w, http.StatusTooManyRequests, "Too Many Requests")
		return false
	}
	if c.forbidden(class) {
		problem(c.w, http.StatusForbidden, "The API token does not grant access to this resource.")
		return false
	}
	return !s.inject(c)
}

// forbidden applies the token's restriction. whoami and mutationStatus work for every token.
func (c *call) forbidden(class limit) bool {
	doc, table := c.r.PathValue("doc"), c.r.PathValue("table")
	if doc == "" {
		return class == docsLimit && (c.token.Doc != "" || c.token.Table != "")
	}
	write := class == rowLimit
	return (c.token.Doc != "" && doc != c.token.Doc) || (c.token.Table != "" && table != c.token.Table) ||
		(write && c.token.ReadOnly) || (!write && c.token.WriteOnly)
}

// href is the absolute URL of a path under the base.
func (c *call) href(parts ...string) string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return scheme + "://" + c.r.Host + Base + b.String()
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hangs up gets nothing
}

// problem answers with Coda's error body.
func problem(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, map[string]any{"statusCode": status, "statusMessage": http.StatusText(status), "message": fmt.Sprintf(format, args...)})
}

// schemaProblem is a 400 about the shape of a request.
func schemaProblem(w http.ResponseWriter, message string) {
	reply(w, http.StatusBadRequest, map[string]any{"statusCode": 400, "statusMessage": "Bad Request", "message": message,
		"codaType": "RequestSchemaValidationFailed", "codaDetail": map[string]any{"issues": []string{message}}})
}
