package image

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// What is there, but is none of our images, is named for what it is; nothing of it is taken for an image's description.
func TestDescribe_refuses(t *testing.T) {
	t.Parallel()
	fake := newFakeRegistry(t)
	repo, err := name.NewRepository(fake.host + "/platform/august-sync")
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, "")
	r := newTestRegistry(t)
	if err := r.Push(t.Context(), repo.Name(), img, nil); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*v1.ConfigFile)) v1.Image {
		config, err := img.OCI.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config = config.DeepCopy()
		change(config)
		changed, err := mutate.ConfigFile(img.OCI, config)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	arm := with(func(c *v1.ConfigFile) { c.Architecture = "arm64" })
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: img.OCI, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	armIndex := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})

	for what, tt := range map[string]struct {
		put  remote.Taggable
		want string
	}{
		"another platform":       {arm, "is built for linux/arm64; Cloud Run needs linux/amd64"},
		"an index":               {index, "index of images for several platforms, and the provider's images have none; the one for linux/amd64 is " + img.Digest.String()},
		"an index without amd64": {armIndex, "index of images for several platforms, and the provider's images have none"},
		"somebody else's image":  {with(func(c *v1.ConfigFile) { c.Config.Labels = nil }), `was not packed from the runtime: its label org.opencontainers.image.title is ""`},
		"the SBOM":               {img.SBOM.artifact, `is an artifact of the type "application/spdx+json" and no image`},
	} {
		pusher, err := r.currentPusher()
		if err != nil {
			t.Fatal(err)
		}
		ref := repo.Tag(strings.NewReplacer(" ", "-", "'", "").Replace(what))
		if err := pusher.Push(t.Context(), ref, tt.put); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := r.Describe(t.Context(), ref.Name())
		var foreign *ForeignError
		if !errors.As(err, &foreign) || got != nil || !strings.HasSuffix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want+`, not`) {
			t.Errorf("%s is described as %+v, %v; want %q", what, got, err, tt.want)
		}
		if advice := Advice(repo.Name(), err); !strings.Contains(advice, "linux/amd64") {
			t.Errorf("advice on %s: %q", what, advice)
		}
	}
	if got, err := r.Describe(t.Context(), repo.Digest(img.Digest.String()).Name()); err != nil || got.Size != img.Size {
		t.Errorf("our own image is described as %+v, %v", got, err)
	}
}
