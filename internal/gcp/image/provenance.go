package image

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
)

// Annotations of the manifest, beside those that are also labels: what can be known of where an image comes from without
// running it. There is no base image, so none is named.
const (
	// AnnotationRevision is the commit that the runtime was built from. Releases stamp it; a build that does not know it
	// says nothing.
	AnnotationRevision = "org.opencontainers.image.revision"
	// AnnotationGo is the Go release that compiled the runtime.
	AnnotationGo = "io.github.feel-august.runtime.go-version"
	// AnnotationSum is the SHA-256 of the runtime's executable, as its release's archive holds it.
	AnnotationSum = "io.github.feel-august.runtime.sha256"
)

// annotations is the provenance of an image: what its runtime says of itself, and nothing that another machine or another
// day would say differently.
func annotations(runtime *Runtime, binary []byte) map[string]string {
	all := map[string]string{AnnotationGo: runtime.Go, AnnotationSum: sumOf(binary)}
	maps.Copy(all, ownLabels(runtime.Version))
	if runtime.Revision != "" {
		all[AnnotationRevision] = runtime.Revision
	}
	return all
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
