package image

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"pgregory.net/rapid"
)

var (
	tinyMu     sync.Mutex
	tinyBuilds = map[string][]byte{}
)

// tiny builds a small program for a platform, once.
func tiny(t *testing.T, goos, goarch string) []byte {
	t.Helper()
	tinyMu.Lock()
	defer tinyMu.Unlock()
	if data, ok := tinyBuilds[goos+goarch]; ok {
		return data
	}
	out := filepath.Join(t.TempDir(), "tiny")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./testdata/tiny")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tiny: %v\n%s", err, output)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	tinyBuilds[goos+goarch] = data
	return data
}

func TestBuild_structure(t *testing.T) {
	t.Parallel()
	runtime := tiny(t, "linux", "amd64")
	img, err := Build(runtime, map[string]string{"team": "billing", LabelTitle: "somebody else's"})
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img.OCI); err != nil {
		t.Fatal(err)
	}

	config, err := img.OCI.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/august-sync"}, Cmd: []string{"serve"}, WorkingDir: "/",
		Env: []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		Labels: map[string]string{
			"team": "billing", LabelTitle: "august-sync", LabelSource: source, LabelVersion: "devel",
		},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || config.Created.Unix() != 0 {
		t.Errorf("platform %s/%s, created %s", config.OS, config.Architecture, config.Created)
	}
	if media, _ := img.OCI.MediaType(); media != types.OCIManifestSchema1 {
		t.Errorf("media type %s", media)
	}

	layers, err := img.OCI.Layers()
	if err != nil {
		t.Fatal(err)
	}
	wantFiles := [][]string{
		{
			"drwxr-xr-x 0:0 etc/", "-r--r--r-- 0:0 etc/group", "-r--r--r-- 0:0 etc/nsswitch.conf", "-r--r--r-- 0:0 etc/passwd",
			"drwxr-xr-x 0:0 etc/ssl/", "drwxr-xr-x 0:0 etc/ssl/certs/", "-r--r--r-- 0:0 etc/ssl/certs/ca-certificates.crt",
		},
		{"-r-xr-xr-x 65532:65532 august-sync"},
	}
	for i, layer := range layers {
		if diff := cmp.Diff(wantFiles[i], list(t, layer, runtime)); diff != "" {
			t.Errorf("layer %d (-want +got):\n%s", i, diff)
		}
	}
}

// list reads a layer as ls would, and holds every entry to what all must share.
func list(t *testing.T, layer v1.Layer, runtime []byte) []string {
	t.Helper()
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	var files []string
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, fmt.Sprintf("%s %d:%d %s", header.FileInfo().Mode(), header.Uid, header.Gid, header.Name))
		if header.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %s", header.Name, header.ModTime)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		switch header.Name {
		case "august-sync":
			if string(data) != string(runtime) {
				t.Error("the runtime in the image is not the one given")
			}
		case caBundle:
			if n := strings.Count(string(data), "BEGIN CERTIFICATE"); n < 100 {
				t.Errorf("CA bundle holds %d certificates", n)
			}
		}
	}
}

// The digest of the base layer is written down here, so that a machine, toolchain or module that
// would pack it differently fails this test instead of quietly giving every user a new image.
func TestBaseLayer_golden(t *testing.T) {
	t.Parallel()
	base, err := baseLayer()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/base_layer.golden")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("digest %s\ndiff_id %s\nsize %d\n", base.digest, base.diffID, len(base.compressed))
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the base layer changed; if a new CA bundle is meant to, accept it (-want +got):\n%s", diff)
	}
}

