package transform

import (
	"strings"
	"testing"
)

func TestKeysAreRefused(t *testing.T) {
	t.Parallel()
	short := fixed(t, 1).master[:31]
	for _, secret := range [][]byte{nil, short, make([]byte, 31), make([]byte, 64), []byte(strings.Repeat("test", 16))} {
		if _, err := NewKeys(secret); err == nil || strings.Contains(err.Error(), "testtest") {
			t.Errorf("%d bytes: %v", len(secret), err)
		}
	}
	a, b := fixed(t, 1), fixed(t, 2)
	c, d := EphemeralKeys(), EphemeralKeys()
	if len(a.ID()) != 16 || a.ID() != fixed(t, 1).ID() || a.ID() == b.ID() || c.ID() == d.ID() {
		t.Error("ids of keys are not theirs")
	}
}
