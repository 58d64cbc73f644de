package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

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

func newFakeRegistry(t *testing.T, options ...registry.Option) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{}
	inner := registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
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

// forget starts counting anew.
func (f *fakeRegistry) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
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
	if got.SBOM != img.SBOM.Digest.String() {
		t.Errorf("described with the SBOM %q, not %s", got.SBOM, img.SBOM.Digest)
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

// A new runtime shares the base layer with the one before, and an image already there is not sent. So it is whether or not the
// registry lists what refers to an image.
func TestPush_onlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, referrers := range map[string]bool{"referrers": true, "fallback": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeRegistry(t, registry.WithReferrersSupport(referrers))
			repository := fake.host + "/platform/august-sync"
			base, err := baseLayer()
			if err != nil {
				t.Fatal(err)
			}
			push := func(what string, img *Image, blobs, manifests int, sendsBase bool) {
				t.Helper()
				fake.forget()
				if err := newTestRegistry(t).Push(t.Context(), repository, img, nil); err != nil {
					t.Fatal(err)
				}
				if n := fake.count("PUT", "/blobs/"); n != blobs {
					t.Errorf("%s sent %d blobs, want %d", what, n, blobs)
				}
				if n := fake.count("PUT", "/manifests/sha256:"); n != manifests {
					t.Errorf("%s sent %d manifests, want %d", what, n, manifests)
				}
				if n := fake.count("PUT", base.digest.Hex); (n > 0) != sendsBase {
					t.Errorf("%s sent the base layer %d times", what, n)
				}
			}
			first := build(t, "")
			push("the first push", first, 5, 2, true) // two layers and a config; a document and its empty config
			push("pushing again", first, 0, 0, false)
			push("a new runtime", build(t, "new"), 3, 2, false) // its layer and its config; its document
			push("going back", first, 0, 0, false)
			for _, img := range []*Image{first, build(t, "new")} {
				attached, err := newTestRegistry(t).Attached(t.Context(), repository+"@"+img.Digest.String(), img.SBOM.Digest.String())
				if err != nil || !attached {
					t.Errorf("%s has its SBOM attached: %t, %v", img.Digest, attached, err)
				}
			}
		})
	}
}

// The registry says that it holds a layer, and by the time of the manifest it does not. So it is with the image's manifest
// and with its SBOM's, and with whatever code a registry says it.
func TestPush_lostLayer(t *testing.T) {
	t.Parallel()
	img := build(t, "")
	for _, digest := range []string{img.Digest.String(), img.SBOM.Digest.String()} {
		for _, code := range []string{"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID"} {
			fake := newFakeRegistry(t)
			repository := fake.host + "/platform/august-sync"
			refused := false
			fake.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/manifests/"+digest) {
					return false
				}
				fake.mu.Lock()
				defer fake.mu.Unlock()
				if refused {
					return false
				}
				refused = true
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"blob unknown"}]}`, code)
				return true
			}
			r := newTestRegistry(t)
			if err := r.Push(t.Context(), repository, img, nil); err != nil || !refused {
				t.Fatalf("%s: %v, refused: %t", code, err, refused)
			}
			if attached, err := r.Attached(t.Context(), repository+"@"+img.Digest.String(), img.SBOM.Digest.String()); err != nil || !attached {
				t.Errorf("%s, after the push: %t, %v", code, attached, err)
			}
		}
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