// Same files, same digest, in whatever order they come; any other files, another digest.
func TestNewLayer_reproducible(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	file := rapid.Custom(func(t *rapid.T) entry {
		return entry{
			name: rapid.StringMatching(`[a-z]{1,8}(/[a-z]{1,8}){0,2}`).Draw(t, "name"),
			mode: int64(rapid.SampledFrom([]int{0o444, 0o555}).Draw(t, "mode")),
			root: rapid.Bool().Draw(t, "root"),
			data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		files := rapid.SliceOfNDistinct(file, 1, 8, func(e entry) string { return e.name }).Draw(t, "files")
		shuffled := rapid.Permutation(files).Draw(t, "shuffled")
		first, err := newLayer(slices.Clone(files))
		if err != nil {
			t.Fatal(err)
		}
		second, err := newLayer(shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if first.digest != second.digest || first.diffID != second.diffID || !bytes.Equal(first.compressed, second.compressed) {
			t.Fatalf("%s and %s from the same files", first.digest, second.digest)
		}
		slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
		input := fmt.Sprintf("%#v", files)
		if other, ok := seen[first.digest.Hex]; ok && other != input {
			t.Fatalf("%s and %s give the same digest", other, input)
		}
		seen[first.digest.Hex] = input
	})
}

// The digest depends on the runtime and the labels, and on nothing else.
func TestBuild_reproducible(t *testing.T) {
	t.Parallel()
	runtime := tiny(t, "linux", "amd64")
	seen := map[string]bool{}
	for _, input := range []struct {
		tail   string
		labels map[string]string
	}{
		{"", nil}, {"x", nil}, {"", map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}}, {"", map[string]string{"a": "1"}},
	} {
		data := append(bytes.Clone(runtime), input.tail...)
		first, err := Build(data, input.labels)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Build(bytes.Clone(data), maps.Clone(input.labels))
		if err != nil {
			t.Fatal(err)
		}
		if first.Digest != second.Digest || first.Size != second.Size {
			t.Errorf("%s and %s from the same input", first.Digest, second.Digest)
		}
		if seen[first.Digest.Hex] {
			t.Errorf("%q %v has another input's digest", input.tail, input.labels)
		}
		seen[first.Digest.Hex] = true
	}
}

func TestCheck_refuses(t *testing.T) {
	t.Parallel()
	good := tiny(t, "linux", "amd64")

	dynamic := append([]byte{}, good...)
	at := programHeader(t, dynamic, elf.PT_GNU_STACK)
	binary.LittleEndian.PutUint32(dynamic[at:], uint32(elf.PT_INTERP))

	object := append([]byte{}, good...)
	binary.LittleEndian.PutUint16(object[16:], uint16(elf.ET_REL))

	notGo := make([]byte, 64)
	copy(notGo, good[:64])
	binary.LittleEndian.PutUint64(notGo[32:], 0) // no program headers
	binary.LittleEndian.PutUint16(notGo[56:], 0)
	binary.LittleEndian.PutUint64(notGo[40:], 0) // no sections
	binary.LittleEndian.PutUint16(notGo[60:], 0)
	binary.LittleEndian.PutUint16(notGo[62:], 0)

	for _, tt := range []struct {
		name   string
		binary []byte
		want   string
	}{
		{"empty", nil, "not a Linux executable"},
		{"script", []byte("#!/bin/sh\necho hello\n"), "not a Linux executable"},
		{"macOS", tiny(t, "darwin", "amd64"), "not a Linux executable"},
		{"arm64", tiny(t, "linux", "arm64"), "built for arm64"},
		{"FreeBSD", tiny(t, "freebsd", "amd64"), "FREEBSD"},
		{"NetBSD", tiny(t, "netbsd", "amd64"), "linux/amd64"},
		{"dynamic", dynamic, "CGO_ENABLED=0"},
		{"object file", object, "not an executable"},
		{"not Go", notGo, "not built by Go"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Check(tt.binary)
			var refused *BinaryError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if runtime, err := Check(good); err != nil || runtime.Version != "devel" {
		t.Errorf("a good binary: %+v, %v", runtime, err)
	}
}

// programHeader is where the first program header of a type starts.
func programHeader(t *testing.T, file []byte, kind elf.ProgType) int {
	t.Helper()
	at := int(binary.LittleEndian.Uint64(file[32:]))
	size, n := int(binary.LittleEndian.Uint16(file[54:])), int(binary.LittleEndian.Uint16(file[56:]))
	for range n {
		if elf.ProgType(binary.LittleEndian.Uint32(file[at:])) == kind {
			return at
		}
		at += size
	}
	t.Fatalf("no program header of type %s", kind)
	return 0
}
