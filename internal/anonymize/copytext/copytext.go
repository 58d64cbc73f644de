// Package copytext reads and writes the rows of PostgreSQL's COPY in its text format: a line a row, fields parted by tabs,
// NULL as \N, and backslashes before what would not be plain. It is pure.
package copytext

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Null is the field of a NULL.
var Null = []byte(`\N`)

// IsNull says whether a field is NULL.
func IsNull(field []byte) bool { return len(field) == 2 && field[0] == '\\' && field[1] == 'N' }

// Split parts a line, with or without its line feed, into its fields as they are written, which are appended to fields.
func Split(fields [][]byte, line []byte) [][]byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	from, i := 0, 0
	for ; i+8 <= len(line); i += 8 { // fields are short: to search for each tab takes longer
		for tabs := zeros(binary.LittleEndian.Uint64(line[i:]) ^ '\t'*ones); tabs != 0; tabs &= tabs - 1 {
			at := i + bits.TrailingZeros64(tabs)>>3
			fields = append(fields, line[from:at])
			from = at + 1
		}
	}
	for ; i < len(line); i++ {
		if line[i] == '\t' {
			fields = append(fields, line[from:i])
			from = i + 1
		}
	}
	return append(fields, line[from:])
}

// Eight bytes at a time.
const (
	ones = 0x0101010101010101
	most = 0x7f * ones
)

// zeros has the highest bit of each byte that is zero.
func zeros(x uint64) uint64 { return ^((x&most + most) | x | most) }

// Plain says whether a field is its own value: it has no backslash.
func Plain(field []byte) bool { return bytes.IndexByte(field, '\\') < 0 }

// Unescape appends the value of a field that is not NULL.
func Unescape(dst, field []byte) []byte {
	for {
		i := bytes.IndexByte(field, '\\')
		if i < 0 || i == len(field)-1 {
			return append(dst, field...)
		}
		dst = append(dst, field[:i]...)
		c := field[i+1]
		field = field[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		}
		// COPY TO writes no octal or hexadecimal digits; anything else stands for itself.
		dst = append(dst, c)
	}
}

// Escape appends a value as a field.
func Escape(dst, value []byte) []byte {
	from, i := 0, 0
	for i+8 <= len(value) {
		x := binary.LittleEndian.Uint64(value[i:])
		if (x-0x0e*ones)&^x&^most != 0 || zeros(x^'\\'*ones) != 0 { // below 0x0e, or a backslash
			break
		}
		i += 8
	}
	for ; i < len(value); i++ {
		var e byte
		switch value[i] {
		case '\\':
			e = '\\'
		case '\b':
			e = 'b'
		case '\f':
			e = 'f'
		case '\n':
			e = 'n'
		case '\r':
			e = 'r'
		case '\t':
			e = 't'
		case '\v':
			e = 'v'
		default:
			continue
		}
		dst = append(append(dst, value[from:i]...), '\\', e)
		from = i + 1
	}
	return append(dst, value[from:]...)
}
