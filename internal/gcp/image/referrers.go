package image

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// attach sends an image's SBOM. A registry that keeps referrers lists it from then on; for one that does not, the client
// keeps the list itself, under the tag that OCI's distribution specification has for that.
func (r *Registry) attach(ctx context.Context, repo name.Repository, img *Image) error {
	ref := repo.Digest(img.SBOM.Digest.String())
	if err := r.push(ctx, ref, img.SBOM.artifact); err != nil {
		return err
	}
	attached, err := r.Attached(ctx, repo.Name()+"@"+img.Digest.String(), img.SBOM.Digest.String())
	if attached || err != nil {
		return err
	}
	// The artifact was there, and so was not sent, but is on no list: sending its manifest puts it there.
	pusher, err := r.currentPusher()
	if err != nil {
		return err
	}
	return pusher.Put(ctx, ref, img.SBOM.artifact)
}

// Attached asks whether an SBOM is listed among what refers to an image, which is given by digest.
func (r *Registry) Attached(ctx context.Context, reference, sbom string) (bool, error) {
	ref, err := name.NewDigest(reference, name.StrictValidation)
	if err != nil {
		return false, fmt.Errorf("image %q: %w", reference, err)
	}
	all, err := r.referrers(ctx, ref)
	return slices.ContainsFunc(all, func(d v1.Descriptor) bool { return d.Digest.String() == sbom }), err
}

// sbomOf is the digest of the SBOM that some provider of ours attached to an image, or empty. Of several, which providers of
// different releases leave, it is always the same one.
func (r *Registry) sbomOf(ctx context.Context, ref name.Digest) (string, error) {
	all, err := r.referrers(ctx, ref)
	if err != nil {
		return "", err
	}
	var found []string
	for _, d := range all {
		if d.Annotations[LabelTitle] == sbomTitle {
			found = append(found, d.Digest.String())
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	return slices.Min(found), nil
}

func (r *Registry) referrers(ctx context.Context, ref name.Digest) ([]v1.Descriptor, error) {
	index, err := remote.Referrers(ref, remote.WithContext(ctx), remote.Reuse(r.puller))
	if err != nil {
		return nil, fmt.Errorf("list what refers to %s: %w", ref, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read what refers to %s: %w", ref, err)
	}
	return manifest.Manifests, nil
}
