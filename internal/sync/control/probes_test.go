package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// fakeProbes writes rows that are nowhere.
type fakeProbes struct {
	every time.Duration
	full  bool
	ended chan error // how the newest stream ended
}

func (f *fakeProbes) Write(ctx context.Context, req runtimeapi.ProbeRequest, each func(runtimeapi.ProbeEvent) error) error {
	if f.full {
		return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "full"}
	}
	var err error
	for n := req.First; err == nil; n++ {
		if err = each(runtimeapi.ProbeEvent{Number: n, At: time.Now()}); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(f.every):
		}
	}
	f.ended <- err
	return err
}

func (f *fakeProbes) Verify(_ context.Context, id string, req runtimeapi.VerifyRequest) (runtimeapi.VerifyResult, error) {
	if id == "drill-broken" {
		return runtimeapi.VerifyResult{}, errors.New("secret detail of the database")
	}
	return runtimeapi.VerifyResult{Present: int64(len(req.Acknowledged))}, nil
}

func (f *fakeProbes) Delete(context.Context, string) error { return nil }

// probing is a server whose requests may last 200 ms only, as far as it alone decides.
func probing(t *testing.T) (bundle, *fakeProbes, *runtimeapi.Client) {
	t.Helper()
	b := setup(t)
	f := &fakeProbes{every: 20 * time.Millisecond, ended: make(chan error, 1)}
	b.server.Ready(Backend{Pipelines: &fake{}, Probes: f, Shelf: &fakeShelf{}, Tester: fakeTester{}, Schema: fakeSchema{}})
	server := httptest.NewUnstartedServer(b.server)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	b.url = server.URL
	c := runtimeapi.NewClient(server.URL, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil).WithPatience(0)
	return b, f, c
}

func TestProbe_outlivesTheServersDeadlines(t *testing.T) {
	t.Parallel()
	_, f, c := probing(t)
	enough := errors.New("enough")
	n := int64(0)
	err := c.Probe(t.Context(), runtimeapi.ProbeRequest{ID: "drill-2026", First: 7}, func(e runtimeapi.ProbeEvent) error {
		if e.Number != 7+n {
			t.Errorf("number %d after %d rows", e.Number, n)
		}
		if n++; n == 50 { // after a second
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("after %d rows: %v", n, err)
	}
	// Hanging up is what ends it.
	select {
	case err := <-f.ended:
		if err == nil {
			t.Error("the writer ended by itself")
		}
	case <-time.After(30 * time.Second):
		t.Error("the writer goes on")
	}
}

// A caller that takes nothing in must not hold a probe for ever; one that vanishes neither.
func TestProbe_endsWithItsCaller(t *testing.T) {
	t.Parallel()
	b, f, _ := probing(t)
	f.every = 0
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := `{"id":"drill-2026","first":1}`
	_, _ = io.WriteString(conn, "POST /v1/probes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+b.token(t, b.key, nil)+"\r\nContent-Length: 29\r\n\r\n"+body)
	select {
	case err := <-f.ended:
		if err == nil {
			t.Error("the writer ended by itself")
		}
	case <-time.After(time.Minute):
		t.Error("the writer goes on")
	}
}

func TestProbe_refusals(t *testing.T) {
	t.Parallel()
	b, f, c := probing(t)
	token := b.token(t, b.key, nil)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		field              string
	}{
		"no name":          {http.MethodPost, "/v1/probes", `{"first":1}`, 400, "id"},
		"no number":        {http.MethodPost, "/v1/probes", `{"id":"drill-2026"}`, 400, "first"},
		"unknown field":    {http.MethodPost, "/v1/probes", `{"id":"drill-2026","first":1,"pace":3}`, 400, "pace"},
		"too fast":         {http.MethodPost, "/v1/probes", `{"id":"drill-2026","first":1,"every_ms":1}`, 400, "every_ms"},
		"too long":         {http.MethodPost, "/v1/probes", `{"id":"drill-2026","first":1,"seconds":3601}`, 400, "seconds"},
		"number too great": {http.MethodPost, "/v1/probes", `{"id":"drill-2026","first":9007199254740993}`, 400, "first"},
		"unknown verb":     {http.MethodPost, "/v1/probes/drill-2026:look", `{}`, 404, ""},
		"no verb":          {http.MethodPost, "/v1/probes/drill-2026", `{}`, 404, ""},
		"name of a probe":  {http.MethodPost, "/v1/probes/x:verify", `{}`, 400, "id"},
		"ranges":           {http.MethodPost, "/v1/probes/drill-2026:verify", `{"acknowledged":[{"first":1,"last":5},{"first":5,"last":6}]}`, 400, "acknowledged[1]"},
		"table":            {http.MethodPost, "/v1/probes/drill-2026:verify", `{"digest":["*","a;b"]}`, 400, "digest[1]"},
		"target":           {http.MethodPost, "/v1/probes/drill-2026:verify", `{"target":{"instance":"x"}}`, 400, "target.instance"},
		"unknown nested":   {http.MethodPost, "/v1/probes/drill-2026:verify", `{"target":{"instance":"a:b:c","port":1}}`, 400, "target.port"},
		"name to remove":   {http.MethodDelete, "/v1/probes/X", ``, 400, "id"},
		"inner error":      {http.MethodPost, "/v1/probes/drill-broken:verify", `{}`, 500, ""},
		"no such method":   {http.MethodGet, "/v1/probes", ``, 404, ""},
	} {
		if status, e := b.do(t, test.method, test.path, token, test.body); status != test.status || e.Field != test.field || strings.Contains(e.Message, "secret") {
			t.Errorf("%s: %d %+v", name, status, e)
		}
		if status, _ := b.do(t, test.method, test.path, "", test.body); status != 401 {
			t.Errorf("%s: %d without a token", name, status)
		}
	}
	if v, err := c.Verify(t.Context(), "drill-2026", runtimeapi.VerifyRequest{Acknowledged: []runtimeapi.ProbeRange{{First: 1, Last: 2}}}); err != nil || v.Present != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	for range 2 {
		if err := c.DeleteProbe(t.Context(), "drill-2026"); err != nil {
			t.Error(err)
		}
	}
	f.full = true
	if err := c.Probe(t.Context(), runtimeapi.ProbeRequest{ID: "drill-2026", First: 1}, nil); !runtimeapi.IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
}
