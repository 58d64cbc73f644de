// Package drchrono is a client of the DrChrono API: tokens, paging, the asynchronous bulk lists, and
// a call budget shared by every process of an application.
package drchrono

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// DefaultURL is DrChrono's own address.
const DefaultURL = "https://app.drchrono.com"

// Slot is a reserved call.
type Slot struct {
	Wait time.Duration // how long to wait before the call
	At   time.Time     // when that will be, by the ledger's clock
	Left int           // calls of the hour that calls of its class may still make after it
}

// Ledger is an application's call budget, shared by all its processes.
type Ledger interface {
	// Reserve books the next call that the class may have; when calls wait, those of a more urgent class
	// go first. When the budget is spent for longer than maxWait it books nothing and returns an *Error
	// of kind Throttled.
	Reserve(ctx context.Context, application string, class Class, maxWait time.Duration) (Slot, error)
	// Pause stops all calls of the application for d.
	Pause(ctx context.Context, application string, d time.Duration) error
}

// Credential is what the secret drchrono-oauth holds.
type Credential struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"` // seeds the vault; DrChrono may rotate it later
}

// Config is what a Client needs.
type Config struct {
	BaseURL    string // default DefaultURL
	Credential Credential
	Ledger     Ledger
	Vault      Vault
	Transport  http.RoundTripper // default: a clone of net/http's
	Log        *slog.Logger      // default: discards
	Meter      metric.Meter      // default: discards

	PerSecond int // calls that may leave this process in any second, whatever the ledger says; default 9

	Timeout time.Duration // of one call; default 60 s, as large lists are slow
	MaxWait time.Duration // longest wait for the budget inside a call; default 15 s
	Backoff time.Duration // before the first retry, doubled for each that follows; default 1 s
	Poll    time.Duration // the shortest wait before a look at a bulk result; the client learns how long it takes; default 1 s
}

// Client reads one practice's data through one API application. It is safe for concurrent use.
type Client struct {
	cfg   Config
	base  *url.URL
	http  *resty.Client
	pace  pacer
	calls metric.Int64Counter
	waits metric.Float64Histogram

	tempos sync.Map     // path of a bulk list → *tempo
	left   atomic.Int64 // calls of the hour that were left to the newest one's class

	mu    sync.Mutex // guards token, and makes refreshes single-flight in this process
	token Token
}

// tries is how often a call is made before its failure counts.
const tries = 5

// New prepares a client. It does not connect.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultURL
	}
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, errors.New("drchrono: the base URL must be absolute, such as " + DefaultURL)
	}
	if cfg.Credential.ClientID == "" || cfg.Credential.ClientSecret == "" || cfg.Credential.RefreshToken == "" {
		return nil, errors.New(`drchrono: the OAuth secret must be JSON with "client_id", "client_secret" and "refresh_token"`)
	}
	if cfg.Ledger == nil || cfg.Vault == nil {
		return nil, errors.New("drchrono: a ledger and a vault are needed")
	}
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16
		cfg.Transport = t
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Meter == nil {
		cfg.Meter = noop.Meter{}
	}
	cfg.Timeout = orDefault(cfg.Timeout, 60*time.Second)
	cfg.MaxWait = orDefault(cfg.MaxWait, 15*time.Second)
	cfg.Backoff = orDefault(cfg.Backoff, time.Second)
	cfg.Poll = orDefault(cfg.Poll, time.Second)
	if cfg.PerSecond <= 0 {
		cfg.PerSecond = 9
	}
	c := &Client{cfg: cfg, base: base, pace: pacer{last: make([]time.Time, cfg.PerSecond)}}
	if c.calls, err = cfg.Meter.Int64Counter("august.drchrono.calls", metric.WithDescription("Calls to DrChrono, by endpoint and status.")); err != nil {
		return nil, fmt.Errorf("make a metric: %w", err)
	}
	if c.waits, err = cfg.Meter.Float64Histogram("august.drchrono.throttle.wait", metric.WithUnit("s"), metric.WithDescription("Time that calls waited for the shared budget.")); err != nil {
		return nil, fmt.Errorf("make a metric: %w", err)
	}
	c.http = resty.NewWithClient(&http.Client{Transport: cfg.Transport}).
		SetTimeout(cfg.Timeout).
		SetResponseBodyLimit(256<<20).
		SetHeader("Accept", "application/json").
		SetHeader("X-DRC-API-Version", "v4").
		SetLogger(silent{}). // resty's own log lines hold URLs
		SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }))
	return c, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// silent drops what resty would log.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// request is one call and how its answer is taken.
type request struct {
	method   string
	url      string
	endpoint string // for errors and metrics: method and path without ids

	// accept takes a success's body; its error makes the answer malformed, which is retried.
	accept func(body []byte) error
	// settle, when set, sees the answers that are no success, and true ends the call without a retry.
	settle func(status int, body []byte) bool
}

