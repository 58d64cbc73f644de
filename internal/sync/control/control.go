// Package control serves the runtime's control API: who may call it, what it accepts, and how it
// says no.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Pipelines keeps the declared pipelines. Errors meant for the caller are *runtimeapi.Error; any
// other is logged, and answered as unavailable when it is an outage of the database, else as internal.
type Pipelines interface {
	List(ctx context.Context) ([]runtimeapi.Pipeline, error)
	Get(ctx context.Context, name string) (runtimeapi.Pipeline, error)
	Put(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error)
	Create(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error)
	Check(ctx context.Context, name string, spec runtimeapi.PipelineSpec) ([]runtimeapi.Error, error)
	Delete(ctx context.Context, name string) error
	Sync(ctx context.Context, name string, req runtimeapi.SyncRequest) (runtimeapi.Run, error)
	Reconcile(ctx context.Context, name string, req runtimeapi.ReconcileRequest) (runtimeapi.Run, error)
	GetRun(ctx context.Context, name string, id int64) (runtimeapi.Run, error)
	Status(ctx context.Context, name string) (runtimeapi.Status, error)
}

// Schema tells what the database is made of.
type Schema interface {
	Catalog(ctx context.Context) (*catalog.Catalog, error)
}

// Tester has the runtime try itself out.
type Tester interface {
	Checks(ctx context.Context) []runtimeapi.SelfCheck
}

// Caller checks who calls. The error is a *runtimeapi.Error that says nothing about the token.
type Caller interface {
	Check(r *http.Request) (who string, err error)
}

// Server is the control API. It answers from the start; until Ready it says that it is not.
type Server struct {
	caller Caller
	log    *slog.Logger
	mux    *http.ServeMux
	behind atomic.Pointer[Backend]
}

// Backend is what a Server serves.
type Backend struct {
	Pipelines Pipelines
	Probes    Probes
	Shelf     Shelf
	Tester    Tester
	Schema    Schema
	Adviser   Adviser
	Measurer  Measurer
	Indexes   Indexes
	Info      runtimeapi.Info
}

// New makes a server that lets in whom caller lets in.
func New(caller Caller, log *slog.Logger) *Server {
	s := &Server{caller: caller, log: log, mux: http.NewServeMux()}
	pipeline, probe, index := runtimeapi.PathPipelines+"/{name}", runtimeapi.PathProbes+"/{id}", runtimeapi.PathIndexes+"/{schema}/{name}"
	for pattern, serve := range map[string]func(*Backend, *http.Request) (int, any, error){
		"GET " + runtimeapi.PathInfo:                      s.info,
		"POST " + runtimeapi.PathSelfTest:                 s.selfTest,
		"GET " + runtimeapi.PathCatalog:                   s.catalog,
		"GET " + runtimeapi.PathMeasures:                  s.measures,
		"GET " + runtimeapi.PathPipelines:                 s.list,
		"GET " + pipeline:                                 s.get,
		"PUT " + pipeline:                                 s.put,
		"DELETE " + pipeline:                              s.remove,
		"POST " + pipeline:                                s.verb, // {name}:sync is one path segment
		"GET " + pipeline + runtimeapi.PathStatus:         s.status,
		"GET " + pipeline + runtimeapi.PathRuns + "/{id}": s.run,
		"DELETE " + probe:                                 s.forget,
		"GET " + index:                                    s.getIndex,
		"PUT " + index:                                    s.putIndex,
		"POST " + index:                                   s.checkIndex,
		"DELETE " + index:                                 s.removeIndex,
		"GET " + runtimeapi.PathParked:                    s.parked,
		"POST /v1/webhooks/{verb}":                        s.settleParked,
	} {
		s.mux.Handle(pattern, s.answer(serve))
	}
	s.mux.Handle("POST "+runtimeapi.PathProbes, s.guard(s.probe))
	s.mux.Handle("POST "+probe, s.guard(s.verify)) // {id}:verify is one path segment
	s.mux.Handle("POST "+runtimeapi.PathIndexAdvice, s.guard(s.adviseIndexes))
	s.mux.Handle("/v1/", s.answer(func(*Backend, *http.Request) (int, any, error) {
		return 0, nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "the control API has no such path or method"}
	}))
	return s
}

