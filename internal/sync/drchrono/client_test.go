package drchrono_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// ledger is a budget without end that remembers pauses.
type ledger struct {
	mu     sync.Mutex
	calls  int
	pauses []time.Duration
}

func (l *ledger) Reserve(context.Context, string, drchrono.Class, time.Duration) (drchrono.Slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	for _, p := range l.pauses {
		if p > time.Second {
			return drchrono.Slot{}, &drchrono.Error{Kind: drchrono.Throttled, Until: time.Now().Add(p)}
		}
	}
	return drchrono.Slot{At: time.Now()}, nil
}

func (l *ledger) Pause(_ context.Context, _ string, d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pauses = append(l.pauses, d)
	return nil
}

// vault holds one token in memory.
type vault struct{ token drchrono.Token }

func (v *vault) Token(context.Context, string, string) (drchrono.Token, error) { return v.token, nil }

func (v *vault) Refresh(ctx context.Context, _, _, _ string, mint func(context.Context, string) (drchrono.Token, error)) (drchrono.Token, error) {
	t, err := mint(ctx, v.token.Refresh)
	if err == nil {
		v.token = t
	}
	return t, err
}

// serve makes a client of a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) (*drchrono.Client, *ledger) {
	t.Helper()
	return serveAt(t, time.Millisecond, h)
}

