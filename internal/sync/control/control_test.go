package control

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	audience = "https://august-sync.example.test"
	caller   = "terraform@feel-august-platform.iam.gserviceaccount.com"
)

// fake keeps pipelines in memory.
type fake struct {
	specs map[string]runtimeapi.PipelineSpec
}

func (f *fake) List(context.Context) ([]runtimeapi.Pipeline, error) { return nil, nil }
func (f *fake) Get(_ context.Context, name string) (runtimeapi.Pipeline, error) {
	spec, ok := f.specs[name]
	if !ok {
		return runtimeapi.Pipeline{}, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "no such pipeline"}
	}
	return runtimeapi.Pipeline{Name: name, Spec: spec, Generation: 1}, nil
}
func (f *fake) Put(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error) {
	f.specs[name] = spec
	return f.Get(ctx, name)
}
func (f *fake) Create(ctx context.Context, name string, spec runtimeapi.PipelineSpec) (runtimeapi.Pipeline, error) {
	if _, taken := f.specs[name]; taken {
		return runtimeapi.Pipeline{}, &runtimeapi.Error{Code: runtimeapi.CodeConflict, Message: "taken"}
	}
	return f.Put(ctx, name, spec)
}
func (f *fake) Check(_ context.Context, name string, spec runtimeapi.PipelineSpec) ([]runtimeapi.Error, error) {
	if name == "broken" {
		return nil, errors.New("secret detail of the database")
	}
	if len(spec.CodaViews) == 0 {
		return nil, nil
	}
	return []runtimeapi.Error{{Code: runtimeapi.CodeInvalid, Field: "coda_views[0].doc_id", Message: "does not exist"}}, nil
}
func (f *fake) Delete(_ context.Context, name string) error { delete(f.specs, name); return nil }
func (f *fake) Sync(context.Context, string, runtimeapi.SyncRequest) (runtimeapi.Run, error) {
	return runtimeapi.Run{ID: 1, State: runtimeapi.RunPending}, nil
}
func (f *fake) Reconcile(_ context.Context, _ string, req runtimeapi.ReconcileRequest) (runtimeapi.Run, error) {
	return runtimeapi.Run{ID: 2, Kind: runtimeapi.KindReconcile, State: runtimeapi.RunQueued, Repair: req.Repair}, nil
}
func (f *fake) GetRun(_ context.Context, name string, id int64) (runtimeapi.Run, error) {
	if name != "billing" || id != 2 {
		return runtimeapi.Run{}, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "no such run"}
	}
	return runtimeapi.Run{ID: id, State: runtimeapi.RunSucceeded, Report: &runtimeapi.Reconcile{Drift: 3}}, nil
}
func (f *fake) Status(context.Context, string) (runtimeapi.Status, error) {
	return runtimeapi.Status{}, errors.New("secret detail of the database")
}

// issuer is an OIDC issuer with a key of its own.
type issuer struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	down atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token signs claims; changes are laid over a good token's.
func (i *issuer) token(t *testing.T, key *ecdsa.PrivateKey, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": i.URL, "aud": audience, "sub": "1", "email": caller, "email_verified": true,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type bundle struct {
	*issuer
	server *Server
	url    string
	log    *bytes.Buffer
}

func setup(t *testing.T) bundle {
	t.Helper()
	i := newIssuer(t)
	log := new(bytes.Buffer)
	logger := slog.New(slog.NewJSONHandler(log, nil))
	s := New(&OIDC{Issuer: i.URL, Audiences: []string{"other", audience}, Callers: []string{caller}, Readers: []string{reader}, HTTP: i.Client(), Log: logger}, logger)
	s.Ready(Backend{Pipelines: &fake{specs: map[string]runtimeapi.PipelineSpec{}}, Probes: &fakeProbes{}, Shelf: &fakeShelf{}, Tester: fakeTester{}, Schema: fakeSchema{}, Info: runtimeapi.Info{Version: "1.0.0", SchemaVersion: 4}})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return bundle{issuer: i, server: s, url: server.URL, log: log}
}

func (b bundle) do(t *testing.T, method, path, token, body string) (int, runtimeapi.Error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Error runtimeapi.Error }
	_ = json.NewDecoder(res.Body).Decode(&answer)
	return res.StatusCode, answer.Error
}

const reader = "plan@example.test"

