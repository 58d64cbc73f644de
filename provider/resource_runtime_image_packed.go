package provider

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
)

// packedImage is what a plan says of an image. To compress a runtime takes most of a plan's time, so that what was pushed is kept
// with what it was made of, and is not packed again to find out that it is the same.
type packedImage struct {
	Of      string `json:"of"` // sum of all that an image is a function of
	Digest  string `json:"digest"`
	Version string `json:"version"`
	Size    int64  `json:"size"`
	SBOM    string `json:"sbom"`
}

// packedKey is its place in the private state.
const packedKey = "packed"

func describePacked(packed *image.Image, runtime [sha256.Size]byte, labels map[string]string) *packedImage {
	return &packedImage{Of: madeOf(runtime, labels), Digest: packed.Digest.String(), Version: packed.Version, Size: packed.Size, SBOM: packed.SBOM.Digest.String()}
}

// foresee is the image that an apply would push; nil when that is not known yet, or cannot be made.
func (m runtimeImageModel) foresee(ctx context.Context, private privateState, diags *diag.Diagnostics) *packedImage {
	file, labels, known := m.source(ctx, diags)
	if !known {
		return nil
	}
	if runtime, err := sumOf(file); err == nil {
		if before := packedBefore(ctx, private, madeOf(runtime, labels)); before != nil {
			return before
		}
	}
	_, packed := pack(file, labels, diags)
	return packed
}

// keep remembers an image that was pushed.
func (p *packedImage) keep(ctx context.Context, private privateKeeper) {
	if body, err := json.Marshal(p); err == nil {
		_ = private.SetKey(ctx, packedKey, body) // without it, it is packed again
	}
}

// packedBefore is the image that was pushed last, if it was made of the same; nil otherwise.
func packedBefore(ctx context.Context, private privateState, of string) *packedImage {
	body, _ := private.GetKey(ctx, packedKey)
	var p packedImage
	if of == "" || json.Unmarshal(body, &p) != nil || p.Of != of {
		return nil
	}
	return &p
}

// madeOf sums up what an image is made of: the runtime, the labels, and this program, which packs them. It is empty when that
// cannot be told.
func madeOf(runtime [sha256.Size]byte, labels map[string]string) string {
	packer, err := thisProgram()
	if err != nil {
		return ""
	}
	named, err := json.Marshal(labels) // in the order of their names
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(slices.Concat(packer[:], runtime[:], named)))
}

var thisProgram = sync.OnceValues(func() (sum [sha256.Size]byte, err error) {
	file, err := os.Executable()
	if err != nil {
		return sum, err
	}
	return sumOf(file)
})

func sumOf(file string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(file) // #nosec G304 -- the user's own
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// settle fills in what an image makes known; all of it is unknown without one.
func (m *runtimeImageModel) settle(packed *packedImage) {
	m.ID, m.Image = types.StringUnknown(), types.StringUnknown()
	if packed == nil {
		m.Digest, m.Version, m.SizeBytes, m.SBOMDigest = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown(), types.StringUnknown()
		return
	}
	m.Digest = types.StringValue(packed.Digest)
	m.Version = types.StringValue(packed.Version)
	m.SizeBytes = types.Int64Value(packed.Size)
	m.SBOMDigest = types.StringValue(packed.SBOM)
	if !m.Repository.IsUnknown() {
		m.Image = types.StringValue(m.reference())
		m.ID = m.Image
	}
}