// serveAt is serve with another pause before what failed is tried again.
func serveAt(t *testing.T, backoff time.Duration, h http.HandlerFunc) (*drchrono.Client, *ledger) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	l := &ledger{}
	c, err := drchrono.New(drchrono.Config{BaseURL: srv.URL, Credential: drchrono.Credential{ClientID: "app", ClientSecret: "hush", RefreshToken: "seed"},
		Ledger: l, Vault: &vault{drchrono.Token{Access: "token", Refresh: "seed"}}, PerSecond: 1000, Backoff: backoff, Poll: time.Millisecond, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c, l
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

func TestListFollowsOnlyItsOwnHost(t *testing.T) {
	for next, want := range map[string]string{
		"http://evil.test/api/x?cursor=1": "leads to another host",
		"https://%s/api/x?cursor=1":       "leads to another host", // another scheme
		"http://%s/api/x?cursor=1&a=b":    "",
	} {
		var seen []string
		c, _ := serve(t, func(w http.ResponseWriter, q *http.Request) {
			seen = append(seen, q.URL.RequestURI())
			n := next
			if strings.Contains(n, "%s") {
				n = fmt.Sprintf(n, q.Host)
			}
			if q.URL.Query().Has("cursor") {
				answer(w, 200, `{"results":[{"id":2}],"next":null}`)
				return
			}
			answer(w, 200, fmt.Sprintf(`{"results":[{"id":1}],"next":%q}`, n))
		})
		page, err := c.List(t.Context(), "/api/x", url.Values{"since": {"2026-01-01"}}, "")
		if want != "" {
			if drchrono.KindOf(err) != drchrono.Malformed || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", next, err)
			}
			continue
		}
		if err != nil || page.Next != "/api/x?cursor=1&a=b" {
			t.Fatalf("%+v, %v", page, err)
		}
		if page, err = c.List(t.Context(), "/api/x", nil, page.Next); err != nil || page.Next != "" || len(page.Rows) != 1 {
			t.Errorf("%+v, %v", page, err)
		}
		if seen[1] != "/api/x?cursor=1&a=b" { // verbatim
			t.Errorf("asked for %v", seen)
		}
	}
}

func TestListWithoutRowsIsNotAnEmptyList(t *testing.T) {
	for _, body := range []string{`{}`, `{"results":null}`, `[]`, `{"detail":"x"}`, ``, `{"results":[`} {
		c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, body) })
		if _, err := c.List(t.Context(), "/api/x", nil, ""); drchrono.KindOf(err) != drchrono.Malformed {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRedirectsAreReplayedOnTheSameHostOnly(t *testing.T) {
	var methods []string
	c, l := serve(t, func(w http.ResponseWriter, q *http.Request) {
		methods = append(methods, q.Method+" "+q.URL.Path+" "+q.Header.Get("Authorization"))
		switch q.URL.Path {
		case "/api/x_list":
			http.Redirect(w, q, "/api/moved_list?"+q.URL.RawQuery, http.StatusFound)
		case "/api/moved_list":
			answer(w, 201, `{"results":[{"id":1}]}`)
		case "/api/users/current":
			http.Redirect(w, q, "https://evil.test/api/users/1", http.StatusFound)
		}
	})
	if page, err := c.Bulk(t.Context(), "/api/x_list", nil, 1); err != nil || len(page.Rows) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if len(methods) != 2 || methods[1] != "POST /api/moved_list Bearer token" || l.calls != 2 {
		t.Errorf("%v, %d calls booked", methods, l.calls)
	}
	if _, err := c.List(t.Context(), "/api/users/current", nil, ""); drchrono.KindOf(err) != drchrono.Malformed {
		t.Errorf("error %v", err)
	}
}

func TestThrottlePausesTheApplication(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"detail":"Request was throttled. Expected available in 2295.0 seconds."}`:  2295 * time.Second,
		`{"detail":"Request was throttled. Expected available in 1 second."}`:        time.Second,
		`{"detail":"Request was throttled. Expected available in 9000000 seconds."}`: time.Hour + time.Minute, // there is no such budget
		`<html>`: time.Minute,
	} {
		n := 0
		c, l := serve(t, func(w http.ResponseWriter, _ *http.Request) { n++; answer(w, 429, body) })
		_, err := c.List(t.Context(), "/api/x", nil, "")
		var e *drchrono.Error
		if !errors.As(err, &e) || e.Kind != drchrono.Throttled || e.Until.Before(time.Now().Add(want-time.Second)) {
			t.Errorf("%s: %v", body, err)
		}
		if n != 1 || len(l.pauses) != 1 || l.pauses[0] < want || l.pauses[0] > want+time.Second {
			t.Errorf("%s: %d calls, pauses %v", body, n, l.pauses)
		}
	}
}

func TestErrorsHoldNoValues(t *testing.T) {
	const secret = "Patientova"
	for name, h := range map[string]http.HandlerFunc{
		"400":     func(w http.ResponseWriter, _ *http.Request) { answer(w, 400, `{"since":["`+secret+`"]}`) },
		"403":     func(w http.ResponseWriter, _ *http.Request) { answer(w, 403, `{"detail":"`+secret+`"}`) },
		"500":     func(w http.ResponseWriter, _ *http.Request) { answer(w, 500, secret) },
		"200":     func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"results":"`+secret+`"}`) },
		"cut":     func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"results":[{"n":"`+secret) },
		"dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"garbled": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = fmt.Fprint(conn, secret+" as a status line\r\n\r\n")
				_ = conn.Close()
			}
		},
		"302": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://"+secret+".test/", http.StatusFound)
		},
	} {
		c, _ := serve(t, h)
		for i, call := range []func() error{
			func() error {
				_, err := c.List(t.Context(), "/api/x", url.Values{"last_name": {secret}}, "")
				return err
			},
			func() error {
				_, err := c.Bulk(t.Context(), "/api/x_list", url.Values{"last_name": {secret}}, 1)
				return err
			},
			func() error { _, _, err := c.Get(t.Context(), "/api/x", secret); return err },
		} {
			err := call()
			if name == "200" && i == 2 { // any object will do for a read by id
				continue
			}
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestRefusedTokens(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		grant  bool
	}{
		"grant":  {400, `{"error":"invalid_grant"}`, true},
		"client": {401, `{"error":"invalid_client"}`, false},
	} {
		refreshes := 0
		client, _ := serve(t, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/o/token/" {
				refreshes++
				if err := q.ParseForm(); err != nil || q.PostForm.Get("refresh_token") != "seed" || q.PostForm.Get("client_secret") != "hush" || q.PostForm.Get("grant_type") != "refresh_token" {
					t.Errorf("form %v", q.PostForm)
				}
				answer(w, c.status, c.body)
				return
			}
			answer(w, 401, `{"detail":"Invalid token."}`)
		})
		_, err := client.List(t.Context(), "/api/x", nil, "")
		if drchrono.KindOf(err) != drchrono.Unauthorized || errors.Is(err, drchrono.ErrGrant) != c.grant || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
		if refreshes != 1 {
			t.Errorf("%s: %d refreshes", name, refreshes)
		}
	}
}

