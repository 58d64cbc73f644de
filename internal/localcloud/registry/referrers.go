package registry

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// referrers answers /v2/{repository}/referrers/{digest}: what refers to a manifest, of one type if the client asks for one.
// go-containerregistry's own answer leaves out the type that an artifact's manifest says it is.
func (f *Face) referrers(w http.ResponseWriter, r *http.Request) {
	repo, subject, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/referrers/")
	if _, err := v1.NewHash(subject); err != nil {
		http.Error(w, `{"errors":[{"code":"DIGEST_INVALID","message":"the path does not end with a digest"}]}`, http.StatusBadRequest)
		return
	}
	found, err := f.referring(repo, subject)
	if err != nil {
		http.Error(w, "referrers: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if kind := r.URL.Query().Get("artifactType"); kind != "" {
		found = slices.DeleteFunc(found, func(d v1.Descriptor) bool { return d.ArtifactType != kind })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", string(types.OCIImageIndex))
	_ = json.NewEncoder(w).Encode(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: found}) // the client is gone
}

// referring describes the manifests of a repository that have another as their subject, in the order of their digests.
func (f *Face) referring(repo, subject string) ([]v1.Descriptor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []v1.Descriptor{}
	for path, e := range f.index {
		if in, ref := split(path); in != repo || ref != e.Digest {
			continue // a tag; its manifest is there by digest, too
		}
		body, err := os.ReadFile(f.manifestPath(e.Digest)) //nolint:gosec // named by a digest of ours
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if json.Unmarshal(body, &m) != nil || m.Subject == nil || m.Subject.Digest.String() != subject {
			continue
		}
		digest, err := v1.NewHash(e.Digest)
		if err != nil {
			return nil, err
		}
		if m.ArtifactType == "" {
			m.ArtifactType = string(m.Config.MediaType)
		}
		found = append(found, v1.Descriptor{
			MediaType: types.MediaType(e.Type), Size: int64(len(body)), Digest: digest, ArtifactType: m.ArtifactType, Annotations: m.Annotations,
		})
	}
	slices.SortFunc(found, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	return found, nil
}

func isReferrers(path string) bool {
	return strings.HasPrefix(path, "/v2/") && strings.Contains(path, "/referrers/")
}
