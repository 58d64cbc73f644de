package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

const (
	maxAnswer       = 8 << 20
	defaultPatience = 30 * time.Second
	firstPause      = 200 * time.Millisecond
	longestPause    = 5 * time.Second
	envelope        = "error"
)

// Client calls a runtime's control API. Errors that the runtime answers with, and those of the way
// there, are *Error; a runtime that cannot be reached is CodeUnavailable, never CodeNotFound.
type Client struct {
	endpoint string
	tokens   oauth2.TokenSource
	http     *http.Client
	agent    string
	patience time.Duration
	young    time.Time // until when its front door may not know of it
	create   bool      // a PUT is for what is not there yet
	match    string    // what a DELETE is for
}

// NewClient makes a client of the runtime at endpoint. Without a token source calls carry no
// token; a nil HTTP client means http.DefaultClient. Nothing is dialled before the first call.
func NewClient(endpoint string, tokens oauth2.TokenSource, client *http.Client) *Client {
	if client == nil {
		client = http.DefaultClient
	}
	own := *client
	// A runtime never redirects; whoever does must not see the token.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		endpoint: strings.TrimRight(endpoint, "/"),
		tokens:   tokens,
		http:     &own,
		agent:    "august-runtimeapi",
		patience: defaultPatience,
	}
}

// WithUserAgent is the client under another name.
func (c *Client) WithUserAgent(agent string) *Client {
	other := *c
	other.agent = agent
	return &other
}

// WithPatience is the client that keeps trying for so long, or until the context ends. Zero means
// one try.
func (c *Client) WithPatience(patience time.Duration) *Client {
	other := *c
	other.patience = patience
	return &other
}

// WithYoung is the client of a service that may have been made just now: until then, a 403 or 404 of its front door,
// which hears late of a service and of who may call it, is worth another try. The runtime's own are not.
func (c *Client) WithYoung(until time.Time) *Client {
	other := *c
	other.young = until
	return &other
}

// Info asks what is running.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return call[Info](ctx, c, http.MethodGet, PathInfo, nil)
}

// Catalog asks what the runtime's database is made of, for a policy to be held against.
func (c *Client) Catalog(ctx context.Context) (catalog.Catalog, error) {
	return call[catalog.Catalog](ctx, c, http.MethodGet, PathCatalog, nil)
}

// ListPipelines lists every pipeline of the runtime.
func (c *Client) ListPipelines(ctx context.Context) ([]Pipeline, error) {
	list, err := call[PipelineList](ctx, c, http.MethodGet, PathPipelines, nil)
	return list.Pipelines, err
}

// GetPipeline reads one pipeline.
func (c *Client) GetPipeline(ctx context.Context, name string) (Pipeline, error) {
	return call[Pipeline](ctx, c, http.MethodGet, pipelinePath(name), nil)
}

// PutPipeline declares a pipeline: creates it, or changes it when the spec differs.
func (c *Client) PutPipeline(ctx context.Context, name string, spec PipelineSpec) (Pipeline, error) {
	return call[Pipeline](ctx, c, http.MethodPut, pipelinePath(name), spec)
}

// CreatePipeline declares a pipeline that nobody has declared otherwise; CodeConflict says that somebody has.
func (c *Client) CreatePipeline(ctx context.Context, name string, spec PipelineSpec) (Pipeline, error) {
	own := *c
	own.create = true
	return own.PutPipeline(ctx, name, spec)
}

// DeletePipeline removes a pipeline. One that is already gone is CodeNotFound.
func (c *Client) DeletePipeline(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, pipelinePath(name), nil)
	return err
}

// Sync asks for a run now. A run that is already wanted or under way is returned as it is.
func (c *Client) Sync(ctx context.Context, name string, req SyncRequest) (Run, error) {
	return call[Run](ctx, c, http.MethodPost, pipelinePath(name)+VerbSync, req)
}

// Reconcile asks for a comparison with the source. One that is already wanted or under way, and repairs or does
// not repair alike, is returned as it is.
func (c *Client) Reconcile(ctx context.Context, name string, req ReconcileRequest) (Run, error) {
	return call[Run](ctx, c, http.MethodPost, pipelinePath(name)+VerbReconcile, req)
}

// GetRun reads one run of a pipeline: how far it is, and what a reconciliation has found.
func (c *Client) GetRun(ctx context.Context, name string, id int64) (Run, error) {
	return call[Run](ctx, c, http.MethodGet, pipelinePath(name)+PathRuns+"/"+strconv.FormatInt(id, 10), nil)
}

// Check asks what would be wrong with a declaration, and declares nothing.
func (c *Client) Check(ctx context.Context, name string, spec PipelineSpec) (Check, error) {
	return call[Check](ctx, c, http.MethodPost, pipelinePath(name)+VerbCheck, spec)
}

// Status says what a pipeline has achieved so far.
func (c *Client) Status(ctx context.Context, name string) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, pipelinePath(name)+PathStatus, nil)
}

// IsNotFound reports whether the runtime itself said that the thing does not exist.
func IsNotFound(err error) bool { return hasCode(err, CodeNotFound) }