func TestBulkSubmitsAnewWhenItsResultExpires(t *testing.T) {
	for name, gone := range map[string]func(http.ResponseWriter){
		"404":            func(w http.ResponseWriter) { answer(w, 404, `{"detail":"Invalid uuid specified"}`) },
		"400":            func(w http.ResponseWriter) { answer(w, 400, `{"detail":"Invalid uuid specified"}`) },
		"500":            func(w http.ResponseWriter) { answer(w, 500, `{"status":"Error","uuid":"u","detail":"again"}`) },
		"canceled":       func(w http.ResponseWriter) { answer(w, 200, `{"status":"Canceled","uuid":"u"}`) },
		"without a list": func(w http.ResponseWriter) { answer(w, 200, `{"status":"Complete","uuid":"u"}`) },
	} {
		posts := 0
		c, _ := serve(t, func(w http.ResponseWriter, q *http.Request) {
			switch {
			case q.Method == http.MethodPost:
				posts++
				answer(w, 201, `{"status":"In progress","uuid":"u"}`)
			case posts == 1:
				gone(w)
			default:
				answer(w, 200, `{"status":"completed","uuid":"u","pagination":{"count":1,"pages":1},"results":[{"id":1}]}`)
			}
		})
		page, err := c.Bulk(t.Context(), "/api/x_list", nil, 1)
		if err != nil || posts != 2 || page.Total != 1 || page.Pages != 1 || len(page.Rows) != 1 {
			t.Errorf("%s: %+v, %v after %d posts", name, page, err, posts)
		}
	}
}

func TestCancelledCallsEndAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := serve(t, func(_ http.ResponseWriter, q *http.Request) { cancel(); <-q.Context().Done() })
	if _, err := c.List(ctx, "/api/x", nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A token that the source does not know yet is waited for by whoever has it: a call that begins with it must not replace it.
func TestAYoungTokenIsNotReplaced(t *testing.T) {
	t.Parallel()
	var mints, refusals atomic.Int64
	arrived, done := make(chan struct{}), make(chan error, 1)
	var c *drchrono.Client
	c, _ = serveAt(t, time.Second, func(w http.ResponseWriter, q *http.Request) {
		switch {
		case q.URL.Path == "/o/token/":
			answer(w, 200, fmt.Sprintf(`{"access_token":"minted %d","refresh_token":"next"}`, mints.Add(1)))
			return
		case q.Header.Get("Authorization") == "Bearer minted 1":
			switch refusals.Add(1) {
			case 1: // a call that begins now has the new token from the first
				go func() {
					_, err := c.List(t.Context(), "/api/x", nil, "")
					done <- err
				}()
				<-arrived
			case 2:
				close(arrived)
			default:
				answer(w, 200, `{"results":[{"id":1}],"next":null}`)
				return
			}
		}
		answer(w, 401, `{"detail":"Invalid token."}`)
	})
	_, err := c.List(t.Context(), "/api/x", nil, "")
	if beside := <-done; err != nil || beside != nil || mints.Load() != 1 {
		t.Errorf("%v and %v with %d tokens", err, beside, mints.Load())
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := drchrono.Credential{ClientID: "a", ClientSecret: "b", RefreshToken: "c"}
	for _, cfg := range []drchrono.Config{
		{Credential: good}, {BaseURL: "app.drchrono.com", Credential: good, Ledger: &ledger{}, Vault: &vault{}},
		{Credential: drchrono.Credential{ClientID: "a"}, Ledger: &ledger{}, Vault: &vault{}},
	} {
		if _, err := drchrono.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
