package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Requests logs and measures every request that next answers, and turns a panic into a 500. It
// notes the path, never the query or a header; probes and webhooks are logged only for debugging.
func (m *Metrics) Requests(log *slog.Logger, next http.Handler) (http.Handler, error) {
	seconds, err := m.Meter("http").Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("time to answer"),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, err
	}
	active, err := m.Meter("http").Int64UpDownCounter("http.server.requests.active", metric.WithDescription("requests being answered"))
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active.Add(r.Context(), 1)
		defer active.Add(context.WithoutCancel(r.Context()), -1)
		began := time.Now()
		ctx := WithTrace(r.Context(), r.Header.Get("X-Cloud-Trace-Context"))
		r = r.WithContext(ctx)
		answer := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p) // how a handler drops a connection on purpose
				}
				// The panic's value may hold data; its type and the stack do not.
				log.ErrorContext(ctx, "request panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				if answer.status == 0 {
					http.Error(answer, `{"error":{"code":"internal","message":"internal error; see the runtime's log"}}`, http.StatusInternalServerError)
				}
			}
			took := time.Since(began)
			status := max(answer.status, http.StatusOK)
			seconds.Record(ctx, took.Seconds(), metric.WithAttributes(
				attribute.String("http.request.method", method(r.Method)),
				attribute.String("http.route", route(r)),
				attribute.Int("http.response.status_code", status)))
			log.LogAttrs(ctx, level(r, status), "request", slog.Any("httpRequest", logged{
				Method: method(r.Method), URL: path(r), Status: status,
				Size: fmt.Sprint(answer.size), Latency: fmt.Sprintf("%.6fs", took.Seconds()),
			}))
		}()
		next.ServeHTTP(answer, r)
	}), nil
}

// logged is Cloud Logging's HttpRequest.
type logged struct {
	Method  string `json:"requestMethod"`
	URL     string `json:"requestUrl"`
	Status  int    `json:"status"`
	Size    string `json:"responseSize"`
	Latency string `json:"latency"`
}

// quiet are the paths whose requests are logged only for debugging. The webhook's come by the thousand, and from anybody:
// its metrics count them, and the receiver says once what is wrong.
var quiet = map[string]bool{"/livez": true, "/readyz": true, "/metrics": true, "/webhooks/drchrono": true}

func level(r *http.Request, status int) slog.Level {
	switch {
	case quiet[r.URL.Path] && status != http.StatusInternalServerError:
		return slog.LevelDebug
	case status >= 500:
		return slog.LevelError
	case status >= 400:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// route is the pattern that matched, so that names in paths do not become labels.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "other"
	}
	return r.Pattern
}

// method bounds the label and the log to the methods there are.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	default:
		return "OTHER"
	}
}

type recorder struct {
	http.ResponseWriter
	status int
	size   int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.size += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the real writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// path is the request's path; one that nothing serves is a stranger's text and is cut short.
func path(r *http.Request) string {
	if r.Pattern == "" && len(r.URL.Path) > 100 {
		return r.URL.Path[:100] + "…"
	}
	return r.URL.Path
}