// Who plans what nobody has approved yet asks for what a plan needs, and changes nothing.
func TestServer_readersOnlyAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, call := range []struct {
		method, path string
		may          bool
	}{
		{http.MethodGet, runtimeapi.PathInfo, true},
		{http.MethodGet, runtimeapi.PathCatalog, true},
		{http.MethodGet, runtimeapi.PathPipelines + "/billing" + runtimeapi.PathStatus, true},
		{http.MethodPost, runtimeapi.PathPipelines + "/billing" + runtimeapi.VerbCheck, true},
		{http.MethodPost, runtimeapi.PathPipelines + "/billing" + runtimeapi.VerbSync, false},
		{http.MethodPost, runtimeapi.PathPipelines + "/billing" + runtimeapi.VerbReconcile, false},
		{http.MethodPut, runtimeapi.PathPipelines + "/billing", false},
		{http.MethodPut, runtimeapi.PathPipelines + "/billing" + runtimeapi.VerbCheck, false},
		{http.MethodDelete, runtimeapi.PathPipelines + "/billing", false},
		{http.MethodPut, runtimeapi.PathIndexes + "/drchrono/x", false},
		{http.MethodDelete, runtimeapi.PathIndexes + "/drchrono/x", false},
		{http.MethodPost, runtimeapi.PathProbes, false},
		{http.MethodPost, runtimeapi.PathParked + runtimeapi.VerbDiscard, false},
	} {
		status, e := b.do(t, call.method, call.path, b.token(t, b.key, map[string]any{"email": reader}), "{}")
		if refused := status == http.StatusForbidden && strings.Contains(e.Message, "list of readers"); refused == call.may {
			t.Errorf("%s %s: %d %v", call.method, call.path, status, e)
		}
	}
}

func TestServer_letsInOnlyListedCallers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"listed":           {b.token(t, b.key, nil), 200},
		"e-mail in caps":   {b.token(t, b.key, map[string]any{"email": strings.ToUpper(caller)}), 200},
		"verified as text": {b.token(t, b.key, map[string]any{"email_verified": "true"}), 200},
		"audience list":    {b.token(t, b.key, map[string]any{"aud": []string{"x", audience}}), 200},
		"no token":         {"", 401},
		"nonsense":         {"abc", 401},
		"huge":             {strings.Repeat("a", maxToken+1), 401},
		"other audience":   {b.token(t, b.key, map[string]any{"aud": "https://elsewhere.example.test"}), 401},
		"other issuer":     {b.token(t, b.key, map[string]any{"iss": "https://elsewhere.example.test"}), 401},
		"expired":          {b.token(t, b.key, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), 401},
		"other key":        {b.token(t, stranger, nil), 401},
		"other caller":     {b.token(t, b.key, map[string]any{"email": "testa@example.test"}), 403},
		"not verified":     {b.token(t, b.key, map[string]any{"email_verified": false}), 403},
		"no e-mail":        {b.token(t, b.key, map[string]any{"email": ""}), 403},
	} {
		status, e := b.do(t, http.MethodGet, runtimeapi.PathInfo, test.token, "")
		if status != test.want {
			t.Errorf("%s: %d %v, want %d", name, status, e, test.want)
		}
		if test.token != "" && strings.Contains(b.log.String(), test.token) {
			t.Errorf("%s: the token is in the log", name)
		}
	}
	for _, path := range []string{"/v1/nothing", "/v1/pipelines/x/y/z"} {
		if status, _ := b.do(t, http.MethodGet, path, "", ""); status != 401 {
			t.Errorf("%s without a token is %d", path, status)
		}
		if status, e := b.do(t, http.MethodGet, path, b.token(t, b.key, nil), ""); status != 404 || e.Code != runtimeapi.CodeNotFound {
			t.Errorf("%s is %d %v", path, status, e)
		}
	}
}

func TestServer_startsWithoutItsIssuer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.down.Store(true)
	token := b.token(t, b.key, nil)
	if status, e := b.do(t, http.MethodGet, runtimeapi.PathInfo, token, ""); status != 503 || e.Code != runtimeapi.CodeUnavailable {
		t.Fatalf("got %d %v", status, e)
	}
	b.down.Store(false)
	b.server.caller.(*OIDC).failed = time.Time{}
	if status, e := b.do(t, http.MethodGet, runtimeapi.PathInfo, token, ""); status != 200 {
		t.Errorf("did not recover: %d %v", status, e)
	}
}

