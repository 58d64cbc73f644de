package drchrono_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 14, 59, 30, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is a sandbox over a small practice, with a good access token.
type rig struct {
	t      *testing.T
	clock  *clock
	clinic *clinic.Clinic
	server *drchrono.Server
	http   *httptest.Server
	token  string
}

func newRig(t *testing.T, change ...func(*drchrono.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: newClock(), token: "test-access"}
	r.clinic = clinic.New(clinic.Size{Patients: 60, Today: r.clock.now(), Clock: r.clock.now}, 1)
	o := drchrono.Options{Clock: r.clock.now, Apps: []drchrono.App{{
		ClientID: "app", ClientSecret: "secret", Clinic: r.clinic, RefreshToken: "test-refresh", AccessToken: r.token,
	}}}
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.server, err = drchrono.New(o); err != nil {
		t.Fatal(err)
	}
	r.server.Set(func(s *drchrono.Settings) { s.PerHour, s.PerSecond = 0, 0 })
	r.http = httptest.NewServer(r.server)
	t.Cleanup(r.http.Close)
	return r
}

// do makes a call and returns status and body; path may be absolute.
func (r *rig) do(method, path string, form url.Values) (int, http.Header, []byte) {
	r.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = r.http.URL + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, out
}

// get makes a call that must answer the status, and decodes the JSON object.
func (r *rig) get(path string, status int) map[string]any {
	r.t.Helper()
	return r.json(http.MethodGet, path, nil, status)
}

func (r *rig) json(method, path string, form url.Values, status int) map[string]any {
	r.t.Helper()
	got, _, body := r.do(method, path, form)
	if got != status {
		r.t.Fatalf("%s %s: got %d, want %d: %.300s", method, path, got, status, body)
	}
	out := map[string]any{}
	if err := json.Unmarshal(body, &out); err != nil {
		r.t.Fatalf("%s %s: %v in %.300s", method, path, err, body)
	}
	return out
}

// all follows a list to its end.
func (r *rig) all(path string) []map[string]any {
	r.t.Helper()
	var out []map[string]any
	for pages := 0; ; pages++ {
		page := r.get(path, http.StatusOK)
		for _, o := range page["results"].([]any) {
			out = append(out, o.(map[string]any))
		}
		next, ok := page["next"].(string)
		if !ok {
			return out
		}
		if path = next; pages > 10_000 {
			r.t.Fatal("the list has no end")
		}
	}
}

// bulk runs one bulk request to its end.
func (r *rig) bulk(path string) map[string]any {
	r.t.Helper()
	id := r.json(http.MethodPost, path, nil, http.StatusCreated)["uuid"].(string)
	name, _, _ := strings.Cut(path, "?")
	for range 10 {
		got := r.get(name+"?uuid="+id, http.StatusOK)
		if got["status"] != "In progress" {
			return got
		}
	}
	r.t.Fatal("never complete")
	return nil
}
