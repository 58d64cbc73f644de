package image

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An SBOM is attached again whatever was lost: the artifact, the registry's list of what refers to the image, or only its
// entry on that list.
func TestPush_attachesAgain(t *testing.T) {
	t.Parallel()
	img := build(t, "")
	list := "/v2/platform/august-sync/manifests/" + strings.Replace(img.Digest.String(), ":", "-", 1)
	artifact := "/v2/platform/august-sync/manifests/" + img.SBOM.Digest.String()
	for name, tt := range map[string]struct {
		referrers bool
		lost      []string
	}{
		"artifact, where the registry lists": {true, []string{artifact}},
		"artifact and list":                  {false, []string{artifact, list}},
		"list":                               {false, []string{list}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeRegistry(t, registry.WithReferrersSupport(tt.referrers))
			repository := fake.host + "/platform/august-sync"
			attached := func() bool {
				t.Helper()
				yes, err := newTestRegistry(t).Attached(t.Context(), repository+"@"+img.Digest.String(), img.SBOM.Digest.String())
				if err != nil {
					t.Fatal(err)
				}
				return yes
			}
			if attached() {
				t.Error("attached before the push")
			}
			for range 2 {
				if err := newTestRegistry(t).Push(t.Context(), repository, img, nil); err != nil {
					t.Fatal(err)
				}
				if !attached() {
					t.Fatal("not attached")
				}
				for _, path := range tt.lost {
					fake.remove(t, path)
				}
				if attached() {
					t.Fatalf("still attached without %s", tt.lost)
				}
			}
		})
	}
}

// remove deletes a manifest behind the client's back.
func (f *fakeRegistry) remove(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+f.host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("DELETE %s: %s", path, resp.Status)
	}
}

// Two providers of different releases attached an SBOM each, and somebody else something else.
func TestDescribe_severalReferrers(t *testing.T) {
	t.Parallel()
	fake := newFakeRegistry(t, registry.WithReferrersSupport(true))
	repo, err := name.NewRepository(fake.host + "/platform/august-sync")
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, "")
	r := newTestRegistry(t)
	if err := r.Push(t.Context(), repo.Name(), img, nil); err != nil {
		t.Fatal(err)
	}
	want := img.SBOM.Digest.String()
	for range 3 {
		for title, counts := range map[string]bool{sbomTitle: true, "signature": false, "": false} {
			other, err := random.Image(64, 1)
			if err != nil {
				t.Fatal(err)
			}
			subject := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: img.Digest, Size: 1}
			annotated := mutate.Annotations(mutate.MediaType(other, types.OCIManifestSchema1), map[string]string{LabelTitle: title})
			referrer, ok := mutate.Subject(annotated, subject).(v1.Image) // last: annotating drops it
			if !ok {
				t.Fatal("an image with a subject is not an image")
			}
			digest, err := referrer.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(repo.Digest(digest.String()), referrer); err != nil {
				t.Fatal(err)
			}
			if counts {
				want = min(want, digest.String())
			}
		}
		if got, err := r.Describe(t.Context(), repo.Digest(img.Digest.String()).Name()); err != nil || got.SBOM != want {
			t.Errorf("described as %+v, %v; want the SBOM %s", got, err, want)
		}
	}
}
