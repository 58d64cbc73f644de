package image

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/oauth2"
)

// fakeRegistry is a real registry in this process, with a place to look at and answer requests.
type fakeRegistry struct {
	host string

	mu        sync.Mutex
	requests  []string
	intercept func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

func newFakeRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		intercept := f.intercept
		f.mu.Unlock()
		if intercept == nil || !intercept(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	f.host = strings.TrimPrefix(server.URL, "http://")
	return f
}

func (f *fakeRegistry) count(method, part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, method+" ") && strings.Contains(r, part) {
			n++
		}
	}
	return n
}

func newTestRegistry(t *testing.T) *Registry {
	t.Helper()
	r, err := NewRegistry(func(context.Context) (oauth2.TokenSource, error) {
		return nil, errors.New("a local registry must not be given Google's tokens")
	}, "test", http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func build(t *testing.T, tail string) *Image {
	t.Helper()
	img, err := Build(append(append([]byte{}, tiny(t, "linux", "amd64")...), tail...), map[string]string{"team": "billing"})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPush(t *testing.T) {
	t.Parallel()
	fake := newFakeRegistry(t)
	repository := fake.host + "/platform/august-sync"
	img := build(t, "")

	r := newTestRegistry(t)
	if found, err := r.Exists(t.Context(), repository+"@"+img.Digest.String()); err != nil || found {
		t.Fatalf("before the push: %t, %v", found, err)
	}
	if err := r.Push(t.Context(), repository, img, []string{"staging", "latest"}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"@" + img.Digest.String(), ":latest", ":staging"} {
		if digest, err := r.Resolve(t.Context(), repository+ref); err != nil || digest != img.Digest.String() {
			t.Errorf("%s: %q, %v", ref, digest, err)
		}
	}
	if err := r.Push(t.Context(), repository, build(t, "another"), []string{"production"}); err != nil {
		t.Fatal(err)
	}
	if tags, err := r.TagsOf(t.Context(), repository, img.Digest.String()); err != nil || len(tags) != 2 || tags[0] != "latest" || tags[1] != "staging" {
		t.Errorf("tags %q, %v", tags, err)
	}
	got, err := r.Describe(t.Context(), repository+"@"+img.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if got.Size != img.Size || got.Version != "devel" || len(got.Labels) != 1 || got.Labels["team"] != "billing" {
		t.Errorf("described as %+v", got)
	}
	ref, err := name.ParseReference(repository + "@" + img.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := r.puller.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := pulled.Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
}

// A new runtime shares the base layer with the one before, and an image already there is not sent.
func TestPush_onlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	fake := newFakeRegistry(t)
	repository := fake.host + "/platform/august-sync"
	first := build(t, "")
	if err := newTestRegistry(t).Push(t.Context(), repository, first, nil); err != nil {
		t.Fatal(err)
	}
	if n := fake.count("PUT", "/blobs/"); n != 3 {
		t.Errorf("first push sent %d blobs, want two layers and a config", n)
	}
	if err := newTestRegistry(t).Push(t.Context(), repository, first, nil); err != nil {
		t.Fatal(err)
	}
	if n := fake.count("PUT", "/blobs/"); n != 3 {
		t.Errorf("pushing again sent %d blobs", n-3)
	}
	if err := newTestRegistry(t).Push(t.Context(), repository, build(t, "new"), nil); err != nil {
		t.Fatal(err)
	}
	if n := fake.count("PUT", "/blobs/"); n != 5 {
		t.Errorf("a new runtime sent %d blobs, want its layer and its config", n-3)
	}
}

// The registry says that it holds a layer, and by the time of the manifest it does not.
func TestPush_lostLayer(t *testing.T) {
	t.Parallel()
	fake := newFakeRegistry(t)
	repository := fake.host + "/platform/august-sync"
	refused := false
	fake.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		fake.mu.Lock()
		defer fake.mu.Unlock()
		if refused {
			return false
		}
		refused = true
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}`)
		return true
	}
	img := build(t, "")
	r := newTestRegistry(t)
	if err := r.Push(t.Context(), repository, img, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := r.Exists(t.Context(), repository+"@"+img.Digest.String()); err != nil || !found {
		t.Errorf("after the push: %t, %v", found, err)
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, repository, body string
		status                 int
		want                   string
	}{
		{"denied", "us-central1-docker.pkg.dev/p/r/august-sync", `{"errors":[{"code":"DENIED"}]}`, 403, "roles/artifactregistry.writer"},
		{"no repository", "us-central1-docker.pkg.dev/p/r/august-sync", `{"errors":[{"code":"NAME_UNKNOWN"}]}`, 404, "google_artifact_registry_repository"},
		{"no repository elsewhere", "", `{"errors":[{"code":"NAME_UNKNOWN"}]}`, 404, "Create it there"},
		{"not logged in elsewhere", "", `{"errors":[{"code":"UNAUTHORIZED"}]}`, 401, "docker login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeRegistry(t)
			fake.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
				return true
			}
			img := build(t, "")
			err := newTestRegistry(t).Push(t.Context(), fake.host+"/platform/august-sync", img, nil)
			if err == nil {
				t.Fatal("pushed")
			}
			repository := tt.repository
			if repository == "" {
				repository = fake.host + "/platform/august-sync"
			}
			if got := Advice(repository, err); !strings.Contains(got, tt.want) {
				t.Errorf("advice %q for %v, want %q", got, err, tt.want)
			}
		})
	}

	closed := newTestRegistry(t)
	_, err := closed.Exists(t.Context(), "127.0.0.1:1/platform/august-sync@sha256:"+strings.Repeat("0", 64))
	if got := Advice("127.0.0.1:1/platform/august-sync", err); !strings.Contains(got, "No registry answered") {
		t.Errorf("advice %q for %v", got, err)
	}
}

func TestKeychain(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // so not parallel: no credentials of the machine's own
	k := keychain{func(context.Context) (oauth2.TokenSource, error) {
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token-of-the-provider"}), nil
	}}
	for host, google := range map[string]bool{
		"us-central1-docker.pkg.dev": true, "gcr.io": true, "eu.gcr.io": true,
		"127.0.0.1:5000": false, "pkg.dev.example.test": false, "notgcr.io": false,
	} {
		target, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := k.Resolve(target)
		if err != nil {
			t.Fatal(err)
		}
		if !google {
			if auth != authn.Anonymous {
				t.Errorf("%s is given credentials", host)
			}
			continue
		}
		config, err := auth.Authorization()
		if err != nil || config.Password != "token-of-the-provider" {
			t.Errorf("%s: %+v, %v", host, config, err)
		}
	}
}
