package provider

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// maxManifest bounds what is read of one: it grows with the number of tables and their parts.
const maxManifest = 64 << 20

// proof is a manifest that verifies, with who signed it and its digest.
type proof struct {
	*evidence.Manifest
	key    ed25519.PublicKey
	digest string // "sha256:" of the signed document
}

// errEvidence is a manifest that was read and proves nothing.
type errEvidence struct{ error }

func (e errEvidence) Unwrap() error { return e.error }

// prove reads the manifest of an export and verifies it. Without a key that is trusted, it is the one that the manifest states.
func prove(ctx context.Context, b bucket.Bucket, export string, trusted ed25519.PublicKey) (proof, error) {
	from, err := b.Open(ctx, evidence.ManifestName(export))
	if err != nil {
		return proof{}, err
	}
	defer func() { _ = from.Close() }()
	signed, err := io.ReadAll(io.LimitReader(from, maxManifest))
	if err != nil {
		return proof{}, err
	}
	if trusted == nil {
		if trusted, err = evidence.Signer(signed); err != nil {
			return proof{}, errEvidence{err}
		}
	}
	m, err := evidence.Open(signed, trusted)
	switch {
	case err != nil:
		return proof{}, errEvidence{err}
	case m.Export != export:
		return proof{}, errEvidence{fmt.Errorf("the manifest is that of the export %q", m.Export)}
	case !m.Scan.Passed || len(m.Scan.Findings) > 0:
		return proof{}, errEvidence{errors.New("the manifest says that the scan for leaks did not pass")}
	}
	sum := sha256.Sum256(signed)
	return proof{m, trusted, "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// newestExport is the last export that was published; "" when none was.
func newestExport(ctx context.Context, b bucket.Bucket) (string, error) {
	newest := ""
	for name, err := range b.List(ctx, evidence.ManifestFolder, "") {
		if err != nil {
			return "", err
		}
		if export, ok := strings.CutSuffix(name, ".json"); ok && evidence.IsName(export) && export > newest {
			newest = export
		}
	}
	return newest, nil
}

// isAbsent says that an object is not in its bucket.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
