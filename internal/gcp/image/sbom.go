package image

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// SBOMType is the artifact's type and the media type of the document in it.
const SBOMType = "application/spdx+json"

// sbomTitle is the name that the document has where it is pulled to, and what tells our artifact from others that refer
// to the image.
const sbomTitle = title + ".spdx.json"

// SBOM is an image's bill of materials: an SPDX document in an artifact that refers to the image. Like the image's, its
// digest is known before anything is sent.
type SBOM struct {
	// Document is SPDX 2.3 in JSON.
	Document []byte
	// Digest is the digest of the artifact's manifest.
	Digest v1.Hash

	artifact v1.Image
}

func newSBOM(img *Image, runtime *Runtime, binary []byte) (*SBOM, error) {
	document, err := json.MarshalIndent(spdx(img.Digest, runtime, sumOf(binary)), "", " ")
	if err != nil {
		return nil, fmt.Errorf("write SBOM: %w", err)
	}
	document = append(document, '\n')
	subject, err := partial.Descriptor(img.OCI)
	if err != nil {
		return nil, fmt.Errorf("describe image: %w", err)
	}
	// What refers names the manifest alone; what kind of thing that is, the manifest says.
	subject = &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	a := &artifact{document: static.NewLayer(document, SBOMType)}
	if err := a.refer(subject); err != nil {
		return nil, fmt.Errorf("write manifest of SBOM: %w", err)
	}
	oci, err := partial.CompressedToImage(a)
	if err != nil {
		return nil, fmt.Errorf("make artifact of SBOM: %w", err)
	}
	digest, err := oci.Digest()
	if err != nil {
		return nil, fmt.Errorf("digest of SBOM: %w", err)
	}
	return &SBOM{Document: document, Digest: digest, artifact: oci}, nil
}

// artifact is a document as registries keep one since OCI 1.1: a manifest with a subject and a type, whose config is
// empty. It implements partial.CompressedImageCore.
type artifact struct {
	document v1.Layer
	manifest []byte
}

// emptyConfig is OCI's guidance for an artifact that has no config.
const emptyConfig = "{}"

func (a *artifact) refer(subject *v1.Descriptor) error {
	document, err := partial.Descriptor(a.document)
	if err != nil {
		return err
	}
	document.Annotations = map[string]string{LabelTitle: sbomTitle}
	config := static.NewLayer([]byte(emptyConfig), types.OCIEmptyJSON)
	empty, err := partial.Descriptor(config)
	if err != nil {
		return err
	}
	a.manifest, err = json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  SBOMType,
		Config:        *empty,
		Layers:        []v1.Descriptor{*document},
		Subject:       subject,
		Annotations:   map[string]string{LabelTitle: sbomTitle, LabelSource: source},
	})
	return err
}

// MediaType is an image's: registries take artifacts by no other.
func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawConfigFile is empty.
func (a *artifact) RawConfigFile() ([]byte, error) { return []byte(emptyConfig), nil }

// RawManifest is the manifest.
func (a *artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

// LayerByDigest is the document.
func (a *artifact) LayerByDigest(wanted v1.Hash) (partial.CompressedLayer, error) {
	if digest, err := a.document.Digest(); err != nil || digest != wanted {
		return nil, errors.New("an SBOM holds its document only")
	}
	return a.document, nil
}
