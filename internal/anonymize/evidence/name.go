package evidence

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"time"
)

// nameForm is what an export may be called: names are parts of those of objects.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// IsName says whether an export may be called so.
func IsName(s string) bool { return nameForm.MatchString(s) }

// NewName is a name for an export that is made now, which nobody else has. All who name exports do it so: names sort by time, and the
// last is the newest.
func NewName(now time.Time) string {
	var some [4]byte
	_, _ = rand.Read(some[:]) // never fails
	return now.UTC().Format("20060102t150405z") + "-" + hex.EncodeToString(some[:])
}
