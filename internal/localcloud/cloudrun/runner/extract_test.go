package runner

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func pack(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		body := []byte{}
		if h.Typeflag == tar.TypeReg {
			body = []byte("body of " + h.Name)
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

// cutOff is an image of one layer whose connection breaks after a file.
type cutOff struct {
	v1.Image
	v1.Layer
	body io.Reader
}

func (c cutOff) Layers() ([]v1.Layer, error)               { return []v1.Layer{c}, nil }
func (c cutOff) Uncompressed() (io.ReadCloser, error)      { return io.NopCloser(c.body), nil }
func (c cutOff) Digest() (v1.Hash, error)                  { return v1.Hash{}, nil }
func (c cutOff) MediaType() (m types.MediaType, err error) { return "", nil }
func (c cutOff) Size() (int64, error)                      { return 0, nil }

// TestExtractTellsOfACutOff: what came of an image that could not be read to its end is no image.
func TestExtractTellsOfACutOff(t *testing.T) {
	lost := errors.New("the connection is lost")
	whole := pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}).Bytes()
	body := io.MultiReader(bytes.NewReader(whole[:1024]), iotest.ErrReader(lost))
	layers := mutate.Extract(cutOff{Image: empty.Image, body: body})
	if err := extract(layers, t.TempDir()); !errors.Is(err, lost) {
		t.Errorf("it is told: %v", err)
	}
}

func TestExtractStaysInside(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"dots":           {{Typeflag: tar.TypeReg, Name: "../../outside/file", Mode: 0o644}},
		"absolute":       {{Typeflag: tar.TypeReg, Name: "/outside/file", Mode: 0o644}},
		"link to parent": {{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "../outside"}, {Typeflag: tar.TypeReg, Name: "l/file", Mode: 0o644}},
		"absolute link":  {{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "OUTSIDE"}, {Typeflag: tar.TypeReg, Name: "l/file", Mode: 0o644}},
		"hard link":      {{Typeflag: tar.TypeLink, Name: "h", Linkname: "../outside/secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			outside := filepath.Join(dir, "outside")
			if err := os.Mkdir(outside, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i := range entries {
				if entries[i].Linkname == "OUTSIDE" {
					entries[i].Linkname = outside
				}
			}
			root := filepath.Join(dir, "a", "rootfs")
			err := extract(pack(t, entries...), root)
			if left, readErr := os.ReadDir(outside); readErr != nil || len(left) != 1 {
				t.Fatalf("something was written outside: %v %v (%v)", left, readErr, err)
			}
			if _, statErr := os.Stat(filepath.Join(root, "h")); statErr == nil {
				t.Error("a file outside is linked inside")
			}
		})
	}
}

func TestLookupFollowsLinksInside(t *testing.T) {
	root := filepath.Join(t.TempDir(), "rootfs")
	err := extract(pack(t,
		tar.Header{Typeflag: tar.TypeReg, Name: "usr/bin/tool", Mode: 0o755},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "/usr/bin"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "usr/bin/alias", Linkname: "tool"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "up", Linkname: "../../../../usr/bin/tool"},
	), root)
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(root, "usr/bin/tool")
	for _, c := range []struct{ command, workdir, path string }{
		{"/usr/bin/tool", "", ""}, {"/bin/tool", "", ""}, {"/bin/alias", "", ""}, {"/up", "", ""}, {"tool", "", "/nowhere:/bin"}, {"./tool", "/usr/bin", ""},
	} {
		if got, err := lookup(root, c.workdir, c.command, c.path); err != nil || got != want {
			t.Errorf("%q: %q %v", c.command, got, err)
		}
	}
	if got, err := lookup(root, "", "/usr/bin/absent", ""); err == nil {
		t.Errorf("absent: %q", got)
	}
	info, err := os.Stat(want)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}
