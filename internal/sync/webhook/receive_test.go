package webhook

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	large := strings.Repeat("x", mostBody)
	for _, c := range []struct {
		what, secret, event, body string
		status                    int
		outcome, label            string
		stored                    bool
	}{
		{"a delivery", secretNow, "PATIENT_MODIFY", `{"object":{"id":1}}`, 200, "inbox", "PATIENT_MODIFY", true},
		{"the next secret", secretNext, "TASK_CREATE", `{"object":{"id":2}}`, 200, "inbox", "TASK_CREATE", true},
		{"the wrong secret", "secret-canary-wrong", "PATIENT_CREATE", `{}`, 401, "refused_secret", "PATIENT_CREATE", false},
		{"no secret", "", "PATIENT_FLAG_MODIFY", `{}`, 401, "refused_secret", "PATIENT_FLAG_MODIFY", false},
		{"a part of the secret", secretNow[:5], "PATIENT_FLAG_CMODIFY", `{}`, 401, "refused_secret", "PATIENT_FLAG_CMODIFY", false},
		{"a ping", secretNow, "PING", `{"object":null}`, 200, "ping", "PING", false},
		{"an unknown event", secretNow, "MOON_RISE", `{"object":{"id":3}}`, 200, "inbox", "other", true},
		{"no JSON", secretNow, "APPOINTMENT_CREATE", "\x00\xff", 200, "inbox", "APPOINTMENT_CREATE", true},
		{"nothing", secretNow, "APPOINTMENT_DELETE", "", 200, "inbox", "APPOINTMENT_DELETE", true},
		{"the largest", secretNow, "LAB_ORDER_CREATE", large, 200, "inbox", "LAB_ORDER_CREATE", true},
		{"too large", secretNow, "LAB_ORDER_MODIFY", large + "x", 413, "too_large", "LAB_ORDER_MODIFY", false},
	} {
		w := g.do(request(c.secret, c.event, c.what, c.body))
		if w.Code != c.status || c.status == 200 && w.Body.Len() > 0 {
			t.Errorf("%s: %d %q", c.what, w.Code, w.Body)
		}
		if got := g.counted(c.label, c.outcome); got != "1" {
			t.Errorf("%s: counted %q", c.what, got)
		}
		want := 0
		if c.stored {
			want = 1
		}
		if n := g.stored("delivery = $1 and state = 'pending' and via = 'inbox'", c.what); n != want {
			t.Errorf("%s: %d rows", c.what, n)
		}
	}
	// Without headers, and without a word on the length.
	r := httptest.NewRequest(http.MethodPost, Path, struct{ io.Reader }{strings.NewReader(`{"object":{"id":"a\u0000b"}}`)})
	r.Header.Set("X-drchrono-signature", secretNow)
	if w := g.do(r); w.Code != 200 || g.stored("delivery like 'sha256:%' and event = '' and key = 'ab' and convert_from(object, 'utf8') like '{%'") != 1 {
		t.Errorf("without headers: %d", w.Code)
	}
	r = httptest.NewRequest(http.MethodPost, Path, struct{ io.Reader }{strings.NewReader(large + "x")})
	r.Header.Set("X-drchrono-signature", secretNow)
	if w := g.do(r); w.Code != 413 {
		t.Errorf("too large, without a length: %d", w.Code)
	}
	r = request(secretNow, "PATIENT_MODIFY", "endless", "")
	r.Body, r.ContentLength = io.NopCloser(unreadable{t}), 1<<50
	if w := g.do(r); w.Code != 413 {
		t.Errorf("too large for any memory: %d", w.Code)
	}
	r = request(secretNow, "PATIENT_MODIFY", "short", "{}")
	r.ContentLength = 100
	if w := g.do(r); w.Code != 400 || g.stored("delivery = 'short'") != 0 {
		t.Errorf("a body that ends early: %d", w.Code)
	}
	if w := g.do(httptest.NewRequest(http.MethodPut, Path, nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
	if log := g.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "object") {
		t.Errorf("logged %s", log)
	}
}

