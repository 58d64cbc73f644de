package transform

import (
	"crypto/cipher"
	"math"
	"math/bits"
)

// rounds of the Feistel networks; NIST's FF1 has as many.
const rounds = 10

// permutation maps the numbers below size one to one onto themselves, as its key says: a Feistel network over a rectangle
// that is hardly larger, walked through until it comes back below size.
type permutation struct {
	key  cipher.Block
	tag  uint64
	size uint64 // at most 2^63
	a, b uint64 // sides of the rectangle
}

func newPermutation(key cipher.Block, tag, size uint64) permutation {
	a := uint64(math.Sqrt(float64(size)))
	for a*a < size {
		a++
	}
	a = max(a, 1)
	return permutation{key: key, tag: tag, size: size, a: a, b: max((size+a-1)/a, 1)}
}

func (p *permutation) round(s *scratch, i, half, side uint64) uint64 {
	f, _ := s.encrypt(p.key, p.tag<<8|i, half)
	hi, _ := bits.Mul64(f, side)
	return hi
}

// apply maps x, which is below size.
func (p *permutation) apply(s *scratch, x uint64) uint64 {
	for {
		l, r := x/p.b, x%p.b
		for i := uint64(0); i < rounds; i += 2 {
			l = (l + p.round(s, i, r, p.a)) % p.a
			r = (r + p.round(s, i+1, l, p.b)) % p.b
		}
		if x = l*p.b + r; x < p.size {
			return x
		}
	}
}

// invert is what apply maps to x.
func (p *permutation) invert(s *scratch, x uint64) uint64 {
	for {
		l, r := x/p.b, x%p.b
		for i := uint64(rounds); i > 0; i -= 2 {
			r = (r + p.b - p.round(s, i-1, l, p.b)) % p.b
			l = (l + p.a - p.round(s, i-2, r, p.a)) % p.a
		}
		if x = l*p.b + r; x < p.size {
			return x
		}
	}
}
