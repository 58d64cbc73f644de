package dataset

import (
	"encoding/binary"
)

// numeric appends a decimal number in groups of four digits, as PostgreSQL keeps it.
func numeric(dst, v []byte) ([]byte, error) {
	const negative, nan, infinite, negativeInfinite = 0x4000, 0xC000, 0xD000, 0xF000
	head := func(weight, sign, scale int) { // and of no digits yet
		for _, n := range [...]int{0, weight, sign, scale} {
			dst = binary.BigEndian.AppendUint16(dst, uint16(n)) //nolint:gosec // two's complement, of numbers that were held to it
		}
	}
	switch string(v) {
	case "NaN":
		head(0, nan, 0)
		return dst, nil
	case "Infinity":
		head(0, infinite, 0)
		return dst, nil
	case "-Infinity":
		head(0, negativeInfinite, 0)
		return dst, nil
	}
	sign := 0
	if len(v) > 0 && v[0] == '-' {
		sign, v = negative, v[1:]
	}
	point := len(v)
	for i, c := range v {
		switch {
		case c >= '0' && c <= '9':
		case c == '.' && point == len(v):
			point = i
		default:
			return dst, errValue
		}
	}
	whole, fraction := v[:point], v[min(point+1, len(v)):]
	if len(whole)+len(fraction) == 0 || len(whole) > 1<<16 || len(fraction) > 1<<14-1 {
		return dst, errValue
	}
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	at := len(dst)
	scale, weight := len(fraction), (len(whole)+3)/4-1
	head(weight, sign, scale)
	groups, last := 0, 0 // last: groups up to the last one that is not zero
	group := func(n uint16) {
		dst = binary.BigEndian.AppendUint16(dst, n)
		if groups++; n != 0 {
			last = groups
		}
	}
	for rest := whole; len(rest) > 0; {
		width := (len(rest)-1)%4 + 1
		n := uint16(0)
		for _, c := range rest[:width] {
			n = 10*n + uint16(c-'0')
		}
		group(n)
		rest = rest[width:]
	}
	for rest := fraction; len(rest) > 0; rest = rest[min(4, len(rest)):] {
		n := uint16(0)
		for i := range 4 {
			n *= 10
			if i < len(rest) {
				n += uint16(rest[i] - '0')
			}
		}
		group(n)
	}
	// Leading groups of zeros are no digits, nor are trailing ones.
	first := 0
	body := dst[at+8:]
	for first < last && body[2*first] == 0 && body[2*first+1] == 0 {
		first++
	}
	copy(body, body[2*first:2*last])
	dst = dst[:at+8+2*(last-first)]
	if last == 0 {
		weight, sign = 0, 0
	} else {
		weight -= first
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(last-first)) //nolint:gosec // of 80,000 decimal digits at most
	binary.BigEndian.PutUint16(dst[at+2:], uint16(weight))   //nolint:gosec // two's complement
	binary.BigEndian.PutUint16(dst[at+4:], uint16(sign))
	return dst, nil
}
