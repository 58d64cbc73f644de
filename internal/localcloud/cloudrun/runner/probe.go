package runner

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// A Probe is one health check of an instance: HTTP when Path is set, gRPC when Service is, else a
// TCP connection.
type Probe struct {
	Path         string  // HTTP GET
	Service      *string // gRPC's health service is asked for it; "" is the server as a whole
	Header       http.Header
	Declared     int // the port as the service's owner knows it
	Port         int // 0 = the instance's own PORT, which stands for the declared one
	InitialDelay time.Duration
	Timeout      time.Duration
	Period       time.Duration
	Failures     int // that many in a row mean unhealthy
}

// String names the probe as its owner knows it.
func (p Probe) String() string {
	switch {
	case p.Path != "":
		return fmt.Sprintf("HTTP GET %s on port %d", p.Path, p.Declared)
	case p.Service != nil && *p.Service != "":
		return fmt.Sprintf("gRPC health check of %q on port %d", *p.Service, p.Declared)
	case p.Service != nil:
		return fmt.Sprintf("gRPC health check on port %d", p.Declared)
	default:
		return fmt.Sprintf("TCP connection to port %d", p.Declared)
	}
}

// verdict says in Cloud Run's words that a container never passed its start-up probe, and which
// probe that was: Google's own text leaves that out.
func (p Probe) verdict(err error, log string) string {
	google := "The user-provided container failed the configured startup probe checks."
	if p.Path == "" && p.Service == nil {
		google = fmt.Sprintf("The user-provided container failed to start and listen on the port defined provided by the PORT=%d environment variable within the allocated timeout.", p.Declared)
	}
	return fmt.Sprintf("%s The startup probe (%s) failed: %v. Logs: %s", google, p, err, log)
}

// pollEvery is how closely start-up is watched. Cloud Run looks once a period; locally nobody
// should wait ten seconds for a process that needs fifty milliseconds, so the probe looks more
// often within the same total time.
const pollEvery = 25 * time.Millisecond

// budget is how long an instance may take to pass p for the first time.
func (p Probe) budget() time.Duration {
	return p.InitialDelay + max(p.Period, p.Timeout)*time.Duration(max(p.Failures, 1))
}

// prober never keeps connections: a probe must not hold a place in the instance.
var prober = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// check asks once.
func (p Probe) check(ctx context.Context, port int) error {
	if p.Port != 0 {
		port = p.Port
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	if p.Service != nil {
		return askHealth(ctx, addr, *p.Service)
	}
	if p.Path == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("nothing listens there (here it is %d)", port)
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+p.Path, nil)
	if err != nil {
		return err
	}
	for k, v := range p.Header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "GoogleHC/1.0")
	resp, err := prober.Do(req)
	if err != nil {
		return fmt.Errorf("there is no answer (here the port is %d)", port)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("it answers %d", resp.StatusCode)
	}
	return nil
}

// untilHealthy polls p until it passes, its budget ends, or gone closes.
func (p Probe) untilHealthy(ctx context.Context, port int, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, p.budget())
	defer cancel()
	wait := max(p.InitialDelay, time.Millisecond)
	var last error
	for {
		select {
		case <-gone:
			return errExited
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return last
		case <-time.After(wait):
		}
		err := p.check(ctx, port)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		wait = pollEvery
	}
}

// untilUnhealthy returns once p fails Failures times in a row, or nil when ctx or gone ends first.
func (p Probe) untilUnhealthy(ctx context.Context, port int, gone <-chan struct{}) error {
	wait := max(p.InitialDelay, p.Period)
	for failed := 0; ; {
		select {
		case <-gone:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = p.Period
		err := p.check(ctx, port)
		switch {
		case err == nil:
			failed = 0
		case ctx.Err() != nil:
			return nil //nolint:nilerr // being stopped says nothing about its health
		default:
			if failed++; failed >= max(p.Failures, 1) {
				return err
			}
		}
	}
}

// watch tells about every change of what p says, until ctx or gone ends: unready after Failures in a
// row, ready after one success.
func (p Probe) watch(ctx context.Context, port int, gone <-chan struct{}, tell func(ok bool)) {
	for failed := 0; ; {
		err := p.check(ctx, port)
		switch {
		case err == nil:
			failed = 0
			tell(true)
		case ctx.Err() != nil:
			return
		default:
			if failed++; failed >= max(p.Failures, 1) {
				tell(false)
			}
		}
		select {
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-time.After(p.Period):
		}
	}
}

// askHealth asks gRPC's standard health service once.
func askHealth(ctx context.Context, addr, service string) error {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		return fmt.Errorf("there is no answer: %s", status.Convert(err).Message())
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it answers %s", answer.GetStatus())
	}
	return nil
}
