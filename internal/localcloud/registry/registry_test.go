package registry

import (
	"context"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func start(t *testing.T, opts Options) *Face {
	t.Helper()
	f, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) })
	return f
}

// An image, an index of images in an index, and a referrer are all there after a restart.
func TestSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	f := start(t, Options{Dir: dir})
	repo, err := name.NewRepository(f.Addr() + "/august/sync")
	if err != nil {
		t.Fatal(err)
	}

	img, err := random.Image(4096, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("v1"), img); err != nil {
		t.Fatal(err)
	}
	inner, err := random.Index(1024, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	outer := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner}, mutate.IndexAddendum{Add: img})
	if err := remote.WriteIndex(repo.Tag("all"), outer); err != nil {
		t.Fatal(err)
	}
	subject, err := partial.Descriptor(img)
	if err != nil {
		t.Fatal(err)
	}
	sbom, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	sbom, ok := mutate.Subject(sbom, *subject).(v1.Image)
	if !ok {
		t.Fatal("an image with a subject is not an image")
	}
	if err := remote.Write(repo.Tag("sbom"), sbom); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("gone"), img); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(repo.Tag("gone")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	f = start(t, Options{Dir: dir})
	repo, err = name.NewRepository(f.Addr() + "/august/sync")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []name.Reference{repo.Tag("v1"), repo.Digest(digest.String())} {
		got, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(got); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	got, err := remote.Index(repo.Tag("all"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(got); err != nil {
		t.Errorf("index: %v", err)
	}
	referrers, err := remote.Referrers(repo.Digest(digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	m, err := referrers.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || m.Manifests[0].ArtifactType != "application/vnd.docker.container.image.v1+json" {
		t.Errorf("referrers: %+v, %v; want one", m, err)
	}
	if _, err := remote.Head(repo.Tag("gone")); err == nil {
		t.Error("a deleted tag came back")
	}
	if lines := f.Report(); len(lines) != 1 || lines[0].Detail != "all, sbom, v1" {
		t.Errorf("report %+v", lines)
	}
}

// Two registries cannot share a port, and the second says so.
func TestPortTaken(t *testing.T) {
	first := start(t, Options{Dir: t.TempDir()})
	var port int
	for _, c := range first.Addr()[len("127.0.0.1:"):] {
		port = port*10 + int(c-'0')
	}
	second, err := New(Options{Dir: t.TempDir(), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil {
		t.Error("the second registry started on the first one's port")
	}
}
