package image

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/oauth2"
)

const (
	artifactRegistry = "us-central1-docker.pkg.dev"
	elsewhere        = "registry.example.test"
	tokenServer      = "auth.example.test"

	user = "_token" // what Google's registries take with an access token
)

// guarded is a transport to registries that want to be logged in to, as Artifact Registry and others are: a request
// without a bearer token is answered with where to get one, for the right name and password. It knows every host by name
// and writes down what each was told.
type guarded struct {
	registries http.Handler
	mu         sync.Mutex
	passwords  map[string]string // host → "user:password" that it takes
	realms     map[string]string // host → where it sends for a token
	bearers    map[string]string // host → token that it takes, made of the password
	told       map[string]string // host → headers and address of everything that it was sent
	refuse     func(*http.Request) *http.Response
}

func newGuarded() *guarded {
	return &guarded{
		registries: registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))),
		passwords:  map[string]string{}, realms: map[string]string{}, bearers: map[string]string{}, told: map[string]string{},
	}
}

// RoundTrip implements http.RoundTripper.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told[r.URL.Host] += fmt.Sprintf("%s %s %v\n", r.Method, r.URL, r.Header)
	rec := httptest.NewRecorder()
	if r.URL.Path == "/token" {
		name, password, _ := r.BasicAuth()
		if name+":"+password != g.passwords[r.URL.Host] {
			rec.WriteHeader(http.StatusUnauthorized)
		} else {
			_, _ = fmt.Fprintf(rec, `{"token": %q}`, "bearer-of-"+password)
		}
		return answer(rec, r), nil
	}
	if want := g.bearers[r.URL.Host]; r.Header.Get("Authorization") != "Bearer "+want {
		rec.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token",service=%q`, g.realms[r.URL.Host], r.URL.Host))
		rec.WriteHeader(http.StatusUnauthorized)
		return answer(rec, r), nil
	}
	if g.refuse != nil {
		if resp := g.refuse(r); resp != nil {
			return resp, nil
		}
	}
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody // as a server sees it
	}
	g.registries.ServeHTTP(rec, served)
	return answer(rec, r), nil
}

func answer(rec *httptest.ResponseRecorder, r *http.Request) *http.Response {
	resp := rec.Result()
	resp.Request = r
	return resp
}

// login makes a host take a password, and only the bearer token that it stands for.
func (g *guarded) login(host, realm, name, password string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passwords[realm], g.realms[host], g.bearers[host] = name+":"+password, realm, "bearer-of-"+password
}

// heard is all that a host was sent.
func (g *guarded) heard(host string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told[host]
}

// tokens is the provider's credentials, whose access token changes as time goes by.
type tokens struct {
	mu    sync.Mutex
	token string
	asked int
}

func (s *tokens) Token() (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return &oauth2.Token{AccessToken: s.token}, nil
}

