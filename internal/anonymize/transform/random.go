package transform

import (
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
)

// scratch is where blocks are enciphered: one that lives as long as a worker, so that nothing is allocated for a cell.
type scratch struct{ block [16]byte }

func (s *scratch) encrypt(b cipher.Block, hi, lo uint64) (uint64, uint64) {
	binary.BigEndian.PutUint64(s.block[:8], hi)
	binary.BigEndian.PutUint64(s.block[8:], lo)
	b.Encrypt(s.block[:], s.block[:])
	return binary.BigEndian.Uint64(s.block[:8]), binary.BigEndian.Uint64(s.block[8:])
}

// mac is the keyed hash of a message: CBC-MAC, whose first block has a tag and the length, so that no message is the
// beginning of another. A sub-key is for this alone, or for encrypt alone.
func (s *scratch) mac(b cipher.Block, tag uint64, message []byte) (hi, lo uint64) {
	s.encrypt(b, tag, uint64(len(message)))
	for len(message) > 0 {
		n := min(len(message), len(s.block))
		for i, c := range message[:n] {
			s.block[i] ^= c
		}
		b.Encrypt(s.block[:], s.block[:])
		message = message[n:]
	}
	return binary.BigEndian.Uint64(s.block[:8]), binary.BigEndian.Uint64(s.block[8:])
}

// seed is a hash that random choices follow from.
type seed struct{ hi, lo uint64 }

// draw is a row of random numbers, always the same for a seed and a purpose.
type draw struct {
	s     *scratch
	b     cipher.Block
	at    seed
	spare uint64
	half  bool
}

func (s *scratch) draw(b cipher.Block, from seed, purpose uint64) draw {
	return draw{s: s, b: b, at: seed{from.hi, from.lo + purpose<<32}}
}

func (d *draw) next() uint64 {
	if d.half {
		d.half = false
		return d.spare
	}
	hi, lo := d.s.encrypt(d.b, d.at.hi, d.at.lo)
	d.at.lo++
	d.spare, d.half = lo, true
	return hi
}

// below is a number from 0 to n-1.
func (d *draw) below(n uint64) uint64 {
	hi, _ := bits.Mul64(d.next(), n)
	return hi
}
