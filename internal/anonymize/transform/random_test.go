package transform

import (
	"bytes"
	"testing"
)

// Messages of which one is the beginning of another, with zeros or without, have hashes of their own.
func TestMessagesHaveHashesOfTheirOwn(t *testing.T) {
	t.Parallel()
	var s scratch
	key := fixed(t, 1).derived("test")
	seen := map[seed]int{}
	for n := range 70 {
		for _, c := range []byte{0, 'a'} {
			for tag := range uint64(3) {
				hi, lo := s.mac(key, tag, bytes.Repeat([]byte{c}, n))
				seen[seed{hi, lo}]++
			}
		}
	}
	if want := 3 * (2*70 - 1); len(seen) != want { // no bytes are the same as no other bytes
		t.Errorf("of %d messages there are %d hashes", want, len(seen))
	}
}
