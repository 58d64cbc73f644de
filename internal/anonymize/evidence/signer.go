package evidence

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
)

// Signer is the key that a signed document says has signed it. It is to be pinned by whoever sees the export made, and to
// be compared with what is trusted by everybody else.
func Signer(signed []byte) (ed25519.PublicKey, error) {
	var d document
	if err := json.Unmarshal(signed, &d); err != nil || len(d.PublicKey) != ed25519.PublicKeySize {
		return nil, errors.New("this is no signed manifest")
	}
	return d.PublicKey, nil
}
