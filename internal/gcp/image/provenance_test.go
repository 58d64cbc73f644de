package image

import (
	"crypto/sha256"
	"fmt"
	goruntime "runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// holdProvenance holds an image's annotations to what is known of the runtime that it was packed from.
func holdProvenance(t *testing.T, img *Image, runtime []byte, version, revision string) {
	t.Helper()
	manifest, err := img.OCI.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"org.opencontainers.image.title":           "august-sync",
		"org.opencontainers.image.source":          "https://github.com/feel-august/terraform-provider-august",
		"org.opencontainers.image.version":         version,
		"io.github.feel-august.runtime.go-version": goruntime.Version(), // the toolchain of this test built it
		"io.github.feel-august.runtime.sha256":     fmt.Sprintf("%x", sha256.Sum256(runtime)),
	}
	if revision != "" {
		want["org.opencontainers.image.revision"] = revision
	}
	if diff := cmp.Diff(want, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// A build that does not know its commit says nothing of one.
func TestBuild_provenance(t *testing.T) {
	t.Parallel()
	runtime := tiny(t, "linux", "amd64")
	img, err := Build(runtime, map[string]string{"org.opencontainers.image.revision": "a caller's label, and no provenance"})
	if err != nil {
		t.Fatal(err)
	}
	holdProvenance(t, img, runtime, "devel", "")
}
