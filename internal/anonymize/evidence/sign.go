package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// purpose goes before what is signed, so that a signature of the key for something else is none of a manifest.
const purpose = "august export manifest 1\n"

// Errors of Open.
var (
	ErrForged = errors.New("the manifest's signature does not verify: it was altered after it was signed")
	ErrSigner = errors.New("the manifest is signed by another key")
)

// document is a signed manifest as it lies in the bucket. What is signed are the manifest's bytes without space between
// tokens, so that a document that was only laid out anew still verifies.
type document struct {
	Manifest  json.RawMessage `json:"manifest"`
	Algorithm string          `json:"algorithm"`
	PublicKey []byte          `json:"public_key"` // for a reader to know who has signed; never trusted by itself
	Signature []byte          `json:"signature"`
}

// Sign writes a manifest as a signed document.
func Sign(m *Manifest, key ed25519.PrivateKey) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(document{
		Manifest: body, Algorithm: "Ed25519", PublicKey: key.Public().(ed25519.PublicKey), Signature: ed25519.Sign(key, append([]byte(purpose), body...)),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// Open reads a signed document, which has to be signed by the key that the reader trusts.
func Open(signed []byte, trusted ed25519.PublicKey) (*Manifest, error) {
	var d document
	if err := json.Unmarshal(signed, &d); err != nil {
		return nil, errors.New("this is no signed manifest: it is no JSON of one")
	}
	if d.Algorithm != "Ed25519" || len(d.PublicKey) != ed25519.PublicKeySize {
		return nil, errors.New("this is no signed manifest: it has no Ed25519 key")
	}
	if !bytes.Equal(d.PublicKey, trusted) {
		return nil, fmt.Errorf("%w: %s, not %s", ErrSigner, Fingerprint(d.PublicKey), Fingerprint(trusted))
	}
	var body bytes.Buffer
	body.WriteString(purpose)
	if err := json.Compact(&body, d.Manifest); err != nil {
		return nil, ErrForged
	}
	if !ed25519.Verify(trusted, body.Bytes(), d.Signature) {
		return nil, ErrForged
	}
	m := new(Manifest)
	read := json.NewDecoder(bytes.NewReader(d.Manifest))
	if err := read.Decode(m); err != nil {
		return nil, fmt.Errorf("the manifest is signed, but not readable: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("the manifest has format %d, and this version reads format %d: use the version that made the export", m.Format, Format)
	}
	return m, nil
}

// Fingerprint is short for a public key.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}
