package image

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Remote is what an image in a registry says about itself.
type Remote struct {
	Version string
	Labels  map[string]string // without ours
	Size    int64
	SBOM    string // digest of its SBOM, or empty
}

// ForeignError says why something in a registry is not an image of the runtime.
type ForeignError struct {
	// Reason completes "it …".
	Reason string
}

// Error implements error.
func (e *ForeignError) Error() string { return "it " + e.Reason }

// Describe reads an image's description, or nil when there is no such image. It fails with [*ForeignError] when what is
// there is none of ours.
func (r *Registry) Describe(ctx context.Context, reference string) (*Remote, error) {
	ref, err := name.ParseReference(reference, name.StrictValidation)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", reference, err)
	}
	desc, err := r.puller.Get(ctx, ref)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", ref, err)
	}
	img, config, err := ours(desc)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	size, err := storedSize(img)
	if err != nil {
		return nil, err
	}
	sbom, err := r.sbomOf(ctx, ref.Context().Digest(desc.Digest.String()))
	if err != nil {
		return nil, err
	}
	labels := config.Config.Labels
	return &Remote{Version: labels[LabelVersion], Labels: CustomLabels(labels), Size: size, SBOM: sbom}, nil
}

// ours reads an image of the runtime. Of an index the registry's client would quietly take one image, and of an artifact an
// empty config.
func ours(desc *remote.Descriptor) (v1.Image, *v1.ConfigFile, error) {
	if desc.MediaType.IsIndex() {
		return nil, nil, &ForeignError{"is an index of images for several platforms, and the provider's images have none" + member(desc)}
	}
	if !desc.MediaType.IsImage() {
		return nil, nil, &ForeignError{fmt.Sprintf("is no image: its media type is %q", desc.MediaType)}
	}
	img, err := desc.Image()
	if err != nil {
		return nil, nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, nil, err
	}
	if !manifest.Config.MediaType.IsConfig() {
		return nil, nil, &ForeignError{fmt.Sprintf("is an artifact of the type %q and no image", cmp.Or(manifest.ArtifactType, string(manifest.Config.MediaType)))}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	if config.OS != platform.OS || config.Architecture != platform.Architecture {
		return nil, nil, &ForeignError{fmt.Sprintf("is built for %s; Cloud Run needs %s", config.Platform(), platform)}
	}
	if got := config.Config.Labels[LabelTitle]; got != title {
		return nil, nil, &ForeignError{fmt.Sprintf("was not packed from the runtime: its label %s is %q, not %q", LabelTitle, got, title)}
	}
	return img, config, nil
}

// member says which image of an index is the one for Cloud Run, if one is.
func member(desc *remote.Descriptor) string {
	index, err := desc.ImageIndex()
	if err != nil {
		return ""
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return ""
	}
	for _, d := range manifest.Manifests {
		if d.Platform != nil && d.Platform.Satisfies(platform) {
			return fmt.Sprintf("; the one for %s is %s", platform, d.Digest)
		}
	}
	return ""
}