func TestServer_beforeItsDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.behind.Store(nil)
	if status, e := b.do(t, http.MethodGet, runtimeapi.PathInfo, b.token(t, b.key, nil), ""); status != 503 || e.Code != runtimeapi.CodeUnavailable {
		t.Errorf("got %d %v", status, e)
	}
}

func TestServer_refusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.token(t, b.key, nil)
	for name, test := range map[string]struct {
		path, body, field string
	}{
		"unknown field":  {"/v1/pipelines/billing", `{"dataset":"billing","shedule":""}`, "shedule"},
		"unknown nested": {"/v1/pipelines/billing", `{"dataset":"billing","coda_views":[{"view":"billing_summary"},{"doc":"x"}]}`, "coda_views[1].doc"},
		"wrong type":     {"/v1/pipelines/billing", `{"dataset":"billing","paused":"yes"}`, "paused"},
		"not JSON":       {"/v1/pipelines/billing", `{"dataset":`, ""},
		"two values":     {"/v1/pipelines/billing", `{"dataset":"billing"} {}`, ""},
		"too large":      {"/v1/pipelines/billing", `{"dataset":"` + strings.Repeat("x", maxBody) + `"}`, ""},
		"invalid":        {"/v1/pipelines/billing", `{"dataset":"billing","schedule":"0 99 * * *"}`, "schedule"},
		"name":           {"/v1/pipelines/Billing", `{"dataset":"billing"}`, "name"},
	} {
		status, e := b.do(t, http.MethodPut, test.path, token, test.body)
		if status != 400 || e.Code != runtimeapi.CodeInvalid || e.Field != test.field || e.Message == "" {
			t.Errorf("%s: %d %+v, want field %q", name, status, e, test.field)
		}
	}
	if status, _ := b.do(t, http.MethodPost, "/v1/pipelines/billing:stop", token, ""); status != 404 {
		t.Errorf("unknown verb is %d", status)
	}
	status, e := b.do(t, http.MethodGet, "/v1/pipelines/billing/status", token, "")
	if status != 500 || strings.Contains(fmt.Sprint(e), "detail") || !strings.Contains(b.log.String(), "secret detail") {
		t.Errorf("an inner error shows outside or is lost: %d %v", status, e)
	}
}

func TestServer_withTheClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := runtimeapi.NewClient(b.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token(t, b.key, nil)}), nil)
	ctx := t.Context()
	spec := runtimeapi.PipelineSpec{Dataset: "billing", Schedule: "0 * * * *", WebhookEvents: []string{"LINE_ITEM_CREATE"}}
	if p, err := c.PutPipeline(ctx, "billing", spec); err != nil || p.Spec.Schedule != spec.Schedule {
		t.Fatalf("%+v, %v", p, err)
	}
	var taken *runtimeapi.Error
	if _, err := c.CreatePipeline(ctx, "billing", spec); !errors.As(err, &taken) || taken.Code != runtimeapi.CodeConflict {
		t.Errorf("CreatePipeline of one that is there: %v", err)
	}
	if r, err := c.Sync(ctx, "billing", runtimeapi.SyncRequest{Full: true}); err != nil || r.ID != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.Reconcile(ctx, "billing", runtimeapi.ReconcileRequest{Repair: true}); err != nil || r.ID != 2 || !r.Repair || r.Kind != runtimeapi.KindReconcile {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.GetRun(ctx, "billing", 2); err != nil || r.Report == nil || r.Report.Drift != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.GetRun(ctx, "billing", 3); !runtimeapi.IsNotFound(err) {
		t.Errorf("a run that does not exist: %v", err)
	}
	if status, e := b.do(t, http.MethodGet, "/v1/pipelines/billing/runs/two", b.token(t, b.key, nil), ""); status != 404 || e.Code != runtimeapi.CodeNotFound {
		t.Errorf("a run without a number: %d %v", status, e)
	}
	if _, err := c.ListPipelines(ctx); err != nil {
		t.Error(err)
	}
	if err := c.DeletePipeline(ctx, "billing"); err != nil {
		t.Error(err)
	}
	if _, err := c.GetPipeline(ctx, "billing"); !runtimeapi.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}
