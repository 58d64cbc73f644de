package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	codabox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	drbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// binary is the runtime as it ships: no CGO, stripped.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "august-sync-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "august-sync")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3-test", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		panic(fmt.Sprintf("build the runtime: %v\n%s", err, out))
	}
	pgtest.Main(m, func() { _ = os.RemoveAll(dir) })
}

const (
	audience      = "https://august-sync.example.test"
	caller        = "terraform@feel-august-platform.iam.gserviceaccount.com"
	clientSecret  = "secret-canary-client"
	refreshToken  = "secret-canary-refresh"
	codaToken     = "secret-canary-coda"
	webhookSecret = "secret-canary-webhook"
)

// bundle is everything around one runtime: a database, DrChrono, Coda and an issuer.
type bundle struct {
	t        testing.TB
	db       pgtest.Database
	clinic   *clinic.Clinic
	drchrono *drbox.Server
	coda     *codabox.Server
	env      map[string]string
	token    string
}

// setup is all that with a migrated database, bare with an empty one.
func setup(t testing.TB, patients int) *bundle { t.Helper(); return on(t, storetest.New(t), patients) }
func bare(t testing.TB, patients int) *bundle  { t.Helper(); return on(t, pgtest.New(t), patients) }

func on(t testing.TB, db pgtest.Database, patients int) *bundle {
	t.Helper()
	b := &bundle{t: t, db: db, clinic: clinic.New(clinic.Size{Patients: patients}, 7)}
	settings := drbox.DefaultSettings()
	settings.PerHour, settings.PerSecond, settings.BulkPolls = 0, 0, 0
	var err error
	if b.drchrono, err = drbox.New(drbox.Options{
		Apps:     []drbox.App{{ClientID: "august-production", ClientSecret: clientSecret, RefreshToken: refreshToken, Clinic: b.clinic}},
		Settings: &settings,
	}); err != nil {
		t.Fatal(err)
	}
	if b.coda, err = codabox.New(codabox.Options{Tokens: []codabox.Token{{Token: codaToken, Owner: "owner@example.test"}}, MutationDelay: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	b.coda.Set(func(s *codabox.Settings) { s.RowsPer10s, s.WritesPer6s = 0, 0 })
	issuer, token := newIssuer(t)
	b.token = token
	b.env = map[string]string{
		"K_SERVICE": "august-sync", "K_REVISION": "august-sync-00001-abc",
		"AUGUST_DATABASE_INSTANCE": "feel-august-platform:us-central1:platform",
		"AUGUST_DATABASE_NAME":     b.db.Name, "AUGUST_DATABASE_USER": b.db.User, "AUGUST_DATABASE_PASSWORD": b.db.Password,
		"AUGUST_DATABASE_HOST": b.db.Host, "AUGUST_DATABASE_PORT": fmt.Sprint(b.db.Port),
		"AUGUST_DRCHRONO_URL":            serve2(t, b.drchrono),
		"AUGUST_DRCHRONO_OAUTH":          fmt.Sprintf(`{"client_id":"august-production","client_secret":%q,"refresh_token":%q}`, clientSecret, refreshToken),
		"AUGUST_DRCHRONO_WEBHOOK_SECRET": webhookSecret,
		"AUGUST_CODA_URL":                serve2(t, b.coda) + codabox.Base, "AUGUST_CODA_TOKEN": codaToken,
		"AUGUST_CONTROL_AUDIENCE": audience, "AUGUST_CONTROL_CALLERS": caller, "AUGUST_OIDC_ISSUER": issuer,
		"AUGUST_LOG_LEVEL": "debug",
	}
	return b
}

func serve2(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// newIssuer starts an OIDC issuer and signs one token that the runtime lets in.
func newIssuer(t testing.TB) (url, token string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	url = serve2(t, mux)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": url, "jwks_uri": url + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err = jwt.Signed(signer).Claims(map[string]any{
		"iss": url, "aud": audience, "sub": "1", "email": caller, "email_verified": true, "exp": time.Now().Add(time.Hour).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return url, token
}

// process is a running august-sync.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer
}

// start starts the binary; the test's end kills it.
func (b *bundle) start(args ...string) *process { b.t.Helper(); return b.startAs(binary, args...) }

// startAs is start with another binary.
func (b *bundle) startAs(binary string, args ...string) *process {
	b.t.Helper()
	port := fmt.Sprint(pgtest.Port(b.t))
	p := &process{t: b.t, cmd: exec.Command(binary, args...), url: "http://127.0.0.1:" + port, done: make(chan struct{})}
	p.cmd.Env = []string{"PORT=" + port, "AUGUST_LISTEN_HOST=127.0.0.1"}
	for name, value := range b.env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	p.cmd.Stdout = os.Stderr // nothing is expected there
	if err := p.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			p.mu.Lock()
			p.out.WriteString(line)
			p.mu.Unlock()
			if err != nil {
				break
			}
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	b.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	return p
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// get reads a path; 0 while nothing listens.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(res.Body)
	return res.StatusCode, body.String()
}

// until polls what must become true while the process lives.
func (p *process) until(what string, is func() bool) {
	p.t.Helper()
	pause := 2 * time.Millisecond // and longer each time: looking takes the time of what is waited for
	deadline := time.Now().Add(3 * time.Minute)
	for !is() {
		select {
		case <-p.done:
			p.t.Fatalf("exited (%v) before: %s\n%s", p.err, what, p.log())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("never came: %s\n%s", what, p.log())
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func (p *process) ready() *process {
	p.t.Helper()
	p.until("readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	return p
}

// stop sends SIGTERM and waits for a clean end.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("ended with %v\n%s", p.err, p.log())
		}
	case <-time.After(time.Minute):
		p.t.Fatalf("still runs long after SIGTERM\n%s", p.log())
	}
}

func (b *bundle) client(p *process) *runtimeapi.Client {
	return runtimeapi.NewClient(p.url, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: b.token}), nil)
}

// clean checks that a text holds no patient's data and no secret.
func (b *bundle) clean(what, text string) {
	b.t.Helper()
	for _, canary := range append(clinic.Canaries(), clientSecret, refreshToken, codaToken, webhookSecret, b.token) {
		if strings.Contains(text, canary) {
			b.t.Errorf("%s holds %q", what, canary)
		}
	}
}

func background() context.Context { return context.Background() }
