// Package copytext reads and writes the rows of PostgreSQL's COPY in its text format: a line a row, fields parted by tabs,
// NULL as \N, and backslashes before what would not be plain. It is pure.
package copytext

import "bytes"

// Null is the field of a NULL.
var Null = []byte(`\N`)

// IsNull says whether a field is NULL.
func IsNull(field []byte) bool { return len(field) == 2 && field[0] == '\\' && field[1] == 'N' }

// Split parts a line, with or without its line feed, into its fields as they are written, which are appended to fields.
func Split(fields [][]byte, line []byte) [][]byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	for {
		i := bytes.IndexByte(line, '\t')
		if i < 0 {
			return append(fields, line)
		}
		fields = append(fields, line[:i])
		line = line[i+1:]
	}
}

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
	from := 0
	for i, c := range value {
		var e byte
		switch c {
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