func (s *tokens) turn(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// dockerLogin leaves a password in Docker's configuration, as docker login does.
func dockerLogin(t *testing.T, logins map[string]string) {
	t.Helper()
	dir := t.TempDir()
	var auths []string
	for host, login := range logins {
		auths = append(auths, fmt.Sprintf("%q: {\"auth\": %q}", host, base64.StdEncoding.EncodeToString([]byte(login))))
	}
	config := `{"auths": {` + strings.Join(auths, ",") + `}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir) // so not parallel
}

// Artifact Registry is given the provider's access token, also when Docker has a login for it; another registry is given
// Docker's login; and neither hears of the other's.
func TestKeychain(t *testing.T) {
	const google, theirs, stale = "access-token-of-the-provider", "password-of-the-registry", "stale-login-with-docker"
	dockerLogin(t, map[string]string{elsewhere: "robot:" + theirs, artifactRegistry: user + ":" + stale})
	transport := newGuarded()
	transport.login(artifactRegistry, artifactRegistry, user, google)
	transport.login(elsewhere, tokenServer, "robot", theirs)
	source := &tokens{token: google}
	r, err := NewRegistry(func(context.Context) (oauth2.TokenSource, error) { return source, nil }, "test", transport)
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, "")
	for _, host := range []string{artifactRegistry, elsewhere} {
		repository := host + "/platform/august/august-sync"
		if err := r.Push(t.Context(), repository, img, []string{"v1"}); err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if attached, err := r.Attached(t.Context(), repository+"@"+img.Digest.String(), img.SBOM.Digest.String()); err != nil || !attached {
			t.Errorf("%s: %t, %v", host, attached, err)
		}
	}
	for host, heard := range map[string]map[string]bool{
		artifactRegistry: {basic(user, google): true, "bearer-of-" + google: true},
		elsewhere:        {"bearer-of-" + theirs: true}, // the password itself goes where it sends for a token
		tokenServer:      {basic("robot", theirs): true},
	} {
		for _, secret := range []string{google, theirs, stale, basic(user, google), basic("robot", theirs), basic(user, stale), "bearer-of-" + google, "bearer-of-" + theirs} {
			allowed := heard[secret] || heard["bearer-of-"+secret] // a bearer token has its password's name in it here
			if got := strings.Contains(transport.heard(host), secret); got && !allowed || !got && heard[secret] {
				t.Errorf("%s was told %q: %t", host, secret, got)
			}
		}
	}
	if len(transport.told) != 3 {
		t.Errorf("spoke to %v", transport.told)
	}
}

func basic(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
}

// Hosts that look like Google's get nothing.
func TestKeychain_hosts(t *testing.T) {
	t.Parallel()
	for host, google := range map[string]bool{
		"us-central1-docker.pkg.dev": true, "gcr.io": true, "eu.gcr.io": true,
		"127.0.0.1:5000": false, "pkg.dev": false, "pkg.dev.example.test": false, "us-docker.pkg.dev.example.test": false,
		"evilpkg.dev": false, "notgcr.io": false, "us-docker.pkg.dev:8443": false,
	} {
		if isGoogle(host) != google {
			t.Errorf("%s is Google's: %t", host, !google)
		}
	}
}

// An apply may last longer than an access token. The registry turns the old one away, and the next one is asked for.
func TestKeychain_refresh(t *testing.T) {
	dockerLogin(t, nil)
	transport := newGuarded()
	transport.login(artifactRegistry, artifactRegistry, user, "first-token")
	source := &tokens{token: "first-token"}
	r, err := NewRegistry(func(context.Context) (oauth2.TokenSource, error) { return source, nil }, "test", transport)
	if err != nil {
		t.Fatal(err)
	}
	repository := artifactRegistry + "/platform/august/august-sync"
	if err := r.Push(t.Context(), repository, build(t, ""), nil); err != nil {
		t.Fatal(err)
	}
	source.turn("second-token")
	transport.login(artifactRegistry, artifactRegistry, user, "second-token")
	later := build(t, "later")
	if err := r.Push(t.Context(), repository, later, nil); err != nil {
		t.Fatalf("once the token was another: %v", err)
	}
	if found, err := r.Exists(t.Context(), repository+"@"+later.Digest.String()); err != nil || !found {
		t.Errorf("after that push: %t, %v", found, err)
	}
}

// Whatever the registry answers, the error says what it was and what to do, and has no token in it.
func TestPush_refused(t *testing.T) {
	dockerLogin(t, nil)
	const token = "access-token-of-the-provider"
	img := build(t, "")
	for _, tt := range []struct {
		name, body, want string
		status           int
		password         string
	}{
		{name: "401 at once", password: "another", want: "roles/artifactregistry.writer"},
		{name: "401 later", status: 401, body: `{"errors":[{"code":"UNAUTHORIZED","message":"expired"}]}`, want: "roles/artifactregistry.writer"},
		{name: "403", status: 403, body: `{"errors":[{"code":"DENIED","message":"no uploadArtifacts permission"}]}`, want: "roles/artifactregistry.writer"},
		{name: "404", status: 404, body: `{"errors":[{"code":"NAME_UNKNOWN","message":"Repository \"august\" not found"}]}`, want: "google_artifact_registry_repository"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transport := newGuarded()
			transport.login(artifactRegistry, artifactRegistry, user, cmp.Or(tt.password, token))
			if tt.status != 0 {
				transport.refuse = func(r *http.Request) *http.Response {
					if r.Method == http.MethodHead || r.Method == http.MethodGet {
						return nil
					}
					return &http.Response{StatusCode: tt.status, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tt.body))}
				}
			}
			r, err := NewRegistry(func(context.Context) (oauth2.TokenSource, error) { return &tokens{token: token}, nil }, "test", transport)
			if err != nil {
				t.Fatal(err)
			}
			repository := artifactRegistry + "/platform/august/august-sync"
			err = r.Push(t.Context(), repository, img, nil)
			if err == nil {
				t.Fatal("pushed")
			}
			if got := Advice(repository, err); !strings.Contains(got, tt.want) {
				t.Errorf("advice %q on %v", got, err)
			}
			for _, secret := range []string{token, basic(user, token)} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds a token: %v", err)
				}
			}
		})
	}
}