// IsUnavailable reports whether the runtime could not be reached or could not serve.
func IsUnavailable(err error) bool { return hasCode(err, CodeUnavailable) }

func hasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

func pipelinePath(name string) string { return PathPipelines + "/" + url.PathEscape(name) }

// call makes one call, again and again while that can help.
func call[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return out, err
		}
	}
	// A caller that waits would hear of a failure only at its own deadline; ours is usually nearer.
	until := time.Now().Add(c.patience)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		again, err := c.once(ctx, method, path, payload, &out)
		if err == nil || !again {
			return out, err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // spreads retries; nothing hangs on its being hard to guess
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
			until = deadline
		}
		if time.Now().Add(wait).After(until) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, fmt.Errorf("%w; last try: %w", context.Cause(ctx), err)
		case <-time.After(wait):
		}
	}
}

// request is a call as it travels, with its token.
func (c *Client) request(ctx context.Context, method, path string, payload []byte) (*http.Request, error) {
	base, err := url.Parse(c.endpoint)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, &Error{Code: CodeInvalid, Field: "endpoint", Message: fmt.Sprintf("%q is no address of a runtime; give its URL, such as https://august-sync-….run.app", c.endpoint)}
	}
	if base.Scheme == "http" && c.tokens != nil && !loopback(base.Hostname()) {
		return nil, &Error{Code: CodeInvalid, Field: "endpoint", Message: "sends tokens in clear text; use https"}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.create {
		req.Header.Set(HeaderIfNoneMatch, "*")
	}
	if c.match != "" {
		req.Header.Set(HeaderIfMatch, IndexTag(c.match))
	}
	if c.tokens != nil {
		token, err := c.tokens.Token()
		if err != nil {
			return nil, &Error{Code: CodeUnauthenticated, Message: "no identity token could be had for the runtime: " + redact(err)}
		}
		token.SetAuthHeader(req)
		// A private Cloud Run service checks this header instead when it is there, and takes it away.
		// Without it, it would check Authorization and hand it on with its signature removed, and
		// the runtime could not check the token itself.
		req.Header.Set("X-Serverless-Authorization", req.Header.Get("Authorization"))
	}
	return req, nil
}

// once makes one try and says whether another may help and is safe.
func (c *Client) once(ctx context.Context, method, path string, payload []byte, out any) (again bool, err error) {
	req, err := c.request(ctx, method, path, payload)
	if err != nil {
		return false, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return false, fmt.Errorf("%w: %w", c.unreachable(err), context.Cause(ctx))
		}
		return method != http.MethodPost || errors.Is(err, syscall.ECONNREFUSED), c.unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return method != http.MethodPost, c.unreachable(err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		if len(answer) == 0 || res.StatusCode == http.StatusNoContent {
			return false, nil
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return false, &Error{Code: CodeUnavailable, Message: fmt.Sprintf("%s does not answer as a sync runtime; check the endpoint", c.endpoint)}
		}
		return false, nil
	}
	failure := c.failure(res.StatusCode, answer)
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		// The runtime's own "unavailable" comes before it does anything, a proxy's may come after.
		return method != http.MethodPost || failure.own, failure.err
	case http.StatusTooManyRequests: // Cloud Run has no instance free; the request went nowhere
		return true, failure.err
	case http.StatusForbidden, http.StatusNotFound:
		return !failure.own && time.Now().Before(c.young), failure.err
	default:
		return false, failure.err
	}
}

type failure struct {
	err error
	own bool // answered by the runtime, not by something in front of it
}

// failure reads an answer that is no success. A status without the runtime's own error body comes
// from something in front of it, and says nothing about the thing asked for.
func (c *Client) failure(status int, answer []byte) failure {
	var body map[string]*Error
	if json.Unmarshal(answer, &body) == nil && body[envelope] != nil && body[envelope].Code != "" {
		return failure{err: body[envelope], own: true}
	}
	e := &Error{Code: CodeUnavailable}
	switch {
	case status == http.StatusUnauthorized:
		e.Code, e.Message = CodeUnauthenticated, "the service's front door refused the identity token; check the audience"
	case status == http.StatusForbidden:
		e.Code, e.Message = CodeDenied, "the service's front door refused the caller; grant it roles/run.invoker"
	case status == http.StatusNotFound:
		e.Message = fmt.Sprintf("no sync runtime answers at %s; check the endpoint and that the service is deployed", c.endpoint)
	case status >= 300 && status < 400:
		e.Message = fmt.Sprintf("%s redirects elsewhere; give the runtime's own URL", c.endpoint)
	default:
		e.Message = fmt.Sprintf("%s answered %d %s", c.endpoint, status, http.StatusText(status))
	}
	return failure{err: e}
}

func (c *Client) unreachable(err error) error {
	var dns *net.DNSError
	hint := "check that the service is running and reachable from here"
	if errors.As(err, &dns) {
		hint = "check the endpoint's host name"
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("the runtime at %s cannot be reached (%s); %s", c.endpoint, redact(err), hint)}
}

var tokenForm = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}|ya29\.[A-Za-z0-9_-]+`)

// redact is the error's text without anything that looks like a token.
func redact(err error) string { return tokenForm.ReplaceAllString(err.Error(), "[redacted]") }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