// Ready gives the server what it serves.
func (s *Server) Ready(b Backend) { s.behind.Store(&b) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

const maxBody = 1 << 20

// guard checks the caller before anything else is said, also about paths that do not exist.
func (s *Server) guard(serve func(*Backend, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		who, err := s.caller.Check(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		r = r.WithContext(audit.With(r.Context(), audit.Source{Kind: audit.KindControl, ID: who}))
		behind := s.behind.Load()
		if behind == nil {
			s.fail(w, r, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "the runtime waits for its database; /readyz says how it stands"})
			return
		}
		serve(behind, w, r)
	})
}

// callTime bounds a call that answers at once: a database that says nothing must not make it hang.
const callTime = 20 * time.Second

// answer serves what has one answer.
func (s *Server) answer(serve func(*Backend, *http.Request) (int, any, error)) http.Handler {
	return s.guard(func(b *Backend, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTime)
		defer cancel()
		status, body, err := serve(b, r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, r, status, body)
	})
}

func (s *Server) info(b *Backend, _ *http.Request) (int, any, error) {
	return http.StatusOK, b.Info, nil
}

// selfTest answers with how each check went. One that failed is no failure of the call.
func (s *Server) selfTest(b *Backend, r *http.Request) (int, any, error) {
	return http.StatusOK, runtimeapi.SelfTest{Info: b.Info, Checks: b.Tester.Checks(r.Context())}, nil
}

func (s *Server) catalog(b *Backend, r *http.Request) (int, any, error) {
	c, err := b.Schema.Catalog(r.Context())
	return http.StatusOK, c, err
}

func (s *Server) list(b *Backend, r *http.Request) (int, any, error) {
	pipelines, err := b.Pipelines.List(r.Context())
	if pipelines == nil {
		pipelines = []runtimeapi.Pipeline{}
	}
	return http.StatusOK, runtimeapi.PipelineList{Pipelines: pipelines}, err
}

func (s *Server) get(b *Backend, r *http.Request) (int, any, error) {
	pipeline, err := b.Pipelines.Get(r.Context(), r.PathValue("name"))
	return http.StatusOK, pipeline, err
}

func (s *Server) put(b *Backend, r *http.Request) (int, any, error) {
	name := r.PathValue("name")
	if e := runtimeapi.ValidateName(name); e != nil {
		return 0, nil, e
	}
	var spec runtimeapi.PipelineSpec
	if err := decode(r.Body, &spec); err != nil {
		return 0, nil, err
	}
	if found := spec.Validate(); len(found) > 0 {
		return 0, nil, summary(found)
	}
	declare := b.Pipelines.Put
	if r.Header.Get(runtimeapi.HeaderIfNoneMatch) == "*" {
		declare = b.Pipelines.Create
	}
	pipeline, err := declare(r.Context(), name, spec)
	return http.StatusOK, pipeline, err
}

func (s *Server) remove(b *Backend, r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, b.Pipelines.Delete(r.Context(), r.PathValue("name"))
}

func (s *Server) verb(b *Backend, r *http.Request) (int, any, error) {
	segment := r.PathValue("name")
	for verb, serve := range map[string]func(*Backend, *http.Request, string) (int, any, error){
		runtimeapi.VerbSync: s.sync, runtimeapi.VerbReconcile: s.reconcile, runtimeapi.VerbCheck: s.check,
	} {
		if name, ok := strings.CutSuffix(segment, verb); ok {
			return serve(b, r, name)
		}
	}
	return 0, nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound,
		Message: "the verbs of a pipeline are " + runtimeapi.VerbSync + ", " + runtimeapi.VerbReconcile + " and " + runtimeapi.VerbCheck}
}

func (s *Server) sync(b *Backend, r *http.Request, name string) (int, any, error) {
	var req runtimeapi.SyncRequest
	if err := decode(r.Body, &req); err != nil {
		return 0, nil, err
	}
	run, err := b.Pipelines.Sync(r.Context(), name, req)
	return http.StatusAccepted, run, err
}

func (s *Server) reconcile(b *Backend, r *http.Request, name string) (int, any, error) {
	var req runtimeapi.ReconcileRequest
	if err := decode(r.Body, &req); err != nil {
		return 0, nil, err
	}
	run, err := b.Pipelines.Reconcile(r.Context(), name, req)
	return http.StatusAccepted, run, err
}

