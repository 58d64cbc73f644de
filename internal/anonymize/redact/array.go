package redact

import (
	"bytes"
	"errors"
)

// errArray says nothing of the value.
var errArray = errors.New("not an array literal of PostgreSQL's")

// Array rewrites PostgreSQL's array literals. A worker has one; it belongs to one goroutine.
type Array struct{ value, out []byte }

// Rewrite appends a literal such as {a,"b c",NULL}, of any dimensions, with each element that is not NULL replaced by what
// element appends for its value.
func (a *Array) Rewrite(dst, literal []byte, element func(dst, value []byte) ([]byte, error)) ([]byte, error) {
	i := 0
	if len(literal) > 0 && literal[0] == '[' { // bounds, such as [0:2]=
		i = bytes.IndexByte(literal, '=') + 1
		if i == 0 || len(bytes.Trim(literal[:i], "[]0123456789:-+=")) > 0 {
			return dst, errArray
		}
		dst = append(dst, literal[:i]...)
	}
	depth := 0
	fresh, comma := true, false // whether an element, or a brace, may begin here; whether it has to
	for ; i < len(literal); i++ {
		switch c := literal[i]; {
		case c == '{' && fresh && depth < 6:
			depth++
			comma = false
			dst = append(dst, c)
		case c == '}' && depth > 0 && !comma:
			depth--
			fresh = false
			dst = append(dst, c)
			if depth == 0 {
				if i != len(literal)-1 {
					return dst, errArray
				}
				return dst, nil
			}
		case c == ',' && depth > 0 && !fresh:
			fresh, comma = true, true
			dst = append(dst, c)
		case depth == 0 || !fresh:
			return dst, errArray
		default:
			end, quoted, ok := a.read(literal, i)
			if !ok {
				return dst, errArray
			}
			i, fresh, comma = end-1, false, false
			if !quoted && bytes.EqualFold(a.value, []byte("null")) {
				dst = append(dst, "NULL"...)
				continue
			}
			var err error
			if a.out, err = element(a.out[:0], a.value); err != nil {
				return dst, err
			}
			dst = quote(dst, a.out)
		}
	}
	return dst, errArray
}

// read takes the element at literal[i] into a.value.
func (a *Array) read(literal []byte, i int) (end int, quoted, ok bool) {
	a.value = a.value[:0]
	if literal[i] != '"' {
		for ; i < len(literal) && literal[i] != ',' && literal[i] != '}'; i++ {
			switch literal[i] {
			case '\\':
				if i++; i == len(literal) {
					return i, false, false
				}
			case '"', '{':
				return i, false, false
			}
			a.value = append(a.value, literal[i])
		}
		return i, false, len(a.value) > 0
	}
	for i++; i < len(literal); i++ {
		switch literal[i] {
		case '"':
			return i + 1, true, true
		case '\\':
			if i++; i == len(literal) {
				return i, true, false
			}
		}
		a.value = append(a.value, literal[i])
	}
	return i, true, false
}

func quote(dst, value []byte) []byte {
	if len(value) > 0 && !bytes.ContainsAny(value, "{}\",\\ \t\n\r\v\f") && !bytes.EqualFold(value, []byte("null")) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for _, c := range value {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
