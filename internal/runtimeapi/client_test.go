package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const testToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"

// setup serves the answers one after another; the last one stays.
func setup(t *testing.T, answers ...http.HandlerFunc) (*Client, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	tokens := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})
	return NewClient(server.URL, tokens, server.Client()), &calls
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func TestClient_calls(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testToken || r.Header.Get("User-Agent") != "august-test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.Method + " " + r.URL.Path {
		case "GET /v1/info":
			answer(200, `{"version":"1.2.3","schema_version":4,"later":"field"}`)(w, r)
		case "GET /v1/pipelines":
			answer(200, `{"pipelines":[{"name":"billing"}]}`)(w, r)
		case "PUT /v1/pipelines/taken":
			if r.Header.Get(HeaderIfNoneMatch) == "*" {
				answer(409, `{"error":{"code":"conflict","message":"declared otherwise"}}`)(w, r)
				return
			}
			answer(200, `{"name":"taken"}`)(w, r)
		case "GET /v1/pipelines/billing", "PUT /v1/pipelines/billing":
			answer(200, `{"name":"billing","generation":2}`)(w, r)
		case "POST /v1/pipelines/billing:sync":
			answer(202, `{"id":7,"state":"pending"}`)(w, r)
		case "GET /v1/pipelines/billing/status":
			answer(200, `{"pipeline":"billing","claims":{"paid":3}}`)(w, r)
		case "DELETE /v1/pipelines/billing":
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(404, `{"error":{"code":"not_found","message":"no pipeline"}}`)(w, r)
		}
	})
	c = c.WithUserAgent("august-test")
	ctx := t.Context()
	if info, err := c.Info(ctx); err != nil || info.SchemaVersion != 4 {
		t.Errorf("Info: %+v, %v", info, err)
	}
	if list, err := c.ListPipelines(ctx); err != nil || len(list) != 1 {
		t.Errorf("ListPipelines: %+v, %v", list, err)
	}
	if p, err := c.PutPipeline(ctx, "billing", validSpec()); err != nil || p.Generation != 2 {
		t.Errorf("PutPipeline: %+v, %v", p, err)
	}
	if _, err := c.CreatePipeline(ctx, "taken", validSpec()); !hasCode(err, CodeConflict) {
		t.Errorf("CreatePipeline of one that is there: %v", err)
	}
	if _, err := c.PutPipeline(ctx, "taken", validSpec()); err != nil {
		t.Errorf("PutPipeline of one that is there: %v", err)
	}
	if r, err := c.Sync(ctx, "billing", SyncRequest{Full: true}); err != nil || r.ID != 7 {
		t.Errorf("Sync: %+v, %v", r, err)
	}
	if s, err := c.Status(ctx, "billing"); err != nil || s.Claims["paid"] != 3 {
		t.Errorf("Status: %+v, %v", s, err)
	}
	if err := c.DeletePipeline(ctx, "billing"); err != nil {
		t.Errorf("DeletePipeline: %v", err)
	}
	if _, err := c.GetPipeline(ctx, "labs"); !IsNotFound(err) {
		t.Errorf("GetPipeline of none: %v", err)
	}
}

func TestClient_typedError(t *testing.T) {
	t.Parallel()
	c, calls := setup(t, answer(400, `{"error":{"code":"invalid_argument","message":"no","field":"coda_views[0].table_id"}}`))
	_, err := c.PutPipeline(t.Context(), "billing", PipelineSpec{})
	var e *Error
	if !errors.As(err, &e) || e.Field != "coda_views[0].table_id" || calls.Load() != 1 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

func TestClient_retriesUntilReady(t *testing.T) {
	t.Parallel()
	c, calls := setup(t, answer(503, `{"error":{"code":"unavailable","message":"database"}}`), answer(502, "<html>"), answer(200, `{"version":"x"}`))
	if info, err := c.Info(t.Context()); err != nil || info.Version != "x" || calls.Load() != 3 {
		t.Errorf("got %+v, %v after %d calls", info, err, calls.Load())
	}
}

func TestClient_doesNotRepeatWhatMayHaveHappened(t *testing.T) {
	t.Parallel()
	c, calls := setup(t, answer(502, "bad gateway"))
	if _, err := c.Sync(t.Context(), "billing", SyncRequest{}); !IsUnavailable(err) || calls.Load() != 1 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

func TestClient_frontDoor(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{401: CodeUnauthenticated, 403: CodeDenied, 404: CodeUnavailable, 302: CodeUnavailable, 500: CodeUnavailable} {
		c, _ := setup(t, answer(status, "<html>not ours</html>"))
		if _, err := c.GetPipeline(t.Context(), "billing"); !hasCode(err, code) {
			t.Errorf("%d without our envelope is %v, want %s", status, err, code)
		}
	}
	c, _ := setup(t, answer(200, "<html>welcome</html>"))
	if _, err := c.Info(t.Context()); !IsUnavailable(err) {
		t.Errorf("a web page was taken for a runtime: %v", err)
	}
}

// A service answers to everybody a while after it was made, and to nobody before; what the runtime itself says holds at once.
func TestClient_youngService(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Minute)
	late := []http.HandlerFunc{answer(404, "<html>"), answer(403, "<html>"), answer(200, `{"name":"billing"}`)}
	c, calls := setup(t, late...)
	if p, err := c.WithYoung(soon).GetPipeline(t.Context(), "billing"); err != nil || p.Name != "billing" || calls.Load() != 3 {
		t.Errorf("got %+v, %v after %d calls", p, err, calls.Load())
	}
	c, calls = setup(t, late...)
	if _, err := c.WithYoung(time.Now()).GetPipeline(t.Context(), "billing"); !IsUnavailable(err) || calls.Load() != 1 {
		t.Errorf("no longer young: %v after %d calls", err, calls.Load())
	}
	c, calls = setup(t, answer(404, `{"error":{"code":"not_found","message":"no pipeline"}}`))
	if _, err := c.WithYoung(soon).GetPipeline(t.Context(), "billing"); !IsNotFound(err) || calls.Load() != 1 {
		t.Errorf("the runtime's own word: %v after %d calls", err, calls.Load())
	}
}

func TestClient_refusedConnection(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	c := NewClient("http://"+address, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken}), nil)
	if _, err := c.WithPatience(0).Info(t.Context()); !IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := c.Sync(ctx, "billing", SyncRequest{}); !IsUnavailable(err) {
		t.Errorf("bounded by its context: %v", err)
	}
}

type brokenTokens struct{}

func (brokenTokens) Token() (*oauth2.Token, error) {
	return nil, errors.New("metadata server said " + testToken)
}

func TestClient_tokensStayIn(t *testing.T) {
	t.Parallel()
	var errs []error
	_, err := NewClient("http://127.0.0.1:1", brokenTokens{}, nil).Info(t.Context())
	errs = append(errs, err)
	leaky := NewClient("http://runtime.example.test", brokenTokens{}, nil)
	_, err = leaky.Info(t.Context())
	errs = append(errs, err)
	c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	})
	_, err = c.Info(t.Context())
	errs = append(errs, err)
	for _, err := range errs {
		if err == nil || strings.Contains(err.Error(), "eyJ") {
			t.Errorf("leaks or succeeds: %v", err)
		}
	}
	if !strings.Contains(errs[1].Error(), "https") {
		t.Errorf("clear text to a remote host: %v", errs[1])
	}
}
