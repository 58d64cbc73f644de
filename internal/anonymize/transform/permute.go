package transform

import (
	"encoding/binary"
	"math"
)

// permuteNumber maps a whole number to one that fits the domain's columns; the negative ones among themselves.
func (d *domain) permuteNumber(s *scratch, v int64) int64 {
	if v < 0 {
		return -1 - d.permuteNumber(s, -1-v)
	}
	x, limit := uint64(v), d.below
	if x < limit {
		return int64(d.permutation.apply(s, x)) //nolint:gosec // below 2^63
	}
	return int64(limit + d.beyond.apply(s, x-limit)) //nolint:gosec // below 2^63
}

// permuteText maps a text to one of its shape: a Feistel network over its characters, as in FFX, whose halves are added
// character by character, so that no length is too long.
func (d *domain) permuteText(w *Worker, dst, id []byte) []byte {
	if len(id) == uuidLength && isUUID(id) {
		return d.permuteUUID(w, dst, id)
	}
	w.shape = shapeOf(w.shape[:0], id)
	tag, _ := w.scratch.mac(d.hash, 1, w.shape)
	if w.shape[0] == hexLetter || w.shape[0] == hexLetterC {
		class := byte(hexSmall)
		if w.shape[0] == hexLetterC {
			class = hexCapital
		}
		for i := range w.shape {
			w.shape[i] = class
		}
	}
	from := len(dst)
	if len(id) > longest || len(w.shape) < len(id) || !ascii(id) {
		// Its shape leaves no way back. Two such texts are alike afterwards as rarely as hashes are.
		hi, lo := w.scratch.mac(d.hash, 2, id)
		rest := w.scratch.draw(d.cipher, seed{hi, lo}, 1)
		return fill(append(dst, w.shape...), from, w.shape, &rest)
	}
	dst = append(dst, id...)
	text := dst[from:]
	w.digits = w.digits[:0]
	for i, class := range w.shape {
		if radix(class) > 1 {
			w.digits = append(w.digits, ordinalOf(class, text[i]))
		}
	}
	for {
		d.feistel(w, tag)
		n := 0
		for i, class := range w.shape {
			if radix(class) > 1 {
				text[i] = character(class, uint64(w.digits[n]))
				n++
			}
		}
		// A shape is more than its places: hexadecimal digits have both letters and digits.
		w.id = shapeOf(w.id[:0], text)
		again, _ := w.scratch.mac(d.hash, 1, w.id)
		if again == tag {
			return dst
		}
	}
}

// feistel permutes the worker's digits, each of which is below the radix of its place.
func (d *domain) feistel(w *Worker, tag uint64) {
	w.radixes = w.radixes[:0]
	for _, class := range w.shape {
		if r := radix(class); r > 1 {
			w.radixes = append(w.radixes, r)
		}
	}
	n := len(w.digits)
	switch n {
	case 0:
		return
	case 1:
		p := newPermutation(d.cipher, tag>>8, w.radixes[0])
		w.digits[0] = byte(p.apply(&w.scratch, uint64(w.digits[0]))) //nolint:gosec // below the radix
		return
	}
	times := rounds
	if n < 10 {
		times = 2 * rounds // short ones need more; so says FFX
	}
	half := n / 2
	for i := range times {
		to, from, radixes := w.digits[:half], w.digits[half:], w.radixes[:half]
		if i%2 == 1 {
			to, from, radixes = from, to, w.radixes[half:]
		}
		hi, lo := w.scratch.mac(d.hash, tag+uint64(i)<<8, from)
		stream := w.scratch.draw(d.cipher, seed{hi, lo}, 2)
		var bits, have uint64
		for j, r := range radixes {
			if have < 1<<32 {
				bits, have = stream.next(), math.MaxUint64
			}
			to[j] = byte((uint64(to[j]) + bits%r) % r) //nolint:gosec // below the radix
			bits, have = bits/r, have/r
		}
	}
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// permuteUUID maps a UUID to one of its version and variant.
func (d *domain) permuteUUID(w *Worker, dst, id []byte) []byte {
	var in [16]byte
	n := 0
	for i := 0; i < len(id); i++ {
		if id[i] != '-' {
			in[n] = byte(hexValue(id[i])<<4 | hexValue(id[i+1])) //nolint:gosec // isUUID
			n++
			i++
		}
	}
	hi, lo := binary.BigEndian.Uint64(in[:8]), binary.BigEndian.Uint64(in[8:])
	for {
		hi, lo = w.scratch.encrypt(d.cipher, hi, lo)
		if hi>>12&15 == uint64(in[6]>>4) && lo>>62 == uint64(in[8]>>6) {
			break
		}
	}
	digits := lowerHex
	for _, c := range id {
		if 'A' <= c && c <= 'F' {
			digits = upperHex
		}
	}
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[hi>>60])
		hi, lo = hi<<4|lo>>60, lo<<4
	}
	return dst
}
