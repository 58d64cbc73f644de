// Package image packs the sync runtime into an OCI image and pushes it, without Docker.
//
// The image is a pure function of the runtime's bytes, the labels and this package: the digest is
// known before anything is sent, and is the same on every machine. That takes four things: entries
// in fixed order with fixed owner, mode and time; a compressor that go.mod pins, since the bytes
// that the standard library's gzip writes may change with the Go release; a CA bundle that go.mod
// pins instead of the build machine's; and a creation time of zero.
package image

import (
	"errors"
	"fmt"
	"maps"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Entrypoint is the path of the runtime inside the image.
const Entrypoint = "/august-sync"

// User is the numeric user and group that the runtime runs as; both are called nonroot.
const User = "65532:65532"

// Labels that every image carries. The values win over a caller's label of the same name.
const (
	LabelTitle   = "org.opencontainers.image.title"
	LabelSource  = "org.opencontainers.image.source"
	LabelVersion = "org.opencontainers.image.version"
)

const (
	title  = "august-sync"
	source = "https://github.com/feel-august/terraform-provider-august"
)

// platform is Cloud Run's, and the only one that there are images for: a manifest is enough, and there is no index.
var platform = v1.Platform{OS: "linux", Architecture: "amd64"}

// Image is a packed runtime.
type Image struct {
	// OCI is the image as registries know it.
	OCI v1.Image
	// Digest is the digest of the manifest.
	Digest v1.Hash
	// Version is the runtime's version, as its build recorded it.
	Version string
	// SBOM is what the image is made of.
	SBOM *SBOM
	// Size is what the registry stores: manifest, config and compressed layers, in bytes.
	Size int64
}

// Build packs a static linux/amd64 runtime into an image. It fails with [*BinaryError] when the
// binary cannot run there.
func Build(binary []byte, labels map[string]string) (*Image, error) {
	runtime, err := Check(binary)
	if err != nil {
		return nil, err
	}
	base, err := baseLayer()
	if err != nil {
		return nil, err
	}
	app, err := newLayer([]entry{{name: Entrypoint[1:], mode: 0o555, data: binary}})
	if err != nil {
		return nil, err
	}

	zero := v1.Time{Time: time.Unix(0, 0).UTC()}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img, err = mutate.Append(img,
		mutate.Addendum{Layer: base, History: v1.History{Created: zero, CreatedBy: "august: CA bundle and users"}},
		mutate.Addendum{Layer: app, History: v1.History{Created: zero, CreatedBy: "august: runtime"}},
	)
	if err != nil {
		return nil, fmt.Errorf("append layers: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	config = config.DeepCopy()
	config.Created = zero
	config.OS, config.Architecture = platform.OS, platform.Architecture
	config.Config = v1.Config{
		User:       User,
		Entrypoint: []string{Entrypoint},
		Cmd:        []string{"serve"},
		WorkingDir: "/",
		Env:        []string{"PATH=/", "SSL_CERT_FILE=/" + caBundle},
		Labels:     allLabels(labels, runtime.Version),
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	img, ok := mutate.Annotations(img, annotations(runtime, binary)).(v1.Image)
	if !ok {
		return nil, errors.New("annotate image: what came back is no image")
	}
	packed, err := describe(img, runtime.Version)
	if err != nil {
		return nil, err
	}
	packed.SBOM, err = newSBOM(packed, runtime, binary)
	return packed, err
}

// ownLabels is what every image says of itself, in its config and in its manifest.
func ownLabels(version string) map[string]string {
	return map[string]string{LabelTitle: title, LabelSource: source, LabelVersion: version}
}

// allLabels is the caller's labels under ours.
func allLabels(labels map[string]string, version string) map[string]string {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, ownLabels(version))
	return all
}

// CustomLabels is what a caller added to the labels of an image.
func CustomLabels(all map[string]string) map[string]string {
	custom := maps.Clone(all)
	for _, ours := range []string{LabelTitle, LabelSource, LabelVersion} {
		delete(custom, ours)
	}
	return custom
}

func describe(img v1.Image, version string) (*Image, error) {
	digest, err := img.Digest()
	if err != nil {
		return nil, fmt.Errorf("digest of image: %w", err)
	}
	size, err := storedSize(img)
	if err != nil {
		return nil, err
	}
	return &Image{OCI: img, Digest: digest, Version: version, Size: size}, nil
}

func storedSize(img v1.Image) (int64, error) {
	size, err := img.Size()
	if err != nil {
		return 0, fmt.Errorf("size of manifest: %w", err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	size += manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, nil
}
