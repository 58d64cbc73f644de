package transform

import "math"

const (
	tokenLength = 16 // characters that a token has at least, where there is room
	base36      = "0123456789abcdefghijklmnopqrstuvwxyz"
	upper36     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// token puts a keyed hash in a value's place: of digits where there are only digits, else of letters and digits, as long as the
// value and at least of 16 characters. Ways of writing the same thing have the same token, but for the case.
func (s *Set) token(domain string, limit int) apply {
	hash, key := s.cfg.Keys.derived("token hash "+domain), s.cfg.Keys.derived("token "+domain)
	return unlessBlank(func(w *Worker, dst, value []byte) ([]byte, error) {
		w.id = appendNormal(w.id[:0], value)
		hi, lo := w.scratch.mac(hash, 0, w.id)
		characters := base36[:10]
		for _, c := range value {
			if c == ' ' || isDigit(c) {
				continue
			}
			characters = base36
			if 'A' <= c && c <= 'Z' {
				characters = upper36
				break
			}
		}
		n := max(len(w.id), tokenLength)
		if limit > 0 {
			n = min(n, limit)
		}
		r := w.scratch.draw(key, seed{hi, lo}, 0)
		var bits, have uint64
		radix := uint64(len(characters))
		for range n {
			if have < 1<<32 {
				bits, have = r.next(), math.MaxUint64
			}
			dst = append(dst, characters[bits%radix])
			bits, have = bits/radix, have/radix
		}
		return dst, nil
	})
}

// scramble replaces letters and digits by others of their kind, alike for equal values of the domain. A letter beyond ASCII becomes
// one of ASCII.
func (s *Set) scramble(domain string) apply {
	hash, key := s.cfg.Keys.derived("scramble hash "+domain), s.cfg.Keys.derived("scramble "+domain)
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		w.id = appendNormal(w.id[:0], value)
		hi, lo := w.scratch.mac(hash, 0, w.id)
		r := w.scratch.draw(key, seed{hi, lo}, 0)
		var bits, have uint64
		below := func(n uint64) uint64 {
			if have < 1<<32 {
				bits, have = r.next(), math.MaxUint64
			}
			x := bits % n
			bits, have = bits/n, have/n
			return x
		}
		for _, c := range value {
			switch {
			case isDigit(c):
				c = character(anyDigit, below(10))
			case 'a' <= c && c <= 'z' || c >= 0xC0:
				c = character(small, below(26))
			case 'A' <= c && c <= 'Z':
				c = character(capital, below(26))
			case c >= 0x80:
				continue
			}
			dst = append(dst, c)
		}
		return dst, nil
	}
}