// The header is looked at before the body is.
func TestReceive_refusesUnread(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	r := request("wrong", "PATIENT_MODIFY", "1", "")
	r.Body = io.NopCloser(unreadable{t})
	r.ContentLength = 1 << 30
	if w := g.do(r); w.Code != http.StatusUnauthorized {
		t.Errorf("%d", w.Code)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestReceive_repeated(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	for range 3 {
		if code := g.post("PATIENT_MODIFY", "1", `{"object":{"id":1}}`); code != 200 {
			t.Errorf("%d", code)
		}
	}
	if code := g.post("PATIENT_MODIFY", "1", `{"object":{"id":1,"changed":true}}`); code != 200 || g.stored("delivery = '1'") != 2 {
		t.Errorf("the same id with another content: %d, %d rows", code, g.stored("delivery = '1'"))
	}
	if inbox, again := g.counted("PATIENT_MODIFY", "inbox"), g.counted("PATIENT_MODIFY", "duplicate"); inbox != "2" || again != "2" {
		t.Errorf("counted %s and %s duplicates", inbox, again)
	}
}

// A flood of wrong secrets is answered cheaply, and keeps nobody out.
func TestReceive_flood(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	codes := map[int]int{}
	for range 500 {
		w := g.do(request("wrong", "PATIENT_MODIFY", "1", "{}"))
		codes[w.Code]++
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Connection") != "close" {
			t.Fatal("the body of a refused delivery would be read")
		}
	}
	if codes[429] == 0 || codes[401] < refusalsAtOnce || codes[401]+codes[429] != 500 {
		t.Errorf("answered %v", codes)
	}
	if code := g.post("PATIENT_MODIFY", "1", `{}`); code != 200 {
		t.Errorf("the right secret is answered %d", code)
	}
	if log := g.log.String(); strings.Count(log, "\n") > 1 { // the delivery, at debug
		t.Errorf("logged %s", log)
	}
}

func TestReceive_withoutSecret(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, func(c *Config) { c.Secret, c.Next = "", "" })
	for range 3 {
		if w := g.do(request("", "PATIENT_MODIFY", "1", "{}")); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d", w.Code)
		}
	}
	if log := g.log.String(); strings.Count(log, "AUGUST_DRCHRONO_WEBHOOK_SECRET") != 1 {
		t.Errorf("logged %s", log)
	}
	if w := g.do(httptest.NewRequest(http.MethodGet, Path+"?msg=x", nil)); w.Code != 503 {
		t.Errorf("a proof without a secret: %d %s", w.Code, w.Body)
	}
}

// A sender that hangs up while its delivery is being written has sent it.
func TestReceive_hungUp(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	for name, g := range map[string]*rig{"inbox": simpleRig(t, nil), "pubsub": simpleRig(t, b.configure)} {
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		if w := g.do(request(secretNow, "PATIENT_MODIFY", "1", object(1)).WithContext(ctx)); w.Code != 200 || g.counted("PATIENT_MODIFY", name) != "1" {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// Memory for deliveries under way is bounded; what is over is sent again.
func TestReceive_bounded(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	began := make(chan struct{})
	end := make(chan struct{})
	codes := make(chan int)
	const most = mostInFlight / (mostBody + eachInFlight)
	for range most {
		go func() {
			r := request(secretNow, "PATIENT_MODIFY", "x", "")
			r.ContentLength = -1 // which is taken for the largest
			r.Body = io.NopCloser(&slow{began, end})
			codes <- g.do(r).Code
		}()
	}
	for range most {
		<-began
	}
	if w := g.do(request(secretNow, "PATIENT_MODIFY", "1", strings.Repeat("x", mostBody))); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d", w.Code)
	}
	if code := g.post(Ping, "1", ""); code != 200 {
		t.Errorf("a ping needs no room: %d", code)
	}
	close(end)
	for range most {
		if code := <-codes; code != 200 {
			t.Errorf("within the bound: %d", code)
		}
	}
	if code := g.post("PATIENT_MODIFY", "1", strings.Repeat("x", mostBody)); code != 200 {
		t.Errorf("room was not given back: %d", code)
	}
}

// slow is a body that says when it is read, and ends when it may.
type slow struct{ began, end chan struct{} }

func (s *slow) Read([]byte) (int, error) {
	s.began <- struct{}{}
	<-s.end
	return 0, io.EOF
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	get := func(g *rig, query string) *httptest.ResponseRecorder {
		return g.do(httptest.NewRequest(http.MethodGet, Path+query, nil))
	}
	// printf hello | openssl dgst -sha256 -hmac secret-canary-now
	const proof = `{"secret_token":"41d1bcf8b3939f3564a8969dc34e28fd259395324dd1f8efe0bedb0e466b4fa5"}`
	if w := get(g, "?msg=hello"); w.Code != 200 || strings.TrimSpace(w.Body.String()) != proof || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(g, "?msg="+strings.Repeat("x", mostMessage)); w.Code != 200 {
		t.Errorf("the longest: %d", w.Code)
	}
	for _, query := range []string{"", "?msg=", "?msg=" + strings.Repeat("x", mostMessage+1)} {
		if w := get(g, query); w.Code != 400 {
			t.Errorf("%.10s: %d %s", query, w.Code, w.Body)
		}
	}
	limited := false
	for range 5 * proofsAtOnce {
		limited = get(g, "?msg=x").Code == 429 || limited
	}
	if !limited {
		t.Error("anybody may ask for any number of proofs")
	}
	if w := get(simpleRig(t, func(c *Config) { c.NoVerify = true }), "?msg=hello"); w.Code != 404 || strings.Contains(w.Body.String(), "secret_token") {
		t.Errorf("switched off: %d %s", w.Code, w.Body)
	}
}
