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

const nameTime = "20060102t150405z"

// NewName is a name for an export that is made now, which nobody else has. All who name exports do it so: names sort by time, and the
// last is the newest.
func NewName(now time.Time) string {
	var some [4]byte
	_, _ = rand.Read(some[:]) // never fails
	return now.UTC().Format(nameTime) + "-" + hex.EncodeToString(some[:])
}

// NamedAt is when NewName made a name; false of one that it did not make.
func NamedAt(name string) (time.Time, bool) {
	if len(name) != len(nameTime)+9 {
		return time.Time{}, false
	}
	at, err := time.Parse(nameTime, name[:len(nameTime)])
	return at, err == nil
}
