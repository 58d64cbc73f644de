package runner

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A Probe is one health check of an instance. Exactly one of HTTP and TCP is meant: HTTP when Path
// is set.
type Probe struct {
	Path         string // HTTP GET; "" = TCP connect
	Header       http.Header
	Port         int // 0 = the instance's own PORT
	InitialDelay time.Duration
	Timeout      time.Duration
	Period       time.Duration
	Failures     int // that many in a row mean unhealthy
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
	if p.Path == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("nothing listens on PORT=%d", port)
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
		return fmt.Errorf("GET %s on PORT=%d has no answer", p.Path, port)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("GET %s answers %d", p.Path, resp.StatusCode)
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
