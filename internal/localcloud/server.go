package localcloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/pubsub"
)

// statusPath is where a running cloud reports to `august-local status`.
const statusPath = "/_august/status"

// servant serves one listener of the cloud.
type servant interface {
	// serve serves until stop; it ends with an error only when the listener fails.
	serve() error
	// stop gives requests in hand a moment, then cuts them off.
	stop(ctx context.Context)
}

// grpcServer is Pub/Sub's gRPC, which it serves itself.
type grpcServer struct {
	face     *pubsub.Face
	listener net.Listener
}

func (s grpcServer) serve() error { return s.face.ServeGRPC(s.listener) }

// stop ends the streams, which would not end by themselves.
func (s grpcServer) stop(ctx context.Context) { s.face.StopGRPC(ctx) }

// server is one HTTP listener of the cloud.
type server struct {
	http     *http.Server
	listener net.Listener
}

func newServer(l net.Listener, h http.Handler, log *slog.Logger) *server {
	return &server{
		listener: l,
		http: &http.Server{
			Handler:           logged(h, log),
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelError),
		},
	}
}

// serve serves until stop; it ends with an error only when the listener fails.
func (s *server) serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// stop gives requests in hand a moment, then cuts them off: a client may hold a stream open.
func (s *server) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
}

// logged notes each request without its query, headers and body: any of them may hold a secret.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		log.Info(r.Method, "path", r.URL.Path, "status", rec.status, "took", time.Since(begin).Round(time.Microsecond))
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// google is the one HTTP port of Google's APIs. Requests in absolute form, as gcloud sends them when
// the port is its proxy, are told apart by their path like all others.
func google(faces []face.Face, status func() Status, closing *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	for _, f := range faces {
		f.Register(mux)
	}
	mux.Handle("GET "+statusPath, gapi.Handler(func(*http.Request) (any, error) { return status(), nil }))
	mux.Handle("/", gapi.Handler(func(r *http.Request) (any, error) {
		return nil, gapi.NotFound("The local cloud has no method %s %s.", r.Method, r.URL.Path)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nothing new is begun while everything is being stopped.
		if closing.Load() && r.Method != http.MethodGet {
			gapi.WriteError(w, gapi.Errorf(http.StatusServiceUnavailable, "UNAVAILABLE", "backendError", "The local cloud is stopping."))
			return
		}
		mux.ServeHTTP(w, r)
	})
}
