package runtimeapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestClient_ready(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // of the error
	}{
		{"ready", answer(200, `{"status":"ready"}`), ""},
		{"only receiving", answer(200, `{"status":"receiving","reason":"unreachable"}`), "200, receiving, unreachable"},
		{"not ready", answer(503, `{"status":"not ready","reason":"starting"}`), "503, not ready, starting"},
		{"a proxy", answer(503, `upstream connect error`), "503 Service Unavailable"},
		{"a front door", answer(403, `<html>Forbidden</html>`), "403 Forbidden: the service's front door refused the caller; grant it roles/run.invoker"},
		{"another front door", answer(401, ``), "check the audience"},
		{"ready, and an error", answer(500, `{"status":"ready"}`), "500, ready"},
		{"no runtime", answer(200, `hello`), "200 OK"},
	} {
		c, calls := setup(t, tt.answer)
		err := c.Ready(t.Context())
		if (tt.want == "") != (err == nil) || (err != nil && (!strings.Contains(err.Error(), tt.want) || !IsUnavailable(err))) || calls.Load() != 1 {
			t.Errorf("%s: %v after %d calls", tt.name, err, calls.Load())
		}
	}
}

func TestClient_refuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		401: "", 403: "", 200: CodeInvalid, 202: CodeInvalid, 404: CodeInvalid, 429: CodeUnavailable, 503: CodeUnavailable, 500: CodeUnavailable, 301: CodeUnavailable,
	} {
		c, _ := setup(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != PathWebhook || r.Header.Get("X-Serverless-Authorization") != "Bearer "+testToken {
				status = http.StatusTeapot
			}
			w.WriteHeader(status)
		})
		err := c.Refuses(t.Context())
		if (want == "") != (err == nil) || (err != nil && !hasCode(err, want)) {
			t.Errorf("%d: %v, want %q", status, err, want)
		}
	}
	c, calls := setup(t, answer(401, ""))
	c.endpoint = "http://example.test" // in clear text
	if err := c.Refuses(t.Context()); !hasCode(err, CodeInvalid) || calls.Load() > 0 {
		t.Errorf("a token would be sent in clear text: %v", err)
	}
}