func (s *Server) run(b *Backend, r *http.Request) (int, any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "a run has a number"}
	}
	run, err := b.Pipelines.GetRun(r.Context(), r.PathValue("name"), id)
	return http.StatusOK, run, err
}

// check says what put would, and declares nothing.
func (s *Server) check(b *Backend, r *http.Request, name string) (int, any, error) {
	if e := runtimeapi.ValidateName(name); e != nil {
		return 0, nil, e
	}
	var spec runtimeapi.PipelineSpec
	if err := decode(r.Body, &spec); err != nil {
		return 0, nil, err
	}
	found := spec.Validate()
	if len(found) == 0 {
		var err error
		if found, err = b.Pipelines.Check(r.Context(), name, spec); err != nil {
			return 0, nil, err
		}
	}
	if found == nil {
		found = []runtimeapi.Error{}
	}
	return http.StatusOK, runtimeapi.Check{Findings: found}, nil
}

func (s *Server) status(b *Backend, r *http.Request) (int, any, error) {
	status, err := b.Pipelines.Status(r.Context(), r.PathValue("name"))
	return http.StatusOK, status, err
}

// summary makes one answer of every finding: the first one's field, and all the messages.
func summary(found []runtimeapi.Error) error {
	first := found[0]
	for _, e := range found[1:] {
		first.Message += fmt.Sprintf("; %s: %s", e.Field, e.Message)
	}
	return &first
}

var codes = map[string]int{
	runtimeapi.CodeInvalid:         http.StatusBadRequest,
	runtimeapi.CodeUnauthenticated: http.StatusUnauthorized,
	runtimeapi.CodeDenied:          http.StatusForbidden,
	runtimeapi.CodeNotFound:        http.StatusNotFound,
	runtimeapi.CodeConflict:        http.StatusConflict,
	runtimeapi.CodeUnavailable:     http.StatusServiceUnavailable,
	runtimeapi.CodeInternal:        http.StatusInternalServerError,
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *runtimeapi.Error
	if !errors.As(err, &e) {
		if r.Context().Err() != nil { // the caller has gone; nobody reads the answer
			return
		}
		s.log.ErrorContext(r.Context(), "control call failed", "error", err)
		e = &runtimeapi.Error{Code: runtimeapi.CodeInternal, Message: "the runtime failed; its log says why"}
		switch {
		case store.Outage(err), store.Broken(err): // a failover, or a busy machine: another try may do
			e = &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: store.Reason(err) + "; try again"}
		case store.Moved(err):
			e = &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "something was dropped from the database while it was read; try again"}
		}
	}
	status, ok := codes[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	s.write(w, r, status, map[string]*runtimeapi.Error{"error": e})
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	if body == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		s.log.ErrorContext(r.Context(), "answer not encoded", "error", err)
		status, encoded = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the runtime failed; its log says why"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n'))
}

// decode reads exactly one JSON object with known fields only; nothing at all is an empty one. A
// misspelt field must not be taken for one left out.
func decode(body io.Reader, into any) error {
	raw, err := io.ReadAll(body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return invalid("", "the request is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return invalid("", "the request could not be read")
	case len(raw) == 0:
		return nil
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return invalid("", "the request is not JSON")
	}
	if unknown := unknownField(reflect.TypeOf(into).Elem(), tree, ""); unknown != "" {
		return invalid(unknown, "is not a field that this version of the runtime knows")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return invalid(wrong.Field, "must be %s, not %s", kind(wrong.Type), wrong.Value)
		}
		return invalid("", "the request could not be decoded")
	}
	return nil
}

// unknownField finds the path of a member that has no field in t, or "".
func unknownField(t reflect.Type, v any, at string) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return ""
		}
		fields := map[string]reflect.Type{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			fields[name] = t.Field(i).Type
		}
		for name, value := range v {
			field, ok := fields[name]
			if !ok {
				return at + name
			}
			if found := unknownField(field, value, at+name+"."); found != "" {
				return found
			}
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return ""
		}
		for i, value := range v {
			if found := unknownField(t.Elem(), value, fmt.Sprintf("%s[%d].", strings.TrimSuffix(at, "."), i)); found != "" {
				return found
			}
		}
	}
	return ""
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Bool:
		return "true or false"
	default:
		return "a " + t.Kind().String()
	}
}

func invalid(field, format string, args ...any) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
