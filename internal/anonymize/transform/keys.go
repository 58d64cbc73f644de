package transform

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// keySize is what a master key must have at least, and what sub-keys have.
const keySize = 32

// Keys is the secret that pseudonyms come from: one master key, and a sub-key for each purpose, so that what is equal in two
// domains is not equal in the result.
type Keys struct {
	master []byte

	// run is of this process alone, even where the master key is kept: surrogates come from it, so that they follow from
	// nothing that outlives the run.
	run []byte
}

// NewKeys makes keys out of a secret, of at least 32 bytes. The same secret gives the same pseudonyms.
func NewKeys(master []byte) (*Keys, error) {
	if len(master) < keySize {
		return nil, errors.New("the key is too short: at least 32 random bytes are needed, such as `openssl rand 32` makes")
	}
	seen := map[byte]bool{}
	for _, b := range master {
		seen[b] = true
	}
	if len(seen) < 8 {
		return nil, errors.New("the key is not random: make one with `openssl rand 32`")
	}
	return &Keys{master: append([]byte(nil), master...), run: random()}, nil
}

// EphemeralKeys makes keys that nobody else has, and that end with the process.
func EphemeralKeys() *Keys { return &Keys{master: random(), run: random()} }

func random() []byte {
	b := make([]byte, keySize)
	rand.Read(b) // it does not return when it fails
	return b
}

// ID names the key and does not give it away.
func (k *Keys) ID() string {
	mac := hmac.New(sha256.New, k.master)
	mac.Write([]byte("id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// derived is the sub-key of a purpose, for what may follow from a value.
func (k *Keys) derived(purpose string) cipher.Block { return subKey(k.master, purpose) }

// drawn is the sub-key of a purpose, for what must not.
func (k *Keys) drawn(purpose string) cipher.Block { return subKey(k.run, purpose) }

func subKey(from []byte, purpose string) cipher.Block {
	key, err := hkdf.Key(sha256.New, from, nil, "august anonymize 1: "+purpose, keySize)
	if err != nil {
		panic(err) // only when more is asked for than HKDF gives
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a size that AES does not know
	}
	return block
}