// do makes a call: token, budget, redirects, retries. It returns the moment, by the ledger's clock,
// that the successful attempt was made.
func (c *Client) do(ctx context.Context, r request) (time.Time, error) {
	refused, redirects, paused := 0, 0, 0
	var waited string // the token that was given a moment
	token, err := c.tokenFor(ctx, "")
	if err != nil {
		return time.Time{}, err
	}
	for attempt := 1; ; {
		at, err := c.wait(ctx)
		if err != nil {
			return time.Time{}, err
		}
		sent := time.Now()
		resp, err := c.http.R().SetContext(ctx).SetAuthToken(token).Execute(r.method, r.url)
		if err != nil {
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err()
			}
			c.count(ctx, r.endpoint, 0)
			if attempt++; attempt > tries {
				return time.Time{}, transport(r.endpoint, err)
			}
			if err := c.backoff(ctx, attempt); err != nil {
				return time.Time{}, err
			}
			continue
		}
		status, body := resp.StatusCode(), resp.Body()
		c.count(ctx, r.endpoint, status)
		switch {
		case status >= 200 && status < 300:
			err := malformedHTML(resp.Header())
			if err == nil {
				err = r.accept(body)
			}
			if err == nil {
				return at, nil
			}
			if attempt++; attempt > tries {
				return time.Time{}, &Error{Kind: Malformed, Endpoint: r.endpoint, Status: status, Detail: err.Error()}
			}

		case status >= 300 && status < 400:
			// net/http would turn a redirected POST into a GET: replay it by hand, on the same host only.
			if redirects++; redirects > 3 {
				return time.Time{}, &Error{Kind: Malformed, Endpoint: r.endpoint, Status: status, Detail: "redirected again and again"}
			}
			if r.url, err = c.sameOrigin(resp.Header().Get("Location"), r.url); err != nil {
				return time.Time{}, &Error{Kind: Malformed, Endpoint: r.endpoint, Status: status, Detail: "redirect: " + err.Error()}
			}
			continue

		case status == http.StatusUnauthorized:
			// A refresh elsewhere kills the token in use. One that was just minted may need a moment, and to replace it would kill it
			// for all who wait for it.
			if token != waited && (refused > 0 || c.young(token, sent)) {
				waited = token
				if err := sleep(ctx, c.youth()); err != nil {
					return time.Time{}, err
				}
				continue
			}
			if refused++; refused > 1 {
				return time.Time{}, ofStatus(r.endpoint, status)
			}
			if token, err = c.tokenFor(ctx, token); err != nil {
				return time.Time{}, err
			}
			continue

		case status == http.StatusTooManyRequests:
			pause := throttlePause(body, resp.Header(), paused)
			c.cfg.Log.WarnContext(ctx, "drchrono throttles", "endpoint", r.endpoint, "pause_seconds", pause.Seconds())
			if err := c.cfg.Ledger.Pause(ctx, c.cfg.Credential.ClientID, pause); err != nil {
				return time.Time{}, err
			}
			if paused++; paused >= tries {
				return time.Time{}, &Error{Kind: Throttled, Endpoint: r.endpoint, Status: status, Until: time.Now().Add(pause)}
			}
			continue // the ledger knows how long, and whether that is worth waiting for

		case r.settle != nil && r.settle(status, body):
			return at, nil

		case status >= 500:
			if attempt++; attempt > tries {
				return time.Time{}, ofStatus(r.endpoint, status)
			}

		default:
			return time.Time{}, ofStatus(r.endpoint, status)
		}
		if err := c.backoff(ctx, attempt); err != nil {
			return time.Time{}, err
		}
	}
}

// wait takes a call from the budget and waits for its turn.
func (c *Client) wait(ctx context.Context) (time.Time, error) {
	slot, err := c.cfg.Ledger.Reserve(ctx, c.cfg.Credential.ClientID, ClassOf(ctx), c.cfg.MaxWait)
	if err != nil {
		return time.Time{}, err
	}
	c.left.Store(int64(slot.Left))
	c.waits.Record(ctx, slot.Wait.Seconds())
	if err := sleep(ctx, slot.Wait); err != nil {
		return time.Time{}, err
	}
	return slot.At, c.pace.wait(ctx)
}

// Left is about how many calls the hour still holds, as the newest call was told.
func (c *Client) Left() int { return int(c.left.Load()) }

func (c *Client) count(ctx context.Context, endpoint string, status int) {
	c.calls.Add(ctx, 1, metric.WithAttributes(attribute.String("endpoint", endpoint), attribute.Int("status", status)))
}

// backoff waits before attempt number n, the longer the higher, with jitter so that fetchers that
// failed together do not come back together.
func (c *Client) backoff(ctx context.Context, n int) error {
	d := c.cfg.Backoff << (n - 2)
	return sleep(ctx, d/2+rand.N(d)) //nolint:gosec // jitter is no secret
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
