// Package front is what stands before the instances of a Cloud Run service: doors on loopback
// ports that check the caller, split traffic between revisions, queue, and end what takes too long.
package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
)

// A Target is a revision's share of a door's requests.
type Target struct {
	Pool    *runner.Pool
	Percent int
	Timeout time.Duration
}

// Routes is where a door leads at one moment.
type Routes struct {
	// Targets' percents sum to 100; no target at all means that nothing runs.
	Targets []Target
	// Public lets callers in without a token.
	Public bool
	// Closed answers 404 to all: the service has no default address, or no ingress.
	Closed bool
}

// A Door listens on one port for as long as its service or tag exists.
type Door struct {
	Port   int
	server *http.Server
	routes atomic.Pointer[Routes]
}

// Two transports to the instances: HTTP/1.1, and HTTP/2 without TLS for containers that ask for it.
var plain, h2c = transport(false), transport(true)

func transport(h2 bool) *http.Transport {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(!h2)
	t.Protocols.SetUnencryptedHTTP2(h2)
	return t
}

// Open listens on 127.0.0.1:port. Until Lead is called the door answers 503.
func Open(ctx context.Context, port int, log *slog.Logger) (*Door, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("the service's port %d is taken by another program: %w", port, err)
	}
	d := &Door{Port: port}
	d.routes.Store(&Routes{})
	d.server = &http.Server{
		Handler:           d,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	d.server.Protocols.SetHTTP1(true)
	d.server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = d.server.Serve(ln) }() // ends with Close
	return d, nil
}

// URI is the door's address.
func (d *Door) URI() string { return "http://127.0.0.1:" + strconv.Itoa(d.Port) }

// Lead changes where the door leads, in one step: each request sees the old routes or the new.
func (d *Door) Lead(r Routes) { d.routes.Store(&r) }

// Close stops listening, lets requests in hand finish until ctx ends, and cuts off the rest.
func (d *Door) Close(ctx context.Context) {
	if d.server.Shutdown(ctx) != nil {
		_ = d.server.Close()
	}
}

// ServeHTTP forwards one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := d.routes.Load()
	if routes.Closed {
		refuse(w, http.StatusNotFound, "The requested URL was not found on this server.")
		return
	}
	if !admit(r, routes.Public) {
		refuse(w, http.StatusForbidden, "Your client does not have permission to get this URL from this server: the service wants an identity token in the Authorization header.")
		return
	}
	if r.Body != http.NoBody {
		r.Body = io.NopCloser(r.Body) // a try that reached nobody must leave it open for the next
	}
	for giveUp := time.Now().Add(reconnect); ; {
		err := d.try(w, r, time.Now().After(giveUp))
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNREFUSED):
			time.Sleep(20 * time.Millisecond)
			continue
		case errors.Is(err, runner.ErrBusy):
			refuse(w, http.StatusTooManyRequests, "Rate exceeded.")
		case r.Context().Err() != nil: // the caller left
		default:
			refuse(w, http.StatusServiceUnavailable, "The service is currently unavailable.")
		}
		return
	}
}

// reconnect is how long a request looks for another instance when the one it got has just died
// and nothing of the request was sent.
const reconnect = 2 * time.Second

// try sends the request to one instance. Unless it is the last try, a refused connection is
// returned instead of answered.
func (d *Door) try(w http.ResponseWriter, r *http.Request, last bool) error {
	target, lease, err := d.place(r.Context())
	if err != nil {
		return err
	}
	defer lease.Release()
	ctx, cancel := context.WithTimeout(r.Context(), target.Timeout)
	defer cancel()
	var refused error
	proxy := forward(lease)
	fail := proxy.ErrorHandler
	proxy.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
		if errors.Is(err, syscall.ECONNREFUSED) && !last {
			refused = err
			return
		}
		fail(w, r, err)
	}
	answered, began := &answer{ResponseWriter: w}, time.Now()
	defer func() { // also when the instance ends amid its answer, which the proxy makes a panic
		if refused == nil {
			lease.Answered(answered.status(r), time.Since(began))
		}
	}()
	proxy.ServeHTTP(answered, r.WithContext(ctx))
	return refused
}

// answer notes which status a request was answered with.
type answer struct {
	http.ResponseWriter
	code int
}

// Unwrap lets the proxy reach what only the writer beneath can do.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// gone is the status of a request whose caller did not wait for the answer. It is nobody's but the load balancers' of this world.
const gone = 499

func (a *answer) status(r *http.Request) int {
	switch {
	case a.code >= 500 && r.Context().Err() != nil:
		return gone
	case a.code == 0:
		return http.StatusOK
	default:
		return a.code
	}
}

// place picks a revision by share and takes a place in one of its instances. A revision that is
// being stopped was routed away from a moment ago: the routes are read again.
func (d *Door) place(ctx context.Context) (Target, *runner.Lease, error) {
	for {
		routes := d.routes.Load()
		target, ok := pick(routes.Targets)
		if !ok {
			return Target{}, nil, runner.ErrDown
		}
		lease, err := target.Pool.Acquire(ctx)
		if errors.Is(err, runner.ErrStopped) && d.routes.Load() != routes {
			continue
		}
		return target, lease, err
	}
}

func pick(targets []Target) (Target, bool) {
	dice := rand.IntN(100) //nolint:gosec // a share of traffic is no secret
	for _, t := range targets {
		if dice -= t.Percent; dice < 0 {
			return t, true
		}
	}
	return Target{}, false
}

// admit checks that a caller of a private service shows a token. As on Cloud Run, the header that
// was checked does not reach the container whole: X-Serverless-Authorization is taken away, and a
// token in Authorization loses its signature, so that the container cannot use it elsewhere.
func admit(r *http.Request, public bool) bool {
	const other = "X-Serverless-Authorization"
	if public {
		return true
	}
	if bearer(r.Header.Get(other)) != "" {
		r.Header.Del(other)
		return true
	}
	token := bearer(r.Header.Get("Authorization"))
	if token == "" {
		return false
	}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		r.Header.Set("Authorization", "Bearer "+parts[0]+"."+parts[1]+".SIGNATURE_REMOVED_BY_GOOGLE")
	}
	return true
}

func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func forward(lease *runner.Lease) *httputil.ReverseProxy {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // streams reach the caller as they are written
		Transport:     plain,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme = "http"
			p.Out.URL.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(lease.Port))
			p.Out.Host = p.In.Host
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.DeadlineExceeded) {
				refuse(w, http.StatusGatewayTimeout, "upstream request timeout")
				return
			}
			refuse(w, http.StatusServiceUnavailable, "upstream connect error or disconnect/reset before headers")
		},
	}
	if lease.H2C {
		proxy.Transport = h2c
	}
	return proxy
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, message+"\n")
}
