package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// uid is the number of nonroot, as in distroless images.
const uid = 65532

const caBundle = "etc/ssl/certs/ca-certificates.crt"

// entry is a file of a layer, or a directory when its name ends with a slash.
type entry struct {
	name string
	mode int64
	root bool // owned by root, so that the runtime cannot change it
	data []byte
}

// baseLayer holds what a static Go binary expects of a system: whom it runs as and whom it trusts.
// Time zones are compiled into the runtime, and it writes no files.
var baseLayer = sync.OnceValues(func() (*layer, error) {
	return newLayer([]entry{
		{name: "etc/", mode: 0o755, root: true},
		{name: "etc/group", mode: 0o444, root: true, data: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{name: "etc/nsswitch.conf", mode: 0o444, root: true, data: []byte("hosts: files dns\n")},
		{name: "etc/passwd", mode: 0o444, root: true, data: []byte(
			"root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n")},
		{name: "etc/ssl/", mode: 0o755, root: true},
		{name: "etc/ssl/certs/", mode: 0o755, root: true},
		{name: caBundle, mode: 0o444, root: true, data: roots()},
	})
})

// roots is Mozilla's trust store as golang.org/x/crypto publishes it. Roots that are trusted only
// for older certificates are left out: a PEM file cannot say so, and no partner of ours uses one.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			// A bytes.Buffer never fails.
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return out.Bytes()
}

// layer is a compressed layer in memory. It implements v1.Layer.
type layer struct {
	compressed     []byte
	digest, diffID v1.Hash
}

func newLayer(entries []entry) (*layer, error) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })

	var compressed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&compressed, 6)
	if err != nil {
		return nil, fmt.Errorf("compress layer: %w", err)
	}
	sum := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(zip, sum))
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.data)), Uid: uid, Gid: uid, Format: tar.FormatUSTAR}
		if e.root {
			header.Uid, header.Gid = 0, 0
		}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("write %s to layer: %w", e.name, err)
		}
		if _, err := archive.Write(e.data); err != nil {
			return nil, fmt.Errorf("write %s to layer: %w", e.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("close layer: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("compress layer: %w", err)
	}

	digest := sha256.Sum256(compressed.Bytes())
	return &layer{
		compressed: compressed.Bytes(),
		digest:     v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(digest[:])},
		diffID:     v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))},
	}, nil
}

// Digest is the hash of the compressed layer.
func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the hash of the layer before compression.
func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Compressed reads the layer as a registry stores it.
func (l *layer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.compressed)), nil
}

// Uncompressed reads the layer as a tar archive.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(l.compressed))
	if err != nil {
		return nil, fmt.Errorf("open layer: %w", err)
	}
	return unzip, nil
}

// Size is the number of compressed bytes.
func (l *layer) Size() (int64, error) { return int64(len(l.compressed)), nil }

// MediaType is OCI's, as the manifest's.
func (l *layer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }
