package secrets

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"

	"golang.org/x/crypto/scrypt"
)

// Digest recognises a value that it does not hold. It is salted, so that equal values are not seen to be equal, and slow, so that
// whoever gets hold of it cannot try values by the million: it lies in a state file, and a secret may be as poor as a PIN.
type Digest struct {
	Format int    `json:"format"`
	Salt   []byte `json:"salt"`
	Sum    []byte `json:"sum"`
}

// digestFormat is scrypt with these parameters. Another choice of them is another format.
const (
	digestFormat = 1
	scryptN      = 1 << 15 // 32 MiB and about a tenth of a second
	scryptR      = 8
	scryptP      = 1
	digestSize   = 32
	saltSize     = 16
)

// DigestOf makes the digest of a value, another one each time.
func DigestOf(value []byte) (Digest, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	sum, err := scrypt.Key(value, salt, scryptN, scryptR, scryptP, digestSize)
	return Digest{digestFormat, salt, sum}, err
}

// Matches says whether this is the value that the digest was made of.
func (d Digest) Matches(value []byte) bool {
	if d.Format != digestFormat || len(d.Sum) != digestSize {
		return false
	}
	sum, err := scrypt.Key(value, d.Salt, scryptN, scryptR, scryptP, digestSize)
	return err == nil && subtle.ConstantTimeCompare(sum, d.Sum) == 1
}

// Marshal writes a digest down.
func (d Digest) Marshal() ([]byte, error) { return json.Marshal(d) }

// ParseDigest reads what Marshal wrote. Of what it does not understand, it makes a digest that matches nothing.
func ParseDigest(raw []byte) Digest {
	var d Digest
	if json.Unmarshal(raw, &d) != nil {
		return Digest{}
	}
	return d
}
